"""How fast a client may ask, as the broker limits it. Time here is real, not the market's."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Hashable

MESSAGES = 50
"""A second, of one client."""

VIOLATIONS = 3
"""At this one the client is sent away."""

SMALL_BARS = 60
SMALL_BARS_IN = 600.0
SAME = 15.0
MANY = 4096
BURST, BURST_IN = 6, 2.0


class MessagePace:
    """Counts a client's messages of the last second."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self.violations = 0

    @property
    def is_over(self) -> bool:
        """Whether the client has been too fast once too often."""
        return self.violations >= VIOLATIONS

    def excess(self) -> int:
        """Count one message; how many there were in the last second where that is too many, else 0.

        A violation counts once; the next second begins anew.
        """
        now = time.monotonic()
        while self._times and now - self._times[0] >= 1.0:
            self._times.popleft()
        self._times.append(now)
        rate = len(self._times)
        if rate <= MESSAGES:
            return 0
        self._times.clear()
        self.violations += 1
        return rate


class HistoryPace:
    """What has been asked for by all clients of a login, and whether one more request is too many.

    The rules: no identical request within 15 seconds; fewer than six for one contract, exchange and
    kind in two seconds; of bars of 30 seconds and less 60 in ten minutes, where BID_ASK counts twice.
    """

    def __init__(self) -> None:
        self.asked: dict[tuple[object, ...], float] = {}
        """When each request was last made; old ones are forgotten when there are many."""
        self._bursts: dict[Hashable, deque[float]] = defaultdict(deque)
        self._small: deque[float] = deque()

    def violation(self, identity: tuple[object, ...], kind: Hashable, is_small: bool, weight: int) -> str | None:
        """Count a request; which rule it breaks, or None. A refused one counts as well, as the broker's do."""
        now = time.monotonic()
        before, self.asked[identity] = self.asked.get(identity), now
        if len(self.asked) > MANY:
            self.asked = {key: at for key, at in self.asked.items() if now - at < SAME}
            self._bursts = defaultdict(deque, {key: at for key, at in self._bursts.items() if at[-1] > now - BURST_IN})
        burst = self._bursts[kind]
        _forget(burst, now - BURST_IN)
        burst.append(now)
        _forget(self._small, now - SMALL_BARS_IN)
        if is_small:
            self._small.extend([now] * weight)
        if before is not None and now - before < SAME:
            return "identical requests within 15 seconds"
        if len(burst) >= BURST:
            return "six or more requests for one contract, exchange and kind within 2 seconds"
        if is_small and len(self._small) > SMALL_BARS:
            return "more than 60 requests for bars of 30 seconds or less within 10 minutes"
        return None


def _forget(times: deque[float], before: float) -> None:
    while times and times[0] < before:
        times.popleft()
