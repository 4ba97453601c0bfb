"""What each step is in a stream: fed or not, a log or a table, and in which order a firing goes."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flows.graph import Node, unroll
from flows.plan import Plan, Port, StepPlan
from flows.references import resolve
from flows.stream.inbox import DEFAULT_ROWS, Terms
from schemas.frame import Frame
from tasks.connections.problems import Refused
from tasks.run import OrderPolicy


@dataclass(frozen=True)
class SourcePlace:
    """A source's place in the graph."""

    node: Node
    """Its task, values and inputs."""
    model: type[Frame]
    terms: Terms
    span: timedelta | None
    """Of a sliding log: how long its rows are kept."""
    begin: Port | None
    max_age: timedelta | None

    @property
    def name(self) -> str:
        """As the file calls it."""
        return self.node.name

    @property
    def is_log(self) -> bool:
        """Each of its rows is passed on once; otherwise it is a table, which holds."""
        return self.terms.keeps_all and self.span is None

    @property
    def is_table(self) -> bool:
        """It holds the latest row of each key."""
        return not self.terms.keeps_all


@dataclass(frozen=True)
class Place:
    """A step's place in the graph."""

    node: Node
    is_fed: bool
    """Whether a source feeds it, directly or not: otherwise it runs once, and again only by `every`."""
    is_log: bool
    """Whether it takes a log: what it yields counts for the firing it was yielded in."""
    log_inputs: frozenset[str]
    """Parameters (or parts, of what `each` gathers) that take a log."""
    every: timedelta | None = None
    max_age: timedelta | None = None

    @property
    def name(self) -> str:
        """Its node's."""
        return self.node.name

    @property
    def is_effect(self) -> bool:
        """Whether it acts on the world."""
        task = self.node.step.task
        return self.node.gathers is None and task is not None and task.kind == "effect"

    @property
    def is_pure(self) -> bool:
        """Whether what it yields follows from its inputs alone."""
        task = self.node.step.task
        return self.node.gathers is not None or task is None or task.kind == "pure"

    @property
    def trades(self) -> bool:
        """Whether it acts on orders: nothing stale may reach it."""
        task = self.node.step.task
        return self.is_effect and task is not None and OrderPolicy in task.injected.values()

    @property
    def inputs(self) -> Mapping[str, Port]:
        """Its frames by parameter; of what `each` gathers by number."""
        if self.node.gathers is None:
            return self.node.inputs
        ports = [port for parts in self.node.gathers.values() for port in parts]
        return {str(number): port for number, port in enumerate(ports)}


@dataclass(frozen=True)
class Layout:
    """The graph of a stream."""

    sources: Mapping[str, SourcePlace]
    places: tuple[Place, ...]
    """In the order of a firing: after what they need, and effects as late as that allows."""
    consumers: Mapping[str, tuple[tuple[str, str, Port], ...]] = field(default_factory=dict)
    """By producer of a log: (step, parameter, which of its frames)."""


def lay_out(plan: Plan, names: Mapping[str, Any]) -> Layout:
    """The layout of a checked plan that has a `stream:`.

    Parameters
    ----------
    plan
        The plan.
    names
        What `$names` stand for.

    Raises
    ------
    Refused
        A source with `keep: latest` whose schema has no key.
    """
    sources = {step.name: _source(plan, step, names) for step in plan.sources}
    nodes = unroll(plan, names)
    is_log = {name: source.is_log for name, source in sources.items()}
    is_fed = dict.fromkeys(sources, True)
    places: dict[str, Place] = {}
    for node in nodes:
        place = Place(node, False, False, frozenset())
        logs = frozenset(parameter for parameter, port in place.inputs.items() if is_log[port.step])
        fed = any(is_fed[name] for name in node.upstream)
        keys = plan.file.steps.get(node.step.name) if not node.prefix else None
        is_log[node.name], is_fed[node.name] = bool(logs), fed
        places[node.name] = Place(
            node, fed, bool(logs), logs, keys.every if keys else None, keys.max_age if keys else None
        )
    consumers: dict[str, tuple[tuple[str, str, Port], ...]] = {}
    for place in places.values():
        for parameter in sorted(place.log_inputs):
            port = place.inputs[parameter]
            consumers[port.step] = (*consumers.get(port.step, ()), (place.name, parameter, port))
    return Layout(sources, tuple(_effects_last(places)), consumers)


def _source(plan: Plan, step: StepPlan, names: Mapping[str, Any]) -> SourcePlace:
    keys = plan.file.stream[step.name]
    model = step.outputs.get(None)
    if model is None:
        raise Refused(f"{plan.path.name}: source `{step.name}` doesn't say of which schema its rows are.")
    if keys.keep == "latest" and not model.__key__:
        raise Refused(
            f"{plan.path.name}: source `{step.name}` keeps the latest row of each key; {model.__name__} has no key.",
            "Keep all rows (`keep: all`), or those of a span of time (`keep: 5m`).",
        )
    window, buffer = keys.window, keys.buffer
    terms = Terms(
        keeps_all=keys.keep != "latest",
        every=window.every.total_seconds() if window and window.every else None,
        rows=window.rows if window else None,
        limit=buffer.rows if buffer else DEFAULT_ROWS,
        full=buffer.full if buffer else "block",
    )
    begin = None
    if keys.begin:
        name, _, part = keys.begin.partition(".")
        begin = Port(name, part or None)
    node = Node(step.name, step, resolve(step.arguments, names), {edge.parameter: edge.source for edge in step.edges})
    return SourcePlace(node, model, terms, keys.keep if isinstance(keys.keep, timedelta) else None, begin, keys.max_age)


def _effects_last(places: Mapping[str, Place]) -> list[Place]:
    """After what they need; of those that could come next, effects last, then in the order of the file."""
    order = {name: number for number, name in enumerate(places)}
    missing = {name: {up for up in place.node.upstream if up in places} for name, place in places.items()}
    needed_by: dict[str, list[str]] = {}
    for name, ups in missing.items():
        for up in ups:
            needed_by.setdefault(up, []).append(name)
    ready = [(places[name].is_effect, order[name], name) for name, ups in missing.items() if not ups]
    heapq.heapify(ready)
    found: list[Place] = []
    while ready:
        _, _, name = heapq.heappop(ready)
        found.append(places[name])
        for next_ in needed_by.get(name, ()):
            missing[next_].discard(name)
            if not missing[next_]:
                heapq.heappush(ready, (places[next_].is_effect, order[next_], next_))
    return found
