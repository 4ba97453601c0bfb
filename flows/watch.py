"""Who watches a run: what happens is told to a watcher as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flows.graph import Node
from flows.outcome import Outcome

if TYPE_CHECKING:
    from flows.stream.firing import Fired, Graph


class Watcher(Protocol):
    """Told of a run's progress, from whichever thread it happens in; must not block."""

    def started(self, nodes: list[Node]) -> None:
        """The run begins; these are its nodes in order."""

    def step_started(self, node: Node, attempt: int) -> None:
        """A step begins its n-th attempt."""

    def step_progress(self, node: Node, done: int, total: int, what: str) -> None:
        """A step tells how far it has come."""

    def step_note(self, node: Node, text: str) -> None:
        """A step says something to whoever reads the run."""

    def step_retrying(self, node: Node, problem: str, delay: float) -> None:
        """An attempt failed; the next begins after `delay` seconds."""

    def step_ended(self, node: Node, outcome: Outcome) -> None:
        """A step is done, one way or another."""


class Onlooker(Protocol):
    """Told of a stream as it goes, in the thread that fires; must be quick."""

    def fired(self, graph: Graph, fired: Fired) -> None:
        """A firing is done."""

    def told(self, name: str, text: str) -> None:
        """A source or a step says something to a person."""


class Silent:
    """Watches nothing."""

    def started(self, nodes: list[Node]) -> None: ...
    def step_started(self, node: Node, attempt: int) -> None: ...
    def step_progress(self, node: Node, done: int, total: int, what: str) -> None: ...
    def step_note(self, node: Node, text: str) -> None: ...
    def step_retrying(self, node: Node, problem: str, delay: float) -> None: ...
    def step_ended(self, node: Node, outcome: Outcome) -> None: ...
