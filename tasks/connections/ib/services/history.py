"""Bars and ticks of the past, and bars that go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.bars import Bar
from tasks.connections.ib.rows.ticks import BidAsk, Midpoint, Trade
from tasks.connections.ib.services.asking import Send
from tasks.connections.ib.services.reference import Reference
from tasks.connections.problems import DataProblem, DeadlinePassed, Problem

if TYPE_CHECKING:
    from tasks.connections.ib.histories import Question
    from tasks.connections.ib.subscriptions import Subscription

TickKind = Literal["TRADES", "BID_ASK", "MIDPOINT"]
Tick = Trade | BidAsk | Midpoint

TICKS_AT_ONCE = 1000
"""Most ticks in an answer; the last second of them is whole all the same."""


class History(Reference):
    """Bars, and ticks of the past."""

    def daily_history(
        self, contracts: Sequence[Contract], sessions: int, adjusted: bool = True, timeout: float = 60.0
    ) -> dict[int, list[Bar] | DataProblem]:
        """The latest daily bars by contract id, oldest first, or why there are none.

        In a session the last bar is the session's so far. `adjusted` closes are those of the
        broker's ADJUSTED_LAST, for splits and dividends, which always end now.

        Parameters
        ----------
        contracts
            With their ids; one that is named twice is asked once.
        sessions
            How many bars; there may be more where they are over 365.
        timeout
            Seconds for each answer.
        """
        from tasks.connections.ib.histories import daily

        routed = self._routed(contracts)
        questions = [daily(each, sessions, adjusted) for each in routed.values() if isinstance(each, Contract)]
        answers = self._ask_bars(questions, timeout, "daily history")
        bars: dict[int, list[Bar] | DataProblem] = {}
        for con_id, contract in routed.items():
            answer = answers[con_id] if isinstance(contract, Contract) else contract
            if isinstance(answer, Problem) and not isinstance(answer, DataProblem):
                raise answer
            bars[con_id] = answer
        return bars

    def bars(
        self,
        contracts: Sequence[Contract],
        duration: str,
        size: str,
        what: str = "TRADES",
        end: str = "",
        regular_hours: bool = True,
        timeout: float = 60.0,
    ) -> dict[int, list[Bar] | Problem]:
        """Bars by contract id, oldest first, or why there are none.

        Raises a retryable problem only where every contract has one, or the connection is lost.

        Parameters
        ----------
        duration
            How far to reach back from `end`, in the broker's words: `2 D`, `1800 S`, `1 W`; days are trading days.
        size
            `1 min`, `5 mins`, `1 hour`, `1 day` …
        what
            Of which prices: `TRADES`, `MIDPOINT`, `BID`, `ASK`, `ADJUSTED_LAST` …
        end
            `yyyymmdd-HH:MM:SS` in UTC; empty: now.
        """
        from tasks.connections.ib.histories import Question

        routed = self._routed(contracts)
        questions = [
            Question(contract, duration, size, what, end, regular_hours)
            for contract in routed.values()
            if isinstance(contract, Contract)
        ]
        answers = self._ask_bars(questions, timeout, "history")
        found: dict[int, list[Bar] | Problem] = {
            con_id: answers[con_id] if isinstance(contract, Contract) else contract
            for con_id, contract in routed.items()
        }
        lost = [answer for answer in found.values() if isinstance(answer, Problem) and answer.retryable]
        if lost and (len(lost) == len(found) or not self._bridge().alive):
            raise lost[0]
        return found

    def each_answer(
        self, questions: Sequence[Question], timeout: float = 60.0
    ) -> Iterator[tuple[int, list[Bar] | Problem]]:
        """Contract ids with their bars, oldest first, or why there are none: each as soon as it has come.

        Parameters
        ----------
        questions
            At most one about each contract; they may be of different lengths.
        timeout
            Seconds for each answer.
        """
        routed = self._routed([question.contract for question in questions])
        asked: list[Question] = []
        for question in questions:
            contract = routed[question.contract.con_id]
            if isinstance(contract, Contract):
                asked.append(replace(question, contract=contract))
            else:
                yield question.contract.con_id, contract
        yield from self._each_bars(asked, timeout, "daily history" if _are_daily(asked) else "history")

    def _ask_bars(self, questions: Sequence[Question], timeout: float, what: str) -> dict[int, list[Any] | Problem]:
        return dict(self._each_bars(questions, timeout, what))

    def _each_bars(
        self, questions: Sequence[Question], timeout: float, what: str
    ) -> Iterator[tuple[int, list[Any] | Problem]]:
        from tasks.connections.ib.fanout import ask_each

        bridge, shared = self._bridge(), self._borrowed()
        asked = {question.contract.con_id: question for question in questions}
        return ask_each(
            [question.contract for question in questions],
            lambda contract: shared.histories.ask(bridge, asked[contract.con_id], self.name, timeout),
            lambda request: shared.histories.cancel(bridge, request),
            shared.histories.slots,
            what,
        )

    def ticks(
        self,
        contract: Contract,
        what: TickKind,
        start: int,
        end: int,
        regular_hours: bool = True,
        limit: int = 100_000,
        timeout: float = 60.0,
    ) -> list[Tick]:
        """Ticks from `start` to before `end`, both in seconds since 1970, oldest first: page by page, a thousand each.

        Raises `DataProblem` where there would be more than `limit`, and as `_ask` does.
        """
        from tasks.connections.ib.client import wire_contract

        (routed,) = self._routed([contract]).values()
        if isinstance(routed, Problem):
            raise routed
        wire = wire_contract(routed)
        found: list[Tick] = []
        slots = self._slots()
        histories = self._borrowed().histories
        while start < end:
            identity = repr((routed, what, start, regular_hours))
            histories.admit(identity, routed, what, is_fine=True, what=f"Ticks of {contract}")
            slots.take("ticks", lambda: None)
            try:
                page: list[Tick] = self._ask(
                    "historical ticks",
                    f"Ticks of {contract}",
                    _ticks_from(wire, start, what, regular_hours),
                    timeout=timeout,
                    con_id=contract.con_id,
                )
            finally:
                slots.give()
                slots.settle()
            found += [tick for tick in page if start <= tick.time < end]
            if len(found) > limit:
                raise DataProblem(
                    f"{contract} has more than {limit:,} ticks in that time.", "Ask for a shorter time, or allow more."
                )
            if len(page) < TICKS_AT_ONCE or page[-1].time < start:
                break
            start = page[-1].time + 1
        return found

    def ticks_of(
        self, contracts: Sequence[Contract], what: TickKind, start: int, end: int, *, regular_hours: bool, limit: int
    ) -> dict[int, list[Tick] | Problem]:
        """The same of several contracts, by their ids, or why there are none."""
        found: dict[int, list[Tick] | Problem] = {}
        for contract in contracts:
            try:
                found[contract.con_id] = self.ticks(contract, what, start, end, regular_hours, limit)
            except DeadlinePassed:
                raise
            except Problem as problem:
                found[contract.con_id] = problem
        lost = [answer for answer in found.values() if isinstance(answer, Problem) and answer.retryable]
        if lost and (len(lost) == len(found) or not self._bridge().alive):
            raise lost[0]
        return found

    def follow_bars(
        self, contracts: Sequence[Contract], duration: str, size: str, what: str = "TRADES", regular_hours: bool = True
    ) -> dict[int, Subscription | DataProblem]:
        """The latest bars of each contract, then the last one whenever it changes, and new ones: rows are `Bar`."""
        from tasks.connections.ib.client import wire_contract

        return self._follow_each(
            f"bars of {size}",
            self._routed(contracts),
            lambda client, number, contract: client.reqHistoricalData(
                *(number, wire_contract(contract), "", duration, size, what, int(regular_hours), 2, True, [])
            ),
            lambda client, number: client.cancelHistoricalData(number),
        )

    def follow_real_time_bars(
        self, contracts: Sequence[Contract], what: str = "TRADES", regular_hours: bool = True
    ) -> dict[int, Subscription | DataProblem]:
        """Bars of five seconds as they end: rows are `RealTimeBar`."""
        from tasks.connections.ib.client import wire_contract

        return self._follow_each(
            "real-time bars",
            self._routed(contracts),
            lambda client, number, contract: client.reqRealTimeBars(
                *(number, wire_contract(contract), 5, what, regular_hours, [])
            ),
            lambda client, number: client.cancelRealTimeBars(number),
        )


def _are_daily(questions: Sequence[Question]) -> bool:
    return all(question.size == "1 day" for question in questions)


def _ticks_from(wire: Any, start: int, what: TickKind, regular_hours: bool) -> Send:
    return lambda client, number: client.reqHistoricalTicks(
        *(number, wire, _moment(start), "", TICKS_AT_ONCE, what, int(regular_hours), False, [])
    )


def _moment(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d-%H:%M:%S")
