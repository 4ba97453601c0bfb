"""How much a source or a step has done, and how fast."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

RECENT = 256
WINDOW = 10.0


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
