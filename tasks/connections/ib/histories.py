"""Requests for daily bars, within the broker's limits."""

from __future__ import annotations

import math
import threading
import time

from tasks.connections.ib.bridge import Bridge
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.pacing import Slots, Window
from tasks.connections.ib.requests import Request
from tasks.connections.problems import DataProblem
from tasks.connections.scope import current

REPEAT = 15.0
"""Seconds within which the broker takes an identical request for a violation."""

LONGEST_IN_DAYS = 365
SESSIONS_A_YEAR = 250
"""Fewer than any year has, so that years asked for are never too few."""

SHOWN = {"CASH": "MIDPOINT", "CFD": "MIDPOINT", "CMDTY": "MIDPOINT", "CRYPTO": "AGGTRADES"}
"""What the broker has daily bars of, by type; TRADES for the others. Only stocks and funds are adjusted."""

Identity = tuple[Contract, str, str]


class Histories:
    """Asks for daily bars; the same question within 15 seconds gets the same answer, from memory."""

    def __init__(self) -> None:
        self.slots = Slots(50)
        self._window = Window(limit=5, seconds=2.0)
        self._asked: dict[Identity, tuple[float, Bridge, Request]] = {}
        self._pruned_at = 0.0
        self._lock = threading.Lock()

    def ask(
        self, bridge: Bridge, contract: Contract, sessions: int, adjusted: bool, connection: str, timeout: float
    ) -> Request:
        """A request for the latest `sessions` daily bars, sent now or less than 15 seconds ago.

        Raises `DeadlinePassed` when the step's time is up before it may be sent.
        """
        shown = SHOWN.get(contract.security_type, "TRADES")
        if adjusted and contract.security_type == "STK":
            shown = "ADJUSTED_LAST"
        identity = (contract, duration(sessions), shown)
        what = f"Daily history of {contract}"
        while True:
            with self._lock:
                known = self._known(identity, bridge)
            if isinstance(known, Request):
                return known
            if known > 0:
                current().deadline.check(what)
                time.sleep(min(known, 0.2))
                continue
            self._window.enter((contract.con_id, contract.exchange, shown), what)
            with self._lock:
                known = self._known(identity, bridge)  # another thread may have asked by now
                if known == 0:
                    request = self._send(bridge, identity, what, connection, timeout)
                    self._asked[identity] = (time.monotonic(), bridge, request)
                    return request

    def cancel(self, bridge: Bridge, request: Request) -> None:
        """Tell the gateway that the bars are no longer wanted."""
        bridge.cancel(request, lambda client: client.cancelHistoricalData(request.number))

    def _known(self, identity: Identity, bridge: Bridge) -> Request | float:
        """The request that serves, or the seconds before another may be sent."""
        now = time.monotonic()
        if now - self._pruned_at > REPEAT:
            self._asked = {key: known for key, known in self._asked.items() if self._counts(known, now)}
            self._pruned_at = now
        if identity not in self._asked or not self._counts(self._asked[identity], now):
            return 0.0
        asked_at, asked_of, request = self._asked[identity]
        if not request.done or request.problem is None or isinstance(request.problem, DataProblem):
            return request
        if asked_of is not bridge:
            return 0.0  # it was lost with its connection, and never answered
        return REPEAT - (now - asked_at)

    def _counts(self, known: tuple[float, Bridge, Request], now: float) -> bool:
        """Whether a request is still under way, or was made not long ago."""
        asked_at, _, request = known
        return now - asked_at < REPEAT or not request.done

    def _send(self, bridge: Bridge, identity: Identity, what: str, connection: str, timeout: float) -> Request:
        from tasks.connections.ib.client import wire_contract

        contract, length, shown = identity
        wire = wire_contract(contract)
        return bridge.ask(
            "daily history",
            what,
            lambda client, number: client.reqHistoricalData(number, wire, "", length, "1 day", shown, 1, 2, False, []),
            connection=connection,
            con_id=contract.con_id,
            timeout=timeout,
        )


def duration(sessions: int) -> str:
    """The duration that brings at least so many daily bars; days are trading days, and no more than 365."""
    return f"{sessions} D" if sessions <= LONGEST_IN_DAYS else f"{math.ceil(sessions / SESSIONS_A_YEAR)} Y"
