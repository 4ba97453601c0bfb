"""The market as it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from tasks.connections.ib.contracts import Contract, Quote
from tasks.connections.ib.rows.ticks import Greeks
from tasks.connections.ib.services.asking import close_all
from tasks.connections.ib.services.reference import Reference
from tasks.connections.problems import ConnectionProblem, DataProblem, DeadlinePassed, Problem
from tasks.connections.scope import current

if TYPE_CHECKING:
    from tasks.connections.ib.subscriptions import Subscription

EventKind = Literal["Last", "AllLast", "BidAsk", "MidPoint"]

MODEL = (13, 83)
"""Types of the ticks that hold the broker's own model of an option, live and delayed."""

AT_ONCE = 50
SLICE = 0.05


class Market(Reference):
    """Quotes, ticks and options' computations."""

    def is_simulated(self) -> bool:
        """Whether the market isn't real."""
        return self._bridge().is_simulated

    def quotes(self, contracts: Sequence[Contract], timeout: float = 20.0) -> dict[int, Quote]:
        """A snapshot of the market in each contract, by its id.

        A contract whose request fails, or has no answer within `timeout` seconds, gets a quote
        without prices that says why; only where that is so for all of them does it raise.
        """
        from tasks.connections.ib.client import wire_contract
        from tasks.connections.ib.snapshots import read_quote

        self._bridge()
        answers = self._ask_each(
            "quote",
            self._routed(contracts),
            lambda client, number, contract: client.reqMktData(number, wire_contract(contract), "", True, False, []),
            lambda client, number: client.cancelMktData(number),
            slots=self._borrowed().lines,
            timeout=timeout,
        )
        is_simulated = self.is_simulated()
        return {
            con_id: Quote(con_id, reason=str(answer))
            if isinstance(answer, Problem)
            else read_quote(con_id, answer, is_simulated)
            for con_id, answer in answers.items()
        }

    def follow_ticks(self, contracts: Sequence[Contract], generic: str = "") -> dict[int, Subscription | DataProblem]:
        """Ticks of each contract as they come: rows are those of `tasks.connections.ib.rows.ticks`.

        Parameters
        ----------
        generic
            Numbers of the groups of ticks wanted beside the usual ones, separated by commas.
        """
        from tasks.connections.ib.client import wire_contract

        return self._follow_each(
            "ticks",
            self._routed(contracts),
            lambda client, number, contract: client.reqMktData(
                *(number, wire_contract(contract), generic, False, False, [])
            ),
            lambda client, number: client.cancelMktData(number),
        )

    def follow_quotes(self, contracts: Sequence[Contract]) -> dict[int, Subscription | DataProblem]:
        """The latest prices and sizes of each contract, however fast they come: rows are `LatestQuote`."""
        from tasks.connections.ib.client import wire_contract

        return self._follow_each(
            "quotes",
            self._routed(contracts),
            lambda client, number, contract: client.reqMktData(
                *(number, wire_contract(contract), "", False, False, [])
            ),
            lambda client, number: client.cancelMktData(number),
            latest=True,
        )

    def follow_events(self, contracts: Sequence[Contract], kind: EventKind) -> dict[int, Subscription | DataProblem]:
        """Every trade, or every change of bid and ask or of the middle: rows are `Trade`, `BidAsk` or `Midpoint`."""
        from tasks.connections.ib.client import wire_contract

        return self._follow_each(
            f"tick-by-tick {kind}",
            self._routed(contracts),
            lambda client, number, contract: client.reqTickByTickData(
                *(number, wire_contract(contract), kind, 0, False)
            ),
            lambda client, number: client.cancelTickByTickData(number),
        )

    def option_ticks(self, options: Sequence[Contract], timeout: float = 10.0) -> dict[int, list[Any] | Problem]:
        """The ticks of each option until the broker's model of it has come, or why there are none, by id.

        Where the model doesn't come within `timeout` seconds, whatever has come counts; nothing at
        all is a problem. Raises a retryable one only where every option has one.
        """
        found: dict[int, list[Any] | Problem] = {}
        for start in range(0, len(options), AT_ONCE):
            found |= self._some_option_ticks(options[start : start + AT_ONCE], timeout)
        lost = [answer for answer in found.values() if isinstance(answer, Problem) and answer.retryable]
        if lost and len(lost) == len(found):
            raise lost[0]
        return found

    def _some_option_ticks(self, options: Sequence[Contract], timeout: float) -> dict[int, list[Any] | Problem]:
        scope = current()
        until = time.monotonic() + timeout
        followed = self.follow_ticks(options)
        ticks: dict[int, list[Any]] = {con_id: [] for con_id in followed}
        try:
            waiting = {con_id: each for con_id, each in followed.items() if not isinstance(each, Problem)}
            while waiting and time.monotonic() < until:
                if scope.deadline.passed:
                    raise DeadlinePassed("Option computations: no answer before the step's time was up.")
                for con_id, subscription in list(waiting.items()):
                    ticks[con_id] += [row for _, _, row in subscription.take(SLICE if len(waiting) == 1 else 0)]
                    if subscription.done or any(tick[0] in MODEL for tick in ticks[con_id]):
                        del waiting[con_id]
                if len(waiting) > 1:
                    time.sleep(SLICE)
        finally:
            close_all(followed)
        return {con_id: self._outcome(each, ticks[con_id], timeout) for con_id, each in followed.items()}

    def _outcome(self, asked: Subscription | DataProblem, ticks: list[Any], timeout: float) -> list[Any] | Problem:
        if isinstance(asked, Problem):
            return asked
        if any(isinstance(tick[1], Greeks) for tick in ticks):
            return ticks
        return asked.problem or ConnectionProblem(f"{asked.what}: no computation came within {timeout:g} s.")
