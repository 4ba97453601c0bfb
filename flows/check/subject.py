"""What the rules look at: one pipeline file, what its names turned out to mean, and what is wrong so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from flows.desk import Desk
from flows.diagnostics import Diagnostic, Severity, Span
from flows.document import Document, Location, read
from flows.grammar import FailureStep, PipelineFile, Source, Step
from flows.plan import Parameter, Plan, Port
from schemas.frame import Frame
from tasks.declare import TaskSpec
from tasks.registry import Catalog


class Unknown(Enum):
    """What can't be told because something before it is wrong; nothing more is said about it."""

    UNKNOWN = "unknown"


Schema = type[Frame] | None | Unknown
"""A frame's schema; None where it has none."""


@dataclass
class Piece:
    """What calls a task: a step, a source, or what is done on failure."""

    name: str
    location: Location
    keys: Step | Source | FailureStep
    task: TaskSpec | None = None
    inlined: Plan | None = None
    inputs: dict[str, tuple[Port, Location]] = field(default_factory=dict)
    """Frames by parameter, and where each stands in the file."""
    last: dict[str, tuple[Port, Location]] = field(default_factory=dict)
    upstream: dict[str, Location] = field(default_factory=dict)
    """Pieces that come before it, and where it says so."""
    outputs: dict[str | None, Schema] | None = None
    """None: not known."""
    unproven: dict[str, tuple[str, ...]] = field(default_factory=dict)
    connections: dict[str, str] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """What it calls, as a message names it."""
        keys = self.keys
        if isinstance(keys, Step) and keys.pipeline is not None:
            return f"pipeline `{keys.pipeline}`"
        return f"task `{keys.task}`"

    @property
    def fields(self) -> list[str | None] | None:
        """The names of the frames it yields; None where they aren't known."""
        if self.inlined is not None:
            return [None]
        return None if self.task is None else list(self.task.outputs)


@dataclass(frozen=True)
class Use:
    """A place where a parameter is used."""

    location: Location
    annotation: Any
    """The type that is needed there; None inside text, where any will do."""
    what: str = ""
    """What needs it, as a message names it."""


@dataclass
class Subject:
    """One file under check."""

    document: Document
    file: PipelineFile
    dropped: frozenset[Location]
    """Parts that are misshapen, and already told of: they aren't in `file`."""
    catalog: Catalog
    desk: Desk | None
    folder: Path
    """Where other pipelines are."""
    reader: Callable[[Path], Document] = read
    """Reads those."""
    pieces: dict[str, Piece] = field(default_factory=dict)
    """Sources, then steps, as the file has them."""
    failure: Piece | None = None
    uses: dict[str, list[Use]] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def __post_init__(self) -> None:
        for section, written in (("stream", self.file.stream), ("steps", self.file.steps)):
            for name, keys in written.items():
                self.pieces[name] = Piece(name, (section, name), keys)
        if self.file.on_failure is not None:
            self.failure = Piece("on_failure", ("on_failure",), self.file.on_failure)

    def say(self, location: Location, code: str, message: str, hint: str = "", severity: Severity = "error") -> None:
        """Something is wrong with the value at this location."""
        self._say(self.document.at(location), code, message, hint, severity)

    def say_at_key(
        self, location: Location, code: str, message: str, hint: str = "", severity: Severity = "error"
    ) -> None:
        """Something is wrong with the key of this location."""
        self._say(self.document.key(location), code, message, hint, severity)

    def say_within(self, location: Location, part: str, code: str, message: str, hint: str = "") -> None:
        """Something is wrong with a part of the text at this location."""
        span = self.document.at(location)
        start = self.document.line(span.line).find(part, span.column - 1) if part else -1
        found = 0 <= start < span.column - 1 + span.width
        self._say(Span(span.line, start + 1, len(part)) if found else span, code, message, hint)

    def _say(self, span: Span, code: str, message: str, hint: str = "", severity: Severity = "error") -> None:
        self.diagnostics.append(Diagnostic(self.document.path, span, code, message, hint, severity))

    def lacks(self, location: Location) -> bool:
        """Whether this part was dropped for its shape."""
        return location in self.dropped

    @property
    def is_stream(self) -> bool:
        """Whether the file says that it is one, right or wrong."""
        return bool(self.document.value.get("stream"))

    @cached_property
    def fed(self) -> frozenset[str]:
        """Sources, and the steps that any feeds, directly or not. The wiring must be known."""
        found = set(self.file.stream)
        while more := {
            name for name, piece in self.pieces.items() if name not in found and not found.isdisjoint(piece.upstream)
        }:
            found |= more
        return frozenset(found)

    @property
    def ids(self) -> Mapping[str, Location]:
        """Every id that the file gives, also those of misshapen pieces, and where it stands."""
        value = self.document.value
        return {
            name: (section, name)
            for section in ("stream", "steps")
            for name in (value.get(section) if isinstance(value.get(section), dict) else {})
        }

    def every(self) -> Iterator[Piece]:
        """Sources, steps, and what is done on failure."""
        yield from self.pieces.values()
        if self.failure is not None:
            yield self.failure
