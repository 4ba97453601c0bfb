"""The callbacks of the broker's client, turned into plain rows.

Imports `ibapi`: import this module only when a connection is opened.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Protocol

from ibapi.wrapper import EWrapper

from tasks.connections.ib.client import plain_contract
from tasks.connections.ib.contracts import ContractDetails, DailyBar, Position, number


class Sink(Protocol):
    """Where rows go."""

    def row(self, request: int | None, row: Any) -> None:
        """A row of a request; None: of the positions under way."""

    def end(self, request: int | None) -> None:
        """No more rows will come."""

    def failed(self, request: int, code: int, text: str) -> None:
        """An error or a notice; a negative id belongs to no request."""

    def started(self, accounts: list[str] | None, next_id: int | None) -> None:
        """The gateway has let us in, or part of it."""

    def time(self, seconds: int) -> None:
        """The gateway's time, in seconds since 1970."""


class Receiver(EWrapper):  # type: ignore[misc]  # ibapi ships no types
    """Never blocks; what it raises is caught by its caller, one message at a time."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def error(self, request: int, *rest: Any) -> None:
        """(code, text) in 9.81, then (code, text, json), then (time, code, text, json)."""
        place = 1 if len(rest) > 1 and not isinstance(rest[1], str) else 0
        self._sink.failed(int(request), int(rest[place]), str(rest[place + 1]))

    def nextValidId(self, orderId: int) -> None:  # noqa: N802, N803
        self._sink.started(None, int(orderId))

    def managedAccounts(self, accountsList: str) -> None:  # noqa: N802, N803
        self._sink.started([account.strip() for account in accountsList.split(",") if account.strip()], None)

    def currentTime(self, time: int) -> None:  # noqa: N802
        self._sink.time(int(time))

    def position(self, account: str, contract: Any, position: Any, avgCost: Any) -> None:  # noqa: N803
        self._sink.row(None, Position(account, plain_contract(contract), number(position), number(avgCost)))

    def positionEnd(self) -> None:  # noqa: N802
        self._sink.end(None)

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:  # noqa: N802, N803
        contract = contractDetails.contract
        listing = contract.primaryExchange or contract.exchange
        details = ContractDetails(
            contract=plain_contract(contract),
            name=contractDetails.longName,
            listing=listing,
            minimum_tick=number(contractDetails.minTick),
            time_zone=contractDetails.timeZoneId,
        )
        self._sink.row(reqId, details)

    def contractDetailsEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self._sink.end(reqId)

    def historicalData(self, reqId: int, bar: Any) -> None:  # noqa: N802, N803
        session = _session(str(bar.date))
        prices = (number(bar.open), number(bar.high), number(bar.low), number(bar.close))
        self._sink.row(reqId, DailyBar(session, *prices, number(bar.volume)))

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:  # noqa: N802, N803
        self._sink.end(reqId)

    def tickPrice(self, reqId: int, tickType: int, price: Any, attrib: Any) -> None:  # noqa: N802, N803
        self._sink.row(reqId, (int(tickType), number(price)))

    def tickString(self, reqId: int, tickType: int, value: str) -> None:  # noqa: N802, N803
        self._sink.row(reqId, (int(tickType), value))

    def tickGeneric(self, reqId: int, tickType: int, value: Any) -> None:  # noqa: N802, N803
        self._sink.row(reqId, (int(tickType), number(value)))

    def marketDataType(self, reqId: int, marketDataType: int) -> None:  # noqa: N802, N803
        self._sink.row(reqId, ("market data type", int(marketDataType)))

    def tickSnapshotEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self._sink.end(reqId)


def _session(text: str) -> date:
    """A daily bar's date: `yyyymmdd`, or else seconds since 1970."""
    if len(text) == 8:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
    return datetime.fromtimestamp(int(text), UTC).date()
