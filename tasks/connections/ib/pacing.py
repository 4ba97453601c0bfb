"""How fast the broker may be asked.

Source: the broker's limit of 50 messages a second. For history see `pacing_ledger`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from tasks.connections.scope import current

SLICE = 0.2
"""Longest wait, in seconds, before the step's deadline is looked at again."""


class TokenBucket:
    """At most `rate` a second, with bursts of up to `burst`."""

    def __init__(
        self,
        rate: float = 45.0,
        burst: int = 45,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._burst = rate, burst
        self._now, self._sleep = now, sleep
        self._tokens, self._at = float(burst), now()
        self._lock = threading.Lock()

    def take(self, what: str) -> None:
        """Wait for a token. Raises `DeadlinePassed` when the step's time is up first."""
        while True:
            current().deadline.check(what)
            missing = self._try()
            if missing <= 0:
                return
            self._sleep(min(missing, SLICE))

    def take_anyhow(self) -> None:
        """Wait for a token, whatever time the step has: for what takes load off the gateway."""
        while (missing := self._try()) > 0:
            self._sleep(min(missing, SLICE))

    def _try(self) -> float:
        """Take a token, or say in how many seconds there is one."""
        with self._lock:
            now = self._now()
            if math.isinf(self._rate):
                return 0.0
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens >= 1:
                self._tokens -= 1
                return 0.0
            return (1 - self._tokens) / self._rate


class Slots:
    """At most `count` open at once."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)

    def take(self, what: str, meanwhile: Callable[[], None]) -> None:
        """Wait for a free one, calling `meanwhile` now and then.

        Raises `DeadlinePassed` when the step's time is up first.
        """
        while not self._free.acquire(timeout=SLICE):
            current().deadline.check(what)
            meanwhile()

    def give(self) -> None:
        """One is free again."""
        self._free.release()

    def settle(self) -> None:
        """Write down what has been given, where others are to know: may wait, as `give` may not."""
