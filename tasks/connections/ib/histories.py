"""Requests for bars, within the broker's limits."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

from tasks.connections.ib.bridge import Bridge
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.pacing_ledger import REPEAT, HistorySlots, PacingLedger
from tasks.connections.ib.requests import Request
from tasks.connections.problems import DataProblem
from tasks.connections.scope import current

FINE = frozenset({"1 secs", "5 secs", "10 secs", "15 secs", "30 secs"})
"""Sizes of bars that the broker counts for ten minutes."""

LONGEST_IN_DAYS = 365
SESSIONS_A_YEAR = 250
"""Fewer than any year has, so that years asked for are never too few."""

SHOWN = {"CASH": "MIDPOINT", "CFD": "MIDPOINT", "CMDTY": "MIDPOINT", "CRYPTO": "AGGTRADES"}
"""What the broker has daily bars of, by type; TRADES for the others. Only stocks and funds are adjusted."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which bars are asked for; two that are equal are the same question to the broker."""

    contract: Contract
    duration: str
    size: str = "1 day"
    what: str = "TRADES"
    end: str = ""
    """`yyyymmdd-HH:MM:SS`, UTC; empty: now."""
    regular_hours: bool = True

    def __str__(self) -> str:
        kind = "Daily history" if self.size == "1 day" else f"History of {self.size}"
        return f"{kind} of {self.contract}"


def daily(contract: Contract, sessions: int, adjusted: bool) -> Question:
    """The question for at least the latest `sessions` daily bars; only stocks and funds are adjusted."""
    what = SHOWN.get(contract.security_type, "TRADES")
    if adjusted and contract.security_type == "STK":
        what = "ADJUSTED_LAST"
    return Question(contract, duration(sessions), what=what)


class Histories:
    """Asks for bars; the same question within 15 seconds gets the same answer, from memory.

    Parameters
    ----------
    ledger
        Of what all processes of the desk ask for; None: the gateway doesn't count.
    """

    def __init__(self, ledger: PacingLedger | None = None) -> None:
        self.slots = HistorySlots(ledger)
        self._ledger = ledger
        self._asked: dict[Question, tuple[float, Bridge, Request]] = {}
        self._pruned_at = 0.0
        self._lock = threading.Lock()

    def ask(self, bridge: Bridge, question: Question, connection: str, timeout: float) -> Request:
        """A request for these bars, sent now or less than 15 seconds ago.

        Raises `DeadlinePassed` when the step's time is up before it may be sent.
        """
        contract, what = question.contract, str(question)
        while True:
            with self._lock:
                known = self._known(question, bridge)
            if isinstance(known, Request):
                return known
            if known > 0:
                current().deadline.check(what)
                time.sleep(min(known, 0.2))
                continue
            self.admit(repr(question), contract, question.what, question.size in FINE, what)
            with self._lock:
                known = self._known(question, bridge)  # another thread may have asked by now
                if known == 0:
                    request = self._send(bridge, question, connection, timeout)
                    self._asked[question] = (time.monotonic(), bridge, request)
                    return request

    def admit(self, identity: str, contract: Contract, shown: str, is_fine: bool, what: str) -> None:
        """Wait until a request for history may be sent: bars or ticks, through `ask` or not.

        Parameters
        ----------
        identity
            The request in full.
        shown
            Of which prices: `TRADES`, `BID_ASK` …
        is_fine
            Whether it is for bars of 30 seconds or less, or for ticks.
        what
            For errors.

        Raises `DeadlinePassed` when the step's time is up first.
        """
        if self._ledger is not None:
            weight = (2 if shown == "BID_ASK" else 1) if is_fine else 0
            self._ledger.enter(identity, f"{contract.con_id} {contract.exchange} {shown}", weight, what)

    def cancel(self, bridge: Bridge, request: Request) -> None:
        """Tell the gateway that the bars are no longer wanted."""
        bridge.cancel(request, lambda client: client.cancelHistoricalData(request.number))

    def _known(self, question: Question, bridge: Bridge) -> Request | float:
        """The request that serves, or the seconds before another may be sent."""
        now = time.monotonic()
        if now - self._pruned_at > REPEAT:
            self._asked = {key: known for key, known in self._asked.items() if self._counts(known, now)}
            self._pruned_at = now
        if question not in self._asked or not self._counts(self._asked[question], now):
            return 0.0
        asked_at, asked_of, request = self._asked[question]
        if not request.done or request.problem is None or isinstance(request.problem, DataProblem):
            return request
        if asked_of is not bridge:
            if self._ledger is not None:
                self._ledger.forget(repr(question))
            return 0.0  # it was lost with its connection, and never answered
        return REPEAT - (now - asked_at)

    def _counts(self, known: tuple[float, Bridge, Request], now: float) -> bool:
        """Whether a request is still under way, or was made not long ago."""
        asked_at, _, request = known
        return now - asked_at < REPEAT or not request.done

    def _send(self, bridge: Bridge, asked: Question, connection: str, timeout: float) -> Request:
        from tasks.connections.ib.client import wire_contract

        wire = wire_contract(asked.contract)
        return bridge.ask(
            "daily history" if asked.size == "1 day" else "history",
            str(asked),
            lambda client, number: client.reqHistoricalData(
                *(number, wire, asked.end, asked.duration, asked.size, asked.what, int(asked.regular_hours)),
                *(2, False, []),
            ),
            connection=connection,
            con_id=asked.contract.con_id,
            timeout=timeout,
        )


def duration(sessions: int) -> str:
    """The duration that brings at least so many daily bars; days are trading days, and no more than 365."""
    return f"{sessions} D" if sessions <= LONGEST_IN_DAYS else f"{math.ceil(sessions / SESSIONS_A_YEAR)} Y"
