"""The immutable, checked graph of a pipeline: what the checker makes and the modes run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from flows.grammar import PipelineFile
from schemas.frame import Frame
from tasks.declare import TaskSpec


@dataclass(frozen=True)
class Port:
    """One frame of a step: `step`, or `step.field` where its task yields several."""

    step: str
    field: str | None = None

    def __str__(self) -> str:
        return self.step if self.field is None else f"{self.step}.{self.field}"


@dataclass(frozen=True)
class Edge:
    """A frame that a step takes from another."""

    parameter: str
    source: Port
    schema: type[Frame] | None
    """What the consumer asks for; the producer's frame is projected to its columns. None: as it is."""
    required: bool
    unproven: tuple[str, ...] = ()
    """Checks of `schema` that the producer's schema doesn't imply: the frame is validated again here."""
    kind: type[Frame] | None = None
    """What the producer yields; None where nothing says."""


@dataclass(frozen=True)
class Condition:
    """`when:`: run only if a frame has rows, or has none."""

    source: Port
    has_rows: bool = True


@dataclass(frozen=True)
class Retry:
    """How often to try again, and how long to wait: delay × backoff^k, each with up to ±20 % jitter."""

    times: int = 0
    delay: float = 1.0
    backoff: float = 1.0

    def delays(self) -> list[float]:
        """Seconds before each retry, before jitter."""
        return [self.delay * self.backoff**attempt for attempt in range(self.times)]


@dataclass(frozen=True)
class Parameter:
    """A parameter of the pipeline."""

    name: str
    annotation: Any
    """A type that pydantic validates, bounds and choices included."""
    default: Any = None
    required: bool = False
    description: str = ""


@dataclass(frozen=True)
class StepPlan:
    """A step, resolved: its task, its edges, its values with `$names` still in them."""

    name: str
    line: int
    task: TaskSpec | None
    """None where the step inlines a pipeline."""
    pipeline: Plan | None = None
    edges: tuple[Edge, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    each: Mapping[str, Any] | tuple[Mapping[str, Any], ...] | None = None
    """A mapping of lists (their product is meant) or the items as given; `$names` still in them."""
    connections: Mapping[str, str] = field(default_factory=dict)
    """Connection parameters of the task by the name of the desk's connection."""
    last: Mapping[str, Port] = field(default_factory=dict)
    when: Condition | None = None
    after: tuple[str, ...] = ()
    outputs: Mapping[str | None, type[Frame] | None] = field(default_factory=dict)
    """Schema of each frame it yields, `schema:` and generics resolved."""
    retry: Retry = Retry()
    timeout: timedelta | None = None

    @property
    def upstream(self) -> tuple[str, ...]:
        """The steps that must have ended before this one starts, each once, in the order of mention."""
        names = [edge.source.step for edge in self.edges]
        names += [self.when.source.step] if self.when else []
        return tuple(dict.fromkeys([*names, *self.after]))


@dataclass(frozen=True)
class Plan:
    """A checked pipeline."""

    name: str
    path: Path
    text: str
    file: PipelineFile
    """The file as written: description, schedule, stream, overlap …"""
    parameters: Mapping[str, Parameter]
    steps: tuple[StepPlan, ...]
    """In topological order; steps that don't depend on each other in the file's order."""
    sources: tuple[StepPlan, ...] = ()
    """What feeds it in a stream."""
    output: Port | None = None
    on_failure: StepPlan | None = None

    def step(self, name: str) -> StepPlan:
        """The step of this name. Raises `KeyError`."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)
