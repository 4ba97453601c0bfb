"""Who gets what comes over a connection: by the request number that it carries, or by its route."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Protocol

from tasks.connections.ib.requests import Request
from tasks.connections.ib.subscriptions import Subscription
from tasks.connections.problems import Problem

Key = int | str
"""A request's number, or the name of the route of rows that carry none."""


class Recipient(Protocol):
    """A request or a subscription."""

    @property
    def done(self) -> bool:
        """Whether it takes no more rows."""

    def add(self, row: Any, received: int) -> None:
        """A row has come, at this time in nanoseconds since 1970."""

    def end(self) -> None:
        """All that there was has come."""

    def complete(self, problem: Problem) -> None:
        """It has failed."""


class Routes:
    """Who wants rows that carry no request number; it outlives the connection."""

    def __init__(self) -> None:
        self._all: dict[str, tuple[Recipient, ...]] = {}
        self._lock = threading.Lock()

    def enter(self, route: str, recipient: Recipient) -> None:
        """This one wants them too."""
        with self._lock:
            self._all[route] = (*self._all.get(route, ()), recipient)

    def leave(self, route: str, recipient: Recipient) -> None:
        """This one doesn't want them any more."""
        with self._lock:
            self._all[route] = tuple(other for other in self._all.get(route, ()) if other is not recipient)

    def of(self, route: str) -> tuple[Recipient, ...]:
        """All who want them."""
        return self._all.get(route, ())

    def request(self, route: str) -> Request | None:
        """The request under way that they answer."""
        return next((other for other in self.of(route) if isinstance(other, Request)), None)

    def is_subscribed(self, route: str) -> bool:
        """Whether they are to keep coming."""
        return any(isinstance(other, Subscription) and not other.done for other in self.of(route))

    def publish(self, route: str, row: Any, received: int) -> None:
        """A row for all who want it."""
        for recipient in self._all.get(route, ()):
            recipient.add(row, received)


class Recipients:
    """Who gets what on one connection."""

    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self._numbered: dict[int, Recipient] = {}
        self._lock = threading.Lock()

    def enter(self, number: int, recipient: Recipient) -> None:
        """Rows with this number are its."""
        with self._lock:
            self._numbered[number] = recipient

    def leave(self, number: int) -> None:
        """Rows with this number are nobody's any more."""
        with self._lock:
            self._numbered.pop(number, None)

    def numbered(self) -> Mapping[int, Recipient]:
        """All by number, as they are now and become; until the numbers are forgotten."""
        return self._numbered

    def get(self, number: int) -> Recipient | None:
        """Whose number this is."""
        return self._numbered.get(number)

    def of(self, key: Key) -> tuple[Recipient, ...]:
        """Who gets rows with this number or by this route."""
        if isinstance(key, str):
            return self.routes.of(key)
        found = self._numbered.get(key)
        return () if found is None else (found,)

    def end(self, key: Key) -> None:
        """All rows have come; a request is complete with that."""
        for recipient in self.of(key):
            recipient.end()
            if isinstance(key, int) and isinstance(recipient, Request):
                self.leave(key)

    def requests(self) -> list[Request]:
        """Every request under way."""
        with self._lock:
            return [other for other in self._numbered.values() if isinstance(other, Request)]

    def forget_numbers(self) -> None:
        """The connection has ended, and with it every number."""
        with self._lock:
            self._numbered = {}
