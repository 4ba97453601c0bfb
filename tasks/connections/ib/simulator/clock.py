"""The simulated market's time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pandas as pd

ALWAYS = (pd.Timestamp.min.tz_localize("UTC"), pd.Timestamp.max.tz_localize("UTC"))


class SimulatedClock:
    """Runs from a base at `speed` simulated seconds a second; at speed 0 it stands still.

    now = base + speed × elapsed, with the elapsed time from the monotonic clock. `span` is that of
    `tasks.connections.clock.MovableClock`.
    """

    def __init__(
        self, base: pd.Timestamp, speed: float = 0.0, span: tuple[pd.Timestamp, pd.Timestamp] = ALWAYS
    ) -> None:
        if speed < 0:
            raise ValueError(f"time can't run backwards: speed is {speed}")
        self.speed = speed
        self.moved: list[Callable[[], None]] = []
        """Called after each leap, in the thread of whoever made it."""
        self.move_to(base)
        self.start = base.tz_convert("UTC").as_unit("ns")
        self.span = span

    def now(self) -> pd.Timestamp:
        """The moment, in UTC with nanoseconds."""
        return pd.Timestamp(self.nanoseconds(), unit="ns", tz="UTC")

    def nanoseconds(self) -> int:
        """The moment in nanoseconds since 1970."""
        base, started = self._origin
        return base + int(self.speed * (time.monotonic_ns() - started))

    def move_to(self, moment: pd.Timestamp) -> None:
        """Go on from this moment."""
        if moment.tzinfo is None:
            raise ValueError(f"{moment} has no time zone: say which moment is meant, as in 2022-12-28T20:45Z")
        self._origin = (moment.tz_convert("UTC").as_unit("ns").value, time.monotonic_ns())
        for tell in self.moved:
            tell()
