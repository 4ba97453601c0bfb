"""What is asked for once and keeps coming, also after the connection was dropped and made again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from tasks.connections.problems import Problem

Send = Callable[[Any, int], None]
"""Calls the client's method that asks, or that cancels, with the request's number."""

Taken = tuple[int, int, Any]
"""(sequence, receive time in nanoseconds since 1970, row)."""


class Subscription:
    """Rows as they come, until it is closed or refused; it outlives the connection.

    After a reconnect, and after the gateway says that its subscriptions are lost (1101), it is
    sent again under another request number; the sequence goes on. Made by `Shared.subscribe`.

    Parameters
    ----------
    kind, what
        What is asked, in words: in general (`quotes`), and in particular, for errors.
    send, cancel
        Ask, and cancel; None where rows come by their route unasked.
    route
        The name under which rows that carry no request number come (`positions`); empty where they carry one.
    limit
        Rows kept for whoever takes them; beyond, the oldest are dropped and counted.
    """

    def __init__(
        self,
        kind: str,
        what: str,
        send: Send | None,
        cancel: Send | None,
        *,
        connection: str,
        con_id: int | None = None,
        route: str = "",
        limit: int = 100_000,
        on_close: Callable[[Subscription], None] = lambda subscription: None,
    ) -> None:
        self.kind, self.what, self.connection, self.con_id, self.route = kind, what, connection, con_id, route
        self.send, self.cancel = send, cancel
        self.number: int | None = None
        """Of the request that it is under way as; None while it is not."""
        self.dropped = 0
        self.stale = False
        """Whether the connection was dropped, or its data lost, and none has come since."""
        self.doubtful = False
        """Whether the gateway lacks a data farm: that nothing comes doesn't say that nothing has changed."""
        self.problem: Problem | None = None
        """Why no more rows will come."""
        self.bell: Callable[[], None] = lambda: None
        """Called, in the reader's thread, when there is something new: for who waits for several at once."""
        self._limit = limit
        self._on_close = on_close
        self._sequence = 0
        self._rows: deque[Taken] = deque()
        self._is_closed = False
        self._waiting = 0
        self._whole = threading.Event()
        self._changed = threading.Condition(threading.Lock())

    @property
    def done(self) -> bool:
        """Whether no more rows will come: it was closed or refused."""
        return self._is_closed or self.problem is not None

    @property
    def received(self) -> int:
        """How many rows have come."""
        return self._sequence

    def take(self, timeout: float) -> list[Taken]:
        """What has come since the last call, at once where there is some; else the first to come within
        `timeout` seconds, or nothing. Nothing at once when no more will come."""
        with self._changed:
            if not self._rows and not self.done:
                self._waiting += 1
                try:
                    self._changed.wait_for(lambda: self._rows or self.done, timeout)
                finally:
                    self._waiting -= 1
            rows = list(self._rows)
            self._rows.clear()
            return rows

    def wait_whole(self, timeout: float) -> bool:
        """Wait until the gateway has sent all that there is (its end marker), since last asked; whether it has."""
        return self._whole.wait(timeout)

    def close(self) -> None:
        """Cancel it; a waiting `take` returns. May be called more than once."""
        with self._changed:
            first, self._is_closed = not self._is_closed, True
            self._changed.notify_all()
        self.bell()
        if first:
            self._on_close(self)

    # From here on: what the connection calls.

    def add(self, row: Any, received: int) -> None:
        """A row has come."""
        with self._changed:
            if self._is_closed:
                return
            if len(self._rows) >= self._limit:
                self._rows.popleft()
                self.dropped += 1
            self._rows.append((self._sequence, received, row))
            self._sequence += 1
            self.stale = False
            if self._waiting:
                self._changed.notify_all()
        self.bell()

    def end(self) -> None:
        """All that there was has come; what comes from now on is new."""
        self._whole.set()

    def complete(self, problem: Problem) -> None:
        """It is refused: no more rows will come."""
        with self._changed:
            self.problem = self.problem or problem
            self._changed.notify_all()
        self.bell()

    def interrupt(self) -> None:
        """Its rows no longer come."""
        self.number = None
        self.stale = True
        self._whole.clear()
