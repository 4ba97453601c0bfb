"""What running code may know of the step it runs in, and tell it.

A step's code runs in a scope (a context variable, so it follows the step's thread). Through it
a task leaves notes and progress, and a connection records what came over its wire and learns
whether the step still has time. Outside any step, notes go to the log and nothing has a deadline.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from tasks.connections.problems import DeadlinePassed

log = logging.getLogger("hedgerow")


@dataclass(frozen=True, slots=True)
class Message:
    """One raw message of a connection, as it came or went."""

    connection: str
    """The connection's name in the desk file."""
    request: int
    """The request it belongs to, unique in the connection's session."""
    kind: str
    """What was asked, in words: `daily history`, `positions`."""
    con_id: int | None
    """The contract that it is about, where it is about one."""
    direction: str
    """`sent` or `received`."""
    time_ns: int
    """When, in nanoseconds of the wall clock since 1970."""
    payload: str
    """The fields as they were on the wire, separated by NULs."""


class Deadline:
    """A moment on the monotonic clock, or none; can be cut short by abandoning the step."""

    def __init__(self, seconds: float | None = None) -> None:
        self._until = None if seconds is None else time.monotonic() + seconds
        self._abandoned = threading.Event()

    def abandon(self) -> None:
        """From now on the deadline has passed."""
        self._abandoned.set()

    @property
    def passed(self) -> bool:
        """Whether the time is up or the step abandoned."""
        return self._abandoned.is_set() or (self._until is not None and time.monotonic() >= self._until)

    def remaining(self, at_most: float) -> float:
        """Seconds left, capped at `at_most`; 0 when it has passed."""
        if self._abandoned.is_set():
            return 0.0
        if self._until is None:
            return at_most
        return max(0.0, min(at_most, self._until - time.monotonic()))

    def check(self, what: str) -> None:
        """Raise `DeadlinePassed` when it has: call before anything is sent."""
        if self.passed:
            raise DeadlinePassed(f"{what} was not sent: its step is past its deadline.")


class Listener(Protocol):
    """Where a scope's notes, progress and messages go."""

    def note(self, text: str) -> None:
        """A sentence for the person who reads the run."""

    def progress(self, done: int, total: int, what: str) -> None:
        """`done` of `total` parts of a long piece of work."""

    def message(self, message: Message) -> None:
        """A raw message of a connection."""


class _Log:
    def note(self, text: str) -> None:
        log.info(text)

    def progress(self, done: int, total: int, what: str) -> None:
        log.debug("%s: %d of %d", what, done, total)

    def message(self, message: Message) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Scope:
    """The step that code runs in."""

    run: str = ""
    step: str = ""
    deadline: Deadline = field(default_factory=Deadline)
    listener: Listener = field(default_factory=_Log)
    may_act: bool = True
    """Whether orders may be sent: not by steps that only read, nor in a past session."""


_OUTSIDE = Scope()
_scope: ContextVar[Scope] = ContextVar("scope", default=_OUTSIDE)


def current() -> Scope:
    """The scope of the running step; outside any step, one without a deadline that writes to the log."""
    return _scope.get()


@contextmanager
def entered(scope: Scope) -> Iterator[Scope]:
    """Run the block in this scope."""
    token = _scope.set(scope)
    try:
        yield scope
    finally:
        _scope.reset(token)


def note(text: str) -> None:
    """Leave a sentence for the person who reads the run: it is shown, and kept in the journal."""
    current().listener.note(text)


def progress(done: int, total: int, what: str) -> None:
    """Tell how far a long piece of work has come."""
    current().listener.progress(done, total, what)
