"""What becomes of a connection, as rows: the last of them are kept, and go to whoever subscribes."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tasks.connections.ib.codes import Meaning
from tasks.connections.ib.messages import BrokerMessage

if TYPE_CHECKING:
    from tasks.connections.ib.bridge import Bridge
    from tasks.connections.ib.recipients import Routes
    from tasks.connections.problems import Problem

log = logging.getLogger("hedgerow.ib")

ROUTE = "connection"
"""Subscribe to this route for the events as they come."""

KEPT = 10_000

Event = Literal["connected", "lost", "failed", "refused", "degraded", "restored", "resubscribed", "notice"]


class ConnectionEvent(NamedTuple):
    """Something that became of a connection."""

    time_ns: int
    """Nanoseconds since 1970."""
    event: Event
    """`failed`: an attempt to connect; `refused`: the last one, no more will be made; `degraded`: the gateway lacks
    the broker or a data farm; `notice`: anything else that the gateway says unasked."""
    code: int
    """The broker's code; 0 where there is none."""
    text: str
    host: str
    port: int
    client_id: int
    attempt: int
    """Which attempt since the connection was lost, from 1; 0 where none is meant."""


class ConnectionLog:
    """A watcher that keeps the last 10,000 events, and tells the log of an outage once and of its end once."""

    def __init__(self, host: str, port: int, client_id: int, routes: Routes) -> None:
        self.host, self.port, self.client_id = host, port, client_id
        self.lost_since_ns: int | None = None
        """When the connection dropped that hasn't been made again, nanoseconds since 1970."""
        self.attempts = 0
        """To connect again, since then."""
        self._routes = routes
        self._events: deque[ConnectionEvent] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    @property
    def events(self) -> list[ConnectionEvent]:
        """What is kept, oldest first."""
        with self._lock:
            return list(self._events)

    def connected(self, bridge: Bridge) -> None:
        """Nothing: `made` says when a connection is new."""

    def made(self, client_id: int) -> None:
        """The connection is there."""
        self.client_id = client_id
        since, self.lost_since_ns = self.lost_since_ns, None
        text = ""
        if since is not None:
            text = f"after {(time.time_ns() - since) / 1e9:.1f} s"
            log.warning("Connected again to %s:%s as client %s, %s.", self.host, self.port, client_id, text)
        self.keep("connected", text=text, attempt=self.attempts)
        self.attempts = 0

    def lost(self, problem: Problem) -> None:
        """The connection dropped."""
        if self.lost_since_ns is None:
            self.lost_since_ns = time.time_ns()
            log.warning("%s", problem)
        self.keep("lost", text=problem.reason)

    def failed(self, problem: Problem) -> None:
        """An attempt to connect again failed; the last one where no other is worth it."""
        self.attempts += 1
        if problem.retryable:
            log.info("Attempt %s to connect again: %s", self.attempts, problem)
        else:
            log.error("Not connected any more, and not trying any more: %s", problem)
        self.keep("failed" if problem.retryable else "refused", text=problem.reason, attempt=self.attempts)

    def event(self, event: Any) -> None:
        """What the gateway says unasked."""
        if isinstance(event, BrokerMessage) and event.request < 0:
            kind: Event = "notice"
            if event.meaning is Meaning.DEGRADED:
                kind = "degraded"
            elif event.meaning is Meaning.RESTORED:
                kind = "restored"
            self.keep(kind, event.code, event.text)

    def keep(self, event: Event, code: int = 0, text: str = "", attempt: int = 0) -> None:
        """Keep an event, and give it to whoever has subscribed."""
        row = ConnectionEvent(time.time_ns(), event, code, text, self.host, self.port, self.client_id, attempt)
        with self._lock:
            self._events.append(row)
        self._routes.publish(ROUTE, row, row.time_ns)
