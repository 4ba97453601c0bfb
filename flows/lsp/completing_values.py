"""Values that may be written at a place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from flows.annotations import Disjoint, intersection
from flows.check.arguments import SAMPLES
from flows.check.subject import Schema, Unknown
from flows.compatibility import fit
from flows.document import Location
from flows.lsp.describing import schema_name, type_text
from flows.lsp.keys import model_of, words_at, words_of
from flows.lsp.offers import Offer
from flows.lsp.reading import Place
from flows.lsp.symbols import Symbol
from flows.lsp.view import View
from flows.references import RUN_TYPES
from flows.values import Unfit, convert
from schemas.frame import Frame
from tasks.connections.base import kinds
from tasks.declare import TaskSpec


def values(view: View, place: Place) -> Iterator[Offer]:
    """What the value at a place may be."""
    location = place.location
    yield from _words(words_at(model_of(desk=view.is_desk), location))
    if view.is_desk:
        if location[-1:] == ("kind",):
            yield from _words(kinds())
        return
    if location[:1] in (("steps",), ("stream",)) and len(location) > 2:
        yield from _of_step(view, str(location[1]), str(location[2]), location[3:], location)
    elif location[:1] == ("on_failure",) and len(location) > 1:
        yield from _of_step(view, "on_failure", str(location[1]), location[2:], location)
    elif location == ("output",):
        yield from _ports(view, None, None)
    elif location == ("schedule", "after"):
        yield from _pipelines(view)
    elif location[:1] == ("schedule",) and location[1:] in (("at",), ("from",), ("until",)):
        yield from _words(["open", "close", "close - 15m", "open + 5m"])
    elif location == ("schedule", "calendar"):
        yield from _words(_calendars())
    elif location == ("schedule", "timezone"):
        yield from _words(_timezones())


def _of_step(view: View, step: str, section: str, below: Location, location: Location) -> Iterator[Offer]:
    task = view.task_of(step)
    match section:
        case "task":
            yield from _tasks(view, location[0] == "stream", frameless=step == "on_failure")
        case "pipeline":
            yield from _pipelines(view)
        case "schema":
            for name, schema in view.catalog.schemas.items():
                yield Offer(name, "schema", _summary(schema), symbol=Symbol("schema", name))
        case "in":
            listed = _listed(view, location) if below and isinstance(below[0], int) else set()
            ports = _ports(view, step, task, _parameter(task, below))
            yield from (port for port in ports if port.label not in listed)
        case "last":
            yield from _ports(view, None, task, str(below[0]) if below else None)
        case "begin" | "when":
            yield from _ports(view, step, None)
        case "after":
            yield from (Offer(name, "step", symbol=Symbol("step", name, view.name)) for name in _before(view, step))
        case "with" | "each" if below:
            yield from _argument(view, step, task, below, section)


def _listed(view: View, location: Location) -> set[str | None]:
    """The other items of the list that an item is in."""
    items = view.outline.children(location[:-1])
    return {view.outline.value((*location[:-1], item)) for item in items if item != location[-1]}


def _parameter(task: TaskSpec | None, below: Location) -> str | None:
    """The frame that a value of `in:` binds: the one that is named, or the only one; None where it is open."""
    if task is None or (below and isinstance(below[0], int)):
        return None
    if below:
        return str(below[0])
    required = [name for name, frame in task.frames.items() if not frame.optional] or list(task.frames)
    return required[0] if len(required) == 1 else None


def _ports(view: View, step: str | None, task: TaskSpec | None, parameter: str | None = None) -> Iterator[Offer]:
    """Frames, those first that suit; those that wait for this very step not at all."""
    wanted: list[type[Frame] | None] = []
    if task is not None:
        frames = [task.frames[parameter]] if parameter and parameter in task.frames else list(task.frames.values())
        wanted = [frame.schema for frame in frames]
    for name in _before(view, step):
        for field, schema in view.outputs(name).items():
            label = name if field is None else f"{name}.{field}"
            named = parameter is None and task is not None and (field in task.frames or name in task.frames)
            rank = _rank(schema, wanted) - named
            yield Offer(label, "step", schema_name(schema), rank=rank, symbol=Symbol("step", name, view.name))


def _before(view: View, step: str | None) -> list[str]:
    """The steps that may come before this one: it, and those that wait for it, may not."""
    names = view.steps()
    if step is None or view.subject is None:
        return [name for name in names if name != step]
    waiting = {step}
    pieces = view.subject.pieces
    while more := {name for name, piece in pieces.items() if name not in waiting and waiting & set(piece.upstream)}:
        waiting |= more
    return [name for name in names if name not in waiting]


def _rank(schema: Schema, wanted: list[type[Frame] | None]) -> int:
    """2: it suits; 4: once it is looked at; 6: nobody knows; 8: it never does."""
    if not wanted or schema is None or isinstance(schema, Unknown):
        return 6
    fits = [fit(schema, consumer) for consumer in wanted]
    suiting = [each for each in fits if not each.faults]
    return 8 if not suiting else 2 if any(not each.unproven for each in suiting) else 4


def _tasks(view: View, is_source: bool, *, frameless: bool) -> Iterator[Offer]:
    for name, task in sorted(view.catalog.tasks.items()):
        if (task.kind == "source") == is_source and not (
            frameless and any(not frame.optional for frame in task.frames.values())
        ):
            yield Offer(name, "task", task.summary, symbol=Symbol("task", name))


def _argument(view: View, step: str, task: TaskSpec | None, below: Location, section: str) -> Iterator[Offer]:
    name = next((str(part) for part in below if isinstance(part, str)), "")
    if task is not None and name in task.connections:
        for connection, spec in (view.project.desk.connections if view.project.desk else {}).items():
            if issubclass(spec.cls, task.connections[name]):
                yield Offer(connection, "connection", spec.kind, rank=2, symbol=Symbol("connection", connection))
        return
    annotation: Any = task.arguments[name].annotation if task is not None and name in task.arguments else Any
    yield from _words(str(word) for word in words_of(annotation))
    subject = view.subject
    for parameter in view.parameters():
        known = subject.parameters.get(parameter) if subject else None
        rank = 4 if known is None or _overlap(known.annotation, annotation) else 8
        detail = type_text(known.annotation) if known else ""
        symbol = Symbol("parameter", parameter, view.name)
        yield Offer(f"${parameter}", "parameter", detail, rank=rank, symbol=symbol)
    for own in RUN_TYPES:
        yield Offer(f"${own}", "parameter", "of the run", rank=5 if _takes(annotation, SAMPLES[own]) else 8)


def _overlap(one: Any, other: Any) -> bool:
    try:
        intersection(one, other)
    except Disjoint:
        return False
    return True


def _takes(annotation: Any, value: Any) -> bool:
    try:
        convert(value, annotation)
    except Unfit:
        return False
    return True


def _pipelines(view: View) -> Iterator[Offer]:
    for path in view.project.paths():
        if path != view.path:
            yield Offer(path.stem, "pipeline", symbol=Symbol("pipeline", path.stem))


def _words(words: Iterable[str]) -> Iterator[Offer]:
    yield from (Offer(str(word), "word", rank=3) for word in words)


def _summary(schema: type[Frame]) -> str:
    return (schema.__doc__ or "").strip().partition("\n")[0]


@cache
def _calendars() -> list[str]:
    import exchange_calendars

    return sorted(exchange_calendars.get_calendar_names(include_aliases=False))


@cache
def _timezones() -> list[str]:
    from zoneinfo import available_timezones

    return sorted(available_timezones())
