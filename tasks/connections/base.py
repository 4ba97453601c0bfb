"""What a connection is: settings from the desk file, opened at first use, closed with the run."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from pydantic import BaseModel, ConfigDict

from tasks.connections.clock import Clock
from tasks.connections.problems import ConnectionProblem

KINDS = {
    "ib": "tasks.connections.ib.broker:Broker",
    "arctic": "tasks.connections.arctic:FrameStore",
    "sql": "tasks.connections.sql:Database",
    "notify": "tasks.connections.notify:Notifier",
}
"""Our connection classes by the `kind` that the desk file names."""

ENTRY_POINTS = "hedgerow.connections"
"""Where installed packages name theirs: the kind, and `module:Class`."""


PATIENCE = 0.5
"""Seconds that closing waits for an opening under way."""


class Settings(BaseModel):
    """Settings of a connection: the keys that the desk file may give it, beside `kind`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Connection(ABC):
    """Something in the world that tasks read from or write to.

    Parameters
    ----------
    name
        Its name in the desk file; messages and errors say it.
    settings
        An instance of the class's own `Settings`.
    folder
        The desk's data folder: relative paths in settings start there, and what must be
        shared by the desk's processes (ledgers, locks) lives there.

    Importing the module of a connection must be cheap: clients are imported in `_open`.
    """

    kind: ClassVar[str]
    Settings: ClassVar[type[Settings]] = Settings

    def __init__(self, name: str, settings: Any, folder: Path) -> None:
        self.name = name
        self.settings = settings
        self.folder = folder
        self._is_open = False
        self._given_up = False
        self._opening = threading.Lock()

    def open(self) -> Self:
        """Connect, once: later calls return at once. Raises `Problem` with what to do."""
        with self._opening:
            if not self._is_open:
                self._given_up = False
                self._open()
                if self._given_up:
                    self._close()
                    raise ConnectionProblem(f"`{self.name}` was closed while it was being opened.")
                self._is_open = True
        return self

    def close(self) -> None:
        """Let go of everything; may be called at any time, more than once.

        A connection that another thread is still opening is closed by that thread once it can be:
        a run that is interrupted doesn't wait for a gateway that says nothing.
        """
        if not self._opening.acquire(timeout=PATIENCE):
            self._given_up = True
            return
        try:
            if self._is_open:
                self._is_open = False
                self._close()
        finally:
            self._opening.release()

    def clock(self) -> Clock | None:
        """The market's clock, where this connection has one of its own; may be asked before it is opened."""
        return None

    def check_health(self) -> str:
        """See that it can be used: open it, and ask what needs an answer from the other side.

        Returns
        -------
        str
            What it says of itself, in a few words, with no secret in them.

        Raises
        ------
        Problem
            What is wrong, and what to do.
        """
        self.open()
        return ""

    @abstractmethod
    def _open(self) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@runtime_checkable
class Tradable(Protocol):
    """A connection that sends orders, once it is told what the desk may trade."""

    def authorise(self, policy: Any) -> None:
        """Said to the connections of a run before they are opened; `policy` is the desk's `OrderPolicy`."""


@cache
def _installed() -> dict[str, str]:
    """Those of installed packages: to look through all of them takes a tenth of a second."""
    return {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)}


def kinds() -> dict[str, str]:
    """The kinds there are, with where their classes stand: ours, then those of installed packages."""
    return {**_installed(), **KINDS}


def connection_class(kind: str) -> type[Connection]:
    """The class of a kind. Raises `KeyError` for a kind that nobody provides."""
    module, _, name = kinds()[kind].partition(":")
    found: type[Connection] = getattr(import_module(module), name)
    return found
