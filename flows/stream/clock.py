"""The clocks of a stream: one that only goes on, and the moment of a firing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pandas as pd

from tasks.connections.clock import Clock, WallClock
from tasks.connections.problems import Problem

JUMP = pd.Timedelta(seconds=5)
"""What a clock that is set goes by at least; less is how clocks drift."""
AGAIN = 1.0
"""Seconds before a clock that didn't answer is asked again."""


class SteadyClock:
    """A clock that never goes back, and doesn't fail while its gateway is away.

    Where the clock beneath is set back, this one goes on by the monotonic clock until it is caught up with:
    otherwise what is old would count as fresh, and nothing would be due, for as long as it was set back by.
    Set forward it follows; both are told. Where the clock beneath doesn't answer, its last word stands.

    Parameters
    ----------
    clock
        The one beneath.
    tell
        Called with a sentence when it is set.
    """

    def __init__(self, clock: Clock, tell: Callable[[str], None]) -> None:
        self._clock, self._tell = clock, tell
        self._at = clock.now()
        self._asked = time.monotonic()
        self._away_until = 0.0
        self._is_back = False

    def now(self) -> pd.Timestamp:
        """The moment, UTC."""
        asked = time.monotonic()
        if asked < self._away_until:
            return self._at
        try:
            told = self._clock.now()
        except Problem:
            self._away_until = time.monotonic() + AGAIN
            return self._at
        passed = pd.Timedelta(asked - self._asked, "s")
        if isinstance(self._clock, WallClock) and told - self._at - passed > JUMP and not self._is_back:
            self._tell(f"the clock was set forward by {(told - self._at - passed).total_seconds():.0f} s")
        if told < self._at:
            if not self._is_back and self._at - told > JUMP:
                self._tell(
                    f"the clock was set back by {(self._at - told).total_seconds():.0f} s: the run goes on from"
                    f" {self._at:%H:%M:%S} UTC"
                )
            self._is_back = True
            told = self._at + passed
        else:
            self._is_back = False
        self._at, self._asked = told, asked
        return told


class FiringClock:
    """Stands still at the moment of the firing, so that a replay sees the same time."""

    def __init__(self, moment: pd.Timestamp) -> None:
        self._moment = moment

    def now(self) -> pd.Timestamp:
        """The moment of the firing, UTC."""
        return self._moment

    def move_to(self, moment: pd.Timestamp) -> None:
        """The next firing begins."""
        self._moment = moment
