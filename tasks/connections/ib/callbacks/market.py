"""The market as it is."""

from __future__ import annotations

from typing import Any

from tasks.connections.ib.callbacks.sink import Callbacks
from tasks.connections.ib.contracts import number


class MarketCallbacks(Callbacks):
    """Ticks."""

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
