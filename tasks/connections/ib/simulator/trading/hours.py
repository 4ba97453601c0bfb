"""When the simulated market trades, and at which moments orders are looked at."""

from __future__ import annotations

import numpy as np

from tasks.connections.ib.simulator.market import Market

SECOND = 1_000_000_000
STEP = SECOND
"""Between two looks at the market, on a grid that doesn't depend on when one asks."""

MOST_STEPS = 128
"""Looks in one leap of the clock; a longer one is looked at in as many evenly spaced steps of the grid."""


class Hours:
    """Openings and closings of the market, nanoseconds since 1970."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._opens, self._closes = market.hours.opens, market.hours.closes

    def is_open(self, now: int) -> bool:
        """Whether the market trades then; never beyond its data."""
        return self._market.covers(now) and self._market.moment(now).is_open

    def has_data(self, now: int) -> bool:
        """Whether the market has prices then."""
        return self._market.covers(now)

    def close(self, now: int) -> int:
        """Of the session that runs then or, while the market is shut, of the next one."""
        return int(self._closes[min(int(np.searchsorted(self._closes, now, side="right")), len(self._closes) - 1)])

    def next_open(self, now: int) -> int:
        """Of the first session that opens after `now`."""
        return int(self._opens[min(int(np.searchsorted(self._opens, now, side="right")), len(self._opens) - 1)])

    def steps(self, last: int, now: int) -> list[int]:
        """The moments after `last` and up to `now` at which orders are looked at, ascending.

        The seconds of the sessions in between and every opening and closing; in a leap of more than
        `MOST_STEPS` seconds so many of them, evenly spaced.
        """
        first, end = (int(np.searchsorted(self._opens, moment, side="right")) for moment in (last, now))
        turns = (*self._opens[first:end].tolist(), *self._closes[max(first - 1, 0) : end].tolist())
        marks = {moment for moment in turns if last < moment <= now}
        grid = range((last // STEP + 1) * STEP, now + 1, STEP)
        stride = max(1, -(-len(grid) // MOST_STEPS))
        marks.update(moment for moment in grid[::-1][::stride] if self.is_open(moment))
        return sorted(marks)
