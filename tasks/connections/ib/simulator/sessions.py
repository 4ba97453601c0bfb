"""The simulated market's hours: its sessions, and where a moment lies in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.connections.calendars import exchange_calendar

SECOND = 1_000_000_000
ZONE = "America/New_York"


@dataclass(frozen=True)
class Moment:
    """Where a moment lies in the market's sessions."""

    session: int
    """Index of the latest session that has opened."""
    is_open: bool
    share: float
    """How much of that session is over, 0 to 1."""
    last_trade: int
    """The moment itself or, when the market is shut, its last close; nanoseconds since 1970."""


class Sessions:
    """Opening and closing times of the New York Stock Exchange on the given days and of the session after them."""

    def __init__(self, days: NDArray[np.datetime64]) -> None:
        self.days = days
        first, last = (pd.Timestamp(day) for day in days[[0, -1]])
        calendar = exchange_calendar("XNYS", first, last + pd.Timedelta(days=14))
        count = len(days) + 1
        self.opens = calendar.opens.loc[first:].iloc[:count].to_numpy("datetime64[ns]").astype(np.int64)
        self.closes = calendar.closes.loc[first:].iloc[:count].to_numpy("datetime64[ns]").astype(np.int64)
        self._opens, self._closes = self.opens.tolist(), self.closes.tolist()

    @property
    def span(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """When there are prices, UTC: from the opening of the second day to before the session after the last."""
        return instant(self._opens[1]), instant(self._opens[-1])

    def covers(self, now: int) -> bool:
        """Whether there are prices then."""
        return bool(self._opens[1] <= now < self._opens[-1])

    def moment(self, now: int) -> Moment:
        """Place a moment, in nanoseconds since 1970, that is covered."""
        session = int(np.searchsorted(self.opens, now, side="right")) - 1
        opened, closed = self._opens[session], self._closes[session]
        share = min(1.0, (now - opened) / (closed - opened))
        return Moment(session, now < closed, share, min(now, closed))

    def before(self, until: int) -> int:
        """Index of the latest session that opened before this moment."""
        return int(np.searchsorted(self.opens, until, side="left")) - 1

    def minutes(self, session: int) -> int:
        """Length of a session: 390, or 210 before some holidays."""
        return int((self._closes[session] - self._opens[session]) // (60 * SECOND))


def instant(nanoseconds: int) -> pd.Timestamp:
    """Nanoseconds since 1970 as a time, UTC."""
    return pd.Timestamp(nanoseconds, unit="ns", tz="UTC")
