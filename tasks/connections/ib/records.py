"""What was asked over a connection and what the broker said of it: the last of both are kept, as rows."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

from tasks.connections.ib.messages import BrokerMessage
from tasks.connections.ib.recipients import Routes
from tasks.connections.ib.requests import Request
from tasks.connections.ib.subscriptions import Subscription
from tasks.connections.problems import Problem

KEPT = 10_000

ERRORS, REQUESTS = "errors", "requests"
"""The routes by which messages, and requests and subscriptions as they are sent, come here."""

Status = Literal["waiting", "answered", "failed", "subscribed", "closed"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request or a subscription, and how it stands."""

    number: int
    kind: str
    what: str
    con_id: int | None
    sent_ns: int
    """Nanoseconds since 1970."""
    seconds: float | None
    """Until the answer was whole; None while it is not, and of a subscription."""
    status: Status
    rows: int
    problem: str


class Records:
    """Keeps the last 10,000 messages, and as many requests."""

    def __init__(self, routes: Routes) -> None:
        self._messages: deque[BrokerMessage] = deque(maxlen=KEPT)
        self._asked: deque[_Asked] = deque(maxlen=KEPT)
        self._subscribed: dict[int, list[_Asked]] = {}
        """Of subscriptions that are not closed, by their identity."""
        self._lock = threading.Lock()
        self.done = False
        routes.enter(ERRORS, self)
        routes.enter(REQUESTS, self)

    @property
    def messages(self) -> list[BrokerMessage]:
        """Errors and notices, oldest first."""
        with self._lock:
            return list(self._messages)

    @property
    def requests(self) -> list[Asked]:
        """What was asked, oldest first."""
        with self._lock:
            asked = list(self._asked)
        return [each.told() for each in asked]

    def add(self, row: Any, received: int) -> None:
        """Keep a message, a request that has been sent, or how a subscription ended."""
        with self._lock:
            if isinstance(row, BrokerMessage):
                self._messages.append(row)
            elif isinstance(row, Subscription) and row.done:
                for asked in self._subscribed.pop(id(row), ()):
                    asked.close(row)
            elif isinstance(row, Request | Subscription) and row.number is not None:
                asked = _Asked(row, row.number, received)
                self._asked.append(asked)
                if isinstance(row, Subscription):
                    self._subscribed.setdefault(id(row), []).append(asked)

    def end(self) -> None:
        """Nothing: it has no end."""

    def complete(self, problem: Problem) -> None:
        """Nothing: it outlives the connection."""


_Ended = tuple[float | None, Status, int, str]
"""(seconds, status, rows, problem)."""


class _Asked:
    """Knows a request as long as it is under way, then how it ended: what it holds is let go of."""

    def __init__(self, asked: Request | Subscription, number: int, sent_ns: int) -> None:
        self.number, self.sent_ns = number, sent_ns
        self._kind, self._what, self._con_id = asked.kind, asked.what, asked.con_id
        self._asked: Request | Subscription | None = asked
        self._ended: _Ended | None = None
        if isinstance(asked, Request):
            asked.when_done(self._end)

    def _end(self) -> None:
        asked = self._asked
        if isinstance(asked, Request):
            problem = asked.problem
            self._ended = (
                max(0.0, (time.time_ns() - self.sent_ns) / 1e9),
                "failed" if problem else "answered",
                len(asked.rows),
                str(problem or ""),
            )
            self._asked = None

    def close(self, subscription: Subscription) -> None:
        """The subscription has ended."""
        self._ended = (None, self._status(subscription), subscription.received, str(subscription.problem or ""))
        self._asked = None

    def told(self) -> Asked:
        """How it stands."""
        seconds, status, rows, problem = self._ended or self._running()
        return Asked(self.number, self._kind, self._what, self._con_id, self.sent_ns, seconds, status, rows, problem)

    def _running(self) -> _Ended:
        asked = self._asked
        if isinstance(asked, Subscription):
            return None, self._status(asked), asked.received, str(asked.problem or "")
        return None, "waiting", 0 if asked is None else len(asked.rows), ""

    def _status(self, asked: Subscription) -> Status:
        if asked.problem is not None:
            return "failed"
        return "closed" if asked.done or asked.number != self.number else "subscribed"
