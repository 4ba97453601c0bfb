"""Bars and ticks of the past, and bars that go on."""

from __future__ import annotations

from typing import Any

from tasks.connections.ib.callbacks.sink import Callbacks
from tasks.connections.ib.contracts import number
from tasks.connections.ib.rows.bars import Bar, RealTimeBar
from tasks.connections.ib.rows.ticks import BidAsk, Midpoint, Trade


class HistoryCallbacks(Callbacks):
    """Bars, and ticks of the past."""

    def historicalData(self, reqId: int, bar: Any) -> None:  # noqa: N802, N803
        self._sink.row(reqId, _bar(bar))

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:  # noqa: N802, N803
        self._sink.end(reqId)

    def historicalDataUpdate(self, reqId: int, bar: Any) -> None:  # noqa: N802, N803
        self._sink.row(reqId, _bar(bar))

    def realtimeBar(  # noqa: N802
        self,
        reqId: int,  # noqa: N803
        time: int,
        open_: Any,
        high: Any,
        low: Any,
        close: Any,
        volume: Any,
        wap: Any,
        count: Any,
    ) -> None:
        numbers = (open_, high, low, close, volume, wap, count)
        self._sink.row(reqId, RealTimeBar(int(time), *(number(value) for value in numbers)))

    def historicalTicks(self, reqId: int, ticks: Any, done: bool) -> None:  # noqa: N802, N803
        for tick in ticks:
            self._sink.row(reqId, Midpoint(int(tick.time), number(tick.price)))
        self._end(reqId, done)

    def historicalTicksBidAsk(self, reqId: int, ticks: Any, done: bool) -> None:  # noqa: N802, N803
        for tick in ticks:
            flags = tick.tickAttribBidAsk
            row = BidAsk(
                int(tick.time),
                number(tick.priceBid),
                number(tick.priceAsk),
                number(tick.sizeBid),
                number(tick.sizeAsk),
                bool(flags.bidPastLow),
                bool(flags.askPastHigh),
            )
            self._sink.row(reqId, row)
        self._end(reqId, done)

    def historicalTicksLast(self, reqId: int, ticks: Any, done: bool) -> None:  # noqa: N802, N803
        for tick in ticks:
            flags = tick.tickAttribLast
            row = Trade(
                int(tick.time),
                number(tick.price),
                number(tick.size),
                tick.exchange,
                tick.specialConditions,
                bool(flags.pastLimit),
                bool(flags.unreported),
            )
            self._sink.row(reqId, row)
        self._end(reqId, done)

    def _end(self, request: int, done: bool) -> None:
        if done:
            self._sink.end(request)


def _bar(bar: Any) -> Bar:
    average = bar.average if hasattr(bar, "average") else bar.wap  # 9.81, then 10.x
    numbers = (bar.open, bar.high, bar.low, bar.close, bar.volume, average, bar.barCount)
    return Bar(str(bar.date), *(number(value) for value in numbers))
