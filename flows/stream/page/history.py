"""A few numbers of a frame of one row, over the day: what the plots are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from flows.stream.page.columns import Kind
from flows.stream.page.looks import Look
from flows.stream.page.tables import Change, arrow

EVERY = 1.0
"""Seconds between two points, at least."""
POINTS = 30_000
"""More than a session of them; the oldest go first."""


class History:
    """Points of the plots of one table.

    Parameters
    ----------
    look
        Its charts name the columns.
    """

    def __init__(self, look: Look) -> None:
        self._lines = {line: name for chart in look.charts for line, name in chart.lines.items()}
        self.kinds: dict[str, Kind] = {"time": "datetime", **dict.fromkeys(self._lines, "float")}
        self._points: list[tuple[float, ...]] = []
        self._sent = 0
        self._noted = float("-inf")
        self._last: tuple[pd.DataFrame, float] | None = None

    def note(self, frame: pd.DataFrame, time: pd.Timestamp, monotonic: float) -> None:
        """Add a point, if the last is long enough ago.

        Parameters
        ----------
        frame
            Its first row counts.
        time
            Of the picture.
        monotonic
            Now, in seconds.
        """
        if not len(frame) or monotonic - self._noted < EVERY:
            return
        moment = time.value // 1_000_000
        if self._points and moment <= self._points[-1][0]:
            return
        self._noted = monotonic
        row = frame.iloc[0]
        values = [_number(row, name) for name in self._lines.values()]
        self._points.append((moment, *values))
        if len(self._points) > POINTS:
            self._points.pop(0)
            self._sent = max(0, self._sent - 1)

    def news(self) -> Change | None:
        """Points that weren't told yet."""
        new = self._points[self._sent :]
        self._sent = len(self._points)
        return self._change(new) if new else None

    def whole(self) -> Change:
        """All of them."""
        return self._change(self._points)

    def _change(self, points: list[tuple[float, ...]]) -> Change:
        table = np.array(points, dtype=np.float64).reshape(len(points), len(self.kinds))
        columns = {name: table[:, at] for at, name in enumerate(self.kinds)}
        columns["time"] = columns["time"].astype(np.int64)
        return Change(arrow(columns, self.kinds), len(points))


def _number(row: pd.Series[Any], name: str) -> float:
    """A column of the row; `upper` and `lower` are the edges of its band."""
    if name in {"upper", "lower"}:
        half = float(row["band"])
        return float(row["target_beta"]) + (half if name == "upper" else -half)
    value = row.get(name)
    return float("nan") if value is None else float(value)
