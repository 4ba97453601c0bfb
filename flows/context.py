"""What the steps of one run share: connections, journal, clock, session, and who watches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from flows.desk import Desk
from flows.journal import Journal
from flows.plan import Plan
from flows.watch import Onlooker, Silent, Watcher
from tasks.connections.base import Connection, Tradable
from tasks.connections.clock import Clock, WallClock
from tasks.connections.problems import Problem
from tasks.connections.scope import Deadline

if TYPE_CHECKING:
    from flows.dask_cluster import Cluster
    from tasks.connections.arctic import Stored


class OpenConnections:
    """The desk's connections, each made once and opened at first use."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._made: dict[str, Connection] = {}
        self._making = threading.Lock()

    def made(self, name: str) -> Connection:
        """The connection of this name, opened or not."""
        with self._making:
            if name not in self._made:
                spec = self._desk.connections[name]
                connection = spec.cls(name, spec.settings, self._desk.data)
                if isinstance(connection, Tradable):
                    connection.authorise(self._desk.orders)
                self._made[name] = connection
            return self._made[name]

    def opened(self, name: str) -> Connection:
        """The connection of this name, opened. Raises `Problem` where it can't be."""
        return self.made(name).open()

    def clock(self) -> Clock:
        """The desk's clock: a simulated market's where it has one, otherwise the wall's."""
        for name, spec in self._desk.connections.items():
            # Only those that can have one: making a connection may need settings that this run doesn't.
            if spec.cls.clock is not Connection.clock and (clock := self.made(name).clock()) is not None:
                return clock
        return WallClock()

    def read_origin(self, origin: Mapping[str, Any]) -> pd.DataFrame:
        """A frame that the journal keeps by reference, read again from the store it came from."""
        return self._stored(origin).frame

    def row_versions(self, origin: Mapping[str, Any]) -> Sequence[int] | None:
        """Which version of its symbol brought each row of such a frame; None where all came with the one read."""
        versions = self._stored(origin).versions
        return None if versions is None else [int(one) for one in versions]

    def _stored(self, origin: Mapping[str, Any]) -> Stored:
        from tasks.connections.arctic import FrameStore
        from tasks.connections.arctic_query import selection_of

        store = self.opened(str(origin["store"]))
        if not isinstance(store, FrameStore):
            raise Problem(f"Connection `{origin['store']}` no longer is a store of frames.")
        selection = selection_of(origin.get("selection", {}))
        return store.select(origin["library"], origin["symbol"], selection, origin["version"])

    def close(self) -> None:
        """Close all that were made."""
        with self._making:
            for connection in self._made.values():
                connection.close()
            self._made.clear()


@dataclass
class RunContext:
    """One run of one plan."""

    id: str
    plan: Plan
    desk: Desk
    parameters: Mapping[str, Any]
    session: date
    clock: Clock
    connections: OpenConnections
    journal: Journal
    past: bool = False
    """A session that is over: nothing may act, and what can only be read now comes from the journal."""
    slot: str = "manual"
    again: int = 0
    """How many times more than once effects are asked for, on purpose."""
    watcher: Watcher = field(default_factory=Silent)
    onlookers: tuple[Onlooker, ...] = ()
    workers: Cluster | None = None
    """Who computes pure steps; None: the run's own process."""
    stopping: list[Deadline] = field(default_factory=list)
    """Deadlines of the calls begun, so that a stopped run abandons what is still under way."""

    failures: Mapping[str, str] = field(default_factory=dict)
    """What an `on_failure` step is to tell of: the steps that failed, and why."""

    stopped: threading.Event = field(default_factory=threading.Event)
    on_stop: list[Callable[[], None]] = field(default_factory=list)
    """What else is to be told of a stop."""

    def stop(self) -> None:
        """Try nothing again, and abandon every call that is under way: what it still tries to send is refused."""
        self.stopped.set()
        for deadline in list(self.stopping):
            deadline.abandon()
        for call in self.on_stop:
            call()

    @property
    def names(self) -> dict[str, Any]:
        """What `$names` stand for."""
        run = {"run.id": self.id, "run.session": self.session, "run.pipeline": self.plan.name}
        return {**self.parameters, **run}
