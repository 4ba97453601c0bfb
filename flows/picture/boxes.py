"""What is to be seen of each step: its task, the frames it takes and those it yields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from flows.grammar import Source
from flows.plan import Plan, Port, StepPlan
from schemas.frame import Frame

Kind = Literal["pure", "reads", "source", "effect", "pipeline"]
Way = Literal["edge", "last", "order"]
"""How one step follows another: it takes a frame; takes the one of the time before; or only waits."""


@dataclass(frozen=True)
class Taken:
    """A line of a box: something that the step takes."""

    name: str
    schema: str
    source: Port
    way: Way = "edge"
    is_optional: bool = False
    flow: str = ""
    """`log` or `table` in a stream."""


@dataclass(frozen=True)
class Yielded:
    """A line of a box: a frame that comes out."""

    field: str | None
    schema: str
    flow: str = ""


@dataclass(frozen=True)
class Box:
    """A step."""

    name: str
    calls: str
    kind: Kind
    takes: tuple[Taken, ...]
    yields: tuple[Yielded, ...]
    notes: tuple[str, ...] = ()
    is_output: bool = False


def boxes(plan: Plan) -> list[Box]:
    """A box for each source and each step, each after those it follows."""
    logs = _logs(plan)
    steps = [*plan.sources, *plan.steps]
    kinds = {(step.name, field): schema for step in steps for field, schema in step.outputs.items()}
    is_stream = bool(plan.sources)
    return [
        Box(
            step.name,
            step.task.name if step.task else f"pipeline {step.pipeline.name if step.pipeline else ''}",
            _kind(step),
            tuple(_taken(plan, step, logs, kinds)),
            tuple(
                Yielded(field, _name(schema), _flow(step.name in logs) if is_stream else "")
                for field, schema in step.outputs.items()
            ),
            tuple(_notes(plan, step)),
            plan.output is not None and plan.output.step == step.name,
        )
        for step in _ordered(steps)
    ]


def _ordered(steps: list[StepPlan]) -> list[StepPlan]:
    """Sources may be opened on what steps yield: each after what it follows."""
    left, found = {step.name: step for step in steps}, []
    while left:
        step = next(step for step in left.values() if not any(name in left for name in step.upstream))
        found.append(left.pop(step.name))
    return found


def _logs(plan: Plan) -> frozenset[str]:
    """What yields each row once: sources that keep all, and whatever takes a log."""
    found = {step.name for step in plan.sources if plan.file.stream[step.name].keep == "all"}
    for step in plan.steps:
        if any(edge.source.step in found for edge in step.edges):
            found.add(step.name)
    return frozenset(found)


def _flow(is_log: bool) -> str:
    return "log" if is_log else "table"


def _kind(step: StepPlan) -> Kind:
    if step.task is None:
        return "pipeline"
    kind = step.task.kind
    return "reads" if kind == "as_of" or kind == "now" else kind


def _name(schema: type[Frame] | None) -> str:
    return schema.__name__ if schema is not None else "any frame"


def _taken(
    plan: Plan, step: StepPlan, logs: frozenset[str], kinds: Mapping[tuple[str, str | None], type[Frame] | None]
) -> Iterator[Taken]:
    for edge in step.edges:
        flow = _flow(edge.source.step in logs) if plan.sources else ""
        yield Taken(
            edge.parameter,
            _name(edge.schema or edge.kind),
            edge.source,
            is_optional=not edge.required,
            flow=flow,
        )
    for parameter, port in step.last.items():
        yield Taken(parameter, _name(kinds.get((port.step, port.field))), port, "last", is_optional=True)
    if step.when is not None:
        words = "when it has rows" if step.when.has_rows else "when it has none"
        yield Taken(words, "", step.when.source, "order")
    for name in step.after:
        yield Taken("after it", "", Port(name), "order")


def _notes(plan: Plan, step: StepPlan) -> Iterator[str]:
    keys = plan.file.stream.get(step.name) or plan.file.steps.get(step.name)
    if isinstance(step.each, Mapping):
        yield f"for each {', '.join(step.each)}"
    elif step.each is not None:
        yield "for each item"
    if isinstance(keys, Source):
        yield f"keeps {_written(plan, step.name)}"
    elif keys is not None and keys.every is not None:
        yield f"every {_length(keys.every)} at most"
    if step.task is not None and step.task.kind == "now":
        yield "as it is now"


def _written(plan: Plan, name: str) -> str:
    keep = plan.file.stream[name].keep
    return keep if isinstance(keep, str) else _length(keep)


def _length(span: timedelta) -> str:
    """In the largest unit that it is a whole number of."""
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60)):
        if span and not span % timedelta(seconds=seconds):
            return f"{span // timedelta(seconds=seconds)}{unit}"
    return f"{span.total_seconds():g}s"
