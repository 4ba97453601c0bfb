"""How much a source or a step has done, and how fast."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field

RECENT = 256
WINDOW = 10.0


BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of latencies that are counted together, in seconds."""


@dataclass
class Latency:
    """How long after a row was received a step was done with it."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    """How many were at most as long as each bound, and above the last; each is counted once."""
    total: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds
        self.recent.append(seconds)

    def at(self, share: float) -> float:
        """Seconds that this share of the latest were at most; 0 where there are none."""
        ordered = sorted(self.recent)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass
class Meter:
    """Counts of one source or step since the stream began."""

    firings: int = 0
    rows: int = 0
    errors: int = 0
    lost: int = 0
    quarantined: int = 0
    seconds: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    """Seconds that its latest firings took."""
    latency: Latency = field(default_factory=Latency)
    """From when the oldest row of a firing was received to when the step was done."""
    _ticks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=RECENT))

    def ran(self, rows: int, seconds: float) -> None:
        """It took part in a firing."""
        self.firings += 1
        self.rows += rows
        self.seconds += seconds
        self.recent.append(seconds)
        self._ticks.append((time.monotonic(), rows))

    def failed(self, seconds: float) -> None:
        """It raised."""
        self.errors += 1
        self.seconds += seconds

    @property
    def rate(self) -> float:
        """Rows a second, over the last seconds."""
        now = time.monotonic()
        recent = [(at, rows) for at, rows in self._ticks if now - at <= WINDOW]
        if not recent:
            return 0.0
        return sum(rows for _, rows in recent) / max(now - recent[0][0], 0.1)

    @property
    def median(self) -> float:
        """Seconds that a firing takes it, in the middle of the latest ones."""
        ordered = sorted(self.recent)
        return ordered[len(ordered) // 2] if ordered else 0.0
