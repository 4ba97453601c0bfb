"""The one clock of a run: the wall's, a simulated market's, or one that a test moves by hand."""

from __future__ import annotations

import time
from typing import Protocol, runtime_checkable

import pandas as pd


class Clock(Protocol):
    """Tells the time of the market that a run sees."""

    def now(self) -> pd.Timestamp:
        """The moment, in UTC with nanoseconds."""


@runtime_checkable
class MovableClock(Clock, Protocol):
    """Of a simulated market, which can be taken to any moment that it has prices for."""

    start: pd.Timestamp
    """Where it stood before it was ever moved."""
    span: tuple[pd.Timestamp, pd.Timestamp]
    """The moments that there are prices for: from the first to before the second."""

    def move_to(self, moment: pd.Timestamp) -> None:
        """Go on from this moment."""


class WallClock:
    """The time on the wall."""

    def now(self) -> pd.Timestamp:
        return pd.Timestamp(time.time_ns(), unit="ns", tz="UTC")


class ManualClock:
    """Stands still until moved."""

    def __init__(self, now: str | pd.Timestamp) -> None:
        moment = pd.Timestamp(now)
        self._now = (moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")).as_unit("ns")

    def now(self) -> pd.Timestamp:
        return self._now

    def advance(self, by: pd.Timedelta | str) -> None:
        """Move on by a duration."""
        self._now = self._now + pd.Timedelta(by)
