"""Bars of the past."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from tasks.connections.ib.callbacks.sink import Callbacks
from tasks.connections.ib.contracts import DailyBar, number


class HistoryCallbacks(Callbacks):
    """Bars."""

    def historicalData(self, reqId: int, bar: Any) -> None:  # noqa: N802, N803
        session = _session(str(bar.date))
        prices = (number(bar.open), number(bar.high), number(bar.low), number(bar.close))
        self._sink.row(reqId, DailyBar(session, *prices, number(bar.volume)))

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:  # noqa: N802, N803
        self._sink.end(reqId)


def _session(text: str) -> date:
    """A daily bar's date: `yyyymmdd`, or else seconds since 1970."""
    if len(text) == 8:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
    return datetime.fromtimestamp(int(text), UTC).date()
