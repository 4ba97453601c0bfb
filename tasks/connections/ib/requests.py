"""One request and what has come back for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from tasks.connections.problems import ConnectionProblem, DeadlinePassed, Problem
from tasks.connections.scope import Message, Scope

SLICE = 0.2
"""Longest wait, in seconds, before the step's deadline is looked at again."""

FIRST_ID = 1_000_000
"""Request ids start here, so that they never meet an order's id: errors name both in one field."""


class Request:
    """A question to the broker: rows gather until its end marker or an error completes it.

    The reader's thread adds to it; the thread that asked waits for it. Raw messages are kept
    here too, and handed to the step when it takes the answer: the reader never waits for a listener.
    """

    def __init__(
        self,
        number: int,
        kind: str,
        what: str,
        con_id: int | None,
        connection: str,
        timeout: float,
        route: str = "",
    ) -> None:
        self.number = number
        self.route = route
        """Of its rows, where they carry no number."""
        self.kind = kind
        self.what = what
        self.problem: Problem | None = None
        self.rows: list[Any] = []
        self.con_id = con_id
        self._connection = connection
        self._timeout = timeout
        self._until = time.monotonic() + timeout
        self._messages: list[Message] = []
        self._delivered_to: list[Scope] = []
        self._delivering = threading.Lock()
        self._done = threading.Event()
        self._completing = threading.Lock()
        self._when_done: list[Callable[[], None]] = []

    @property
    def done(self) -> bool:
        """Whether it is complete, well or ill."""
        return self._done.is_set()

    def record(self, direction: str, payload: bytes) -> None:
        """Keep a raw message."""
        text = payload.decode("utf-8", "backslashreplace").removesuffix("\0")
        now = time.time_ns()
        self._messages.append(Message(self._connection, self.number, self.kind, self.con_id, direction, now, text))

    def add(self, row: Any, received: int) -> None:
        """A row has come."""
        if not self._done.is_set():
            self.rows.append(row)

    def add_all(self, rows: list[Any]) -> None:
        """Rows have come."""
        if not self._done.is_set():
            self.rows.extend(rows)

    def end(self) -> None:
        """No more rows will come."""
        self.complete()

    def complete(self, problem: Problem | None = None) -> None:
        """It has ended; only the first time counts."""
        with self._completing:
            if self._done.is_set():
                return
            self.problem = problem
            self._done.set()
        for call in self._when_done:
            call()

    def when_done(self, call: Callable[[], None]) -> None:
        """Call this once it has ended, at once if it already has."""
        with self._completing:
            if not self._done.is_set():
                self._when_done.append(call)
                return
        call()

    def expire(self) -> None:
        """End it if its time is up."""
        if time.monotonic() >= self._until:
            self.complete(
                ConnectionProblem(
                    f"{self.what}: no answer within {self._timeout:g} s.", "Look at the gateway, then try again."
                )
            )

    def wait(self, scope: Scope) -> list[Any]:
        """The rows, once complete.

        Raises the problem that it ended with, `ConnectionProblem` when no answer came in its
        time, and `DeadlinePassed` when the step's own time was up first. Whichever it is, the
        step's listener has been given the raw messages.
        """
        try:
            while not self._done.wait(min(SLICE, max(0.0, self._until - time.monotonic()))):
                if scope.deadline.passed:
                    raise DeadlinePassed(f"{self.what}: no answer before the step's time was up.")
                self.expire()
        finally:
            self._deliver(scope)
        if self.problem is not None:
            raise self.problem
        return self.rows

    def _deliver(self, scope: Scope) -> None:
        """Hand the messages to the step, once a step: an answer may serve several."""
        with self._delivering:
            if any(other is scope for other in self._delivered_to):
                return
            self._delivered_to.append(scope)
        for message in list(self._messages):
            scope.listener.message(message)
