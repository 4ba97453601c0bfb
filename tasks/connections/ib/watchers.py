"""Those who are told what becomes of a connection, and what the gateway says unasked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tasks.connections.ib.bridge import Bridge
    from tasks.connections.problems import Problem

log = logging.getLogger("hedgerow.ib")


class Watcher(Protocol):
    """Told of a connection, and of what comes over it without having been asked for."""

    def connected(self, bridge: Bridge) -> None:
        """What the gateway knows is to be asked for again: after each handshake, and once it has the broker
        back (1101, 1102). In a thread that may ask and wait, never the reader's."""

    def lost(self, problem: Problem) -> None:
        """The connection dropped. In the reader's thread: must not block."""

    def event(self, event: Any) -> None:
        """A row that belongs to no request. In the reader's thread: must not block."""


class Watchers:
    """The watchers of one connection; what one of them raises is logged, and kept from the others."""

    def __init__(self) -> None:
        self._all: tuple[Watcher, ...] = ()

    def add(self, watcher: Watcher) -> None:
        """Tell this one too, from now on."""
        self._all = (*self._all, watcher)

    def remove(self, watcher: Watcher) -> None:
        """Tell this one no more."""
        self._all = tuple(other for other in self._all if other is not watcher)

    def connected(self, bridge: Bridge) -> None:
        """See `Watcher`."""
        self._tell(lambda watcher: watcher.connected(bridge))

    def lost(self, problem: Problem) -> None:
        """See `Watcher`."""
        self._tell(lambda watcher: watcher.lost(problem))

    def event(self, event: Any) -> None:
        """See `Watcher`."""
        self._tell(lambda watcher: watcher.event(event))

    def _tell(self, tell: Callable[[Watcher], None]) -> None:
        for watcher in self._all:
            try:
                tell(watcher)
            except Exception:
                log.exception("%s failed at what it was told", type(watcher).__name__)
