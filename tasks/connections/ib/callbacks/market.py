"""The market as it is. What each row is: see `tasks.connections.ib.rows.ticks`."""

from __future__ import annotations

import math
from typing import Any

from tasks.connections.ib.callbacks.sink import Callbacks
from tasks.connections.ib.contracts import number
from tasks.connections.ib.rows.ticks import MARKET_DATA_TYPE, BidAsk, Greeks, Midpoint, Trade


class MarketCallbacks(Callbacks):
    """Ticks."""

    def tickPrice(self, reqId: int, tickType: int, price: Any, attrib: Any) -> None:  # noqa: N802, N803
        flags = bool(attrib.canAutoExecute) | bool(attrib.pastLimit) << 1 | bool(attrib.preOpen) << 2
        self._sink.row(reqId, (int(tickType), number(price), flags))

    def tickSize(self, reqId: int, tickType: int, size: Any) -> None:  # noqa: N802, N803
        self._sink.row(reqId, (int(tickType), number(size)))

    def tickString(self, reqId: int, tickType: int, value: str) -> None:  # noqa: N802, N803
        self._sink.row(reqId, (int(tickType), value))

    def tickGeneric(self, reqId: int, tickType: int, value: Any) -> None:  # noqa: N802, N803
        self._sink.row(reqId, (int(tickType), number(value)))

    def tickOptionComputation(  # noqa: N802
        self,
        reqId: int,  # noqa: N803
        tickType: int,  # noqa: N803
        tickAttrib: Any,  # noqa: N803
        impliedVol: Any,  # noqa: N803
        delta: Any,
        optPrice: Any,  # noqa: N803
        pvDividend: Any,  # noqa: N803
        gamma: Any,
        vega: Any,
        theta: Any,
        undPrice: Any,  # noqa: N803
    ) -> None:
        numbers = (impliedVol, delta, optPrice, pvDividend, gamma, vega, theta, undPrice)
        greeks = Greeks(*(math.nan if value is None else number(value) for value in numbers))
        self._sink.row(reqId, (int(tickType), greeks))

    def marketDataType(self, reqId: int, marketDataType: int) -> None:  # noqa: N802, N803
        self._sink.row(reqId, (MARKET_DATA_TYPE, int(marketDataType)))

    def tickSnapshotEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self._sink.end(reqId)

    def tickByTickAllLast(  # noqa: N802
        self,
        reqId: int,  # noqa: N803
        tickType: int,  # noqa: N803
        time: int,
        price: Any,
        size: Any,
        tickAttribLast: Any,  # noqa: N803
        exchange: str,
        specialConditions: str,  # noqa: N803
    ) -> None:
        flags = (bool(tickAttribLast.pastLimit), bool(tickAttribLast.unreported))
        self._sink.row(reqId, Trade(int(time), number(price), number(size), exchange, specialConditions, *flags))

    def tickByTickBidAsk(  # noqa: N802
        self,
        reqId: int,  # noqa: N803
        time: int,
        bidPrice: Any,  # noqa: N803
        askPrice: Any,  # noqa: N803
        bidSize: Any,  # noqa: N803
        askSize: Any,  # noqa: N803
        tickAttribBidAsk: Any,  # noqa: N803
    ) -> None:
        numbers = (number(bidPrice), number(askPrice), number(bidSize), number(askSize))
        flags = (bool(tickAttribBidAsk.bidPastLow), bool(tickAttribBidAsk.askPastHigh))
        self._sink.row(reqId, BidAsk(int(time), *numbers, *flags))

    def tickByTickMidPoint(self, reqId: int, time: int, midPoint: Any) -> None:  # noqa: N802, N803
        self._sink.row(reqId, Midpoint(int(time), number(midPoint)))
