"""Keys that may be written at a place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flows.document import Location
from flows.lsp.describing import argument_text, schema_name
from flows.lsp.keys import key_text, keys_at, model_of
from flows.lsp.offers import Offer
from flows.lsp.reading import Place
from flows.lsp.view import View
from flows.values import describe
from tasks.connections.base import connection_class, kinds
from tasks.declare import TaskSpec

_FIRST = ("task", "in", "with", "steps", "description", "schedule", "params", "kind", "calendar", "at", "default")
"""Keys that are written more often than the others."""

SCHEDULES = ({"calendar", "at"}, {"calendar", "from", "until", "every"}, {"cron", "timezone"}, {"after"})
"""Keys of a schedule that go together."""


def keys(view: View, place: Place) -> Iterator[Offer]:
    """The keys that the mapping around the place may have and doesn't have yet."""
    location = place.location
    here = view.outline.at(place.start)
    written = {str(key) for key in view.outline.children(location)} - {here.text if here else "", place.prefix}
    offers = _desk_keys(view, location) if view.is_desk else _pipeline_keys(view, location)
    senseless = written | _senseless(view, location, written)
    yield from (offer for offer in offers if offer.label not in senseless)


def _senseless(view: View, location: Location, written: set[str]) -> set[str]:
    """Keys that the grammar knows at a place, but not beside what is written there."""
    if location == ("schedule",):
        forms = [form for form in SCHEDULES if written - {"missed"} <= form]
        return set().union(*SCHEDULES) - set().union(*forms)
    if len(location) != 2 or location[0] != "steps":
        return set()
    without = {"every", "max_age"} if not view.outline.children(("stream",)) else set()
    return without | ({"pipeline"} if "task" in written else {"task"} if "pipeline" in written else set())


def _pipeline_keys(view: View, location: Location) -> Iterable[Offer]:
    section, below = _section(location)
    step = (
        str(location[1])
        if len(location) > 1 and location[0] in ("steps", "stream")
        else str(location[0] if location else "")
    )
    task = view.task_of(step)
    if section in ("in", "last") and not below:
        return _frames(task, only_optional=section == "last")
    if (section == "with" and not below) or (section == "each" and len(below) <= 1):
        inlined = view.outline.value((*location[:2], "pipeline"))
        return _parameters_of(view, inlined) if inlined else _arguments(view, step, task, location)
    return _grammar(view, location)


def _section(location: Location) -> tuple[str, Location]:
    depth = 1 if location[:1] == ("on_failure",) else 2
    if location[:1] not in (("steps",), ("stream",), ("on_failure",)) or len(location) <= depth:
        return "", ()
    return str(location[depth]), location[depth + 1 :]


def _grammar(view: View, location: Location) -> Iterator[Offer]:
    model = model_of(desk=view.is_desk)
    for name, field in keys_at(model, location).items():
        rank = 3 if field.is_required() else 4 if name in _FIRST else 5
        yield Offer(name, "key", documentation=key_text(model, (*location, name)), text=f"{name}: ", rank=rank)


def _frames(task: TaskSpec | None, *, only_optional: bool) -> Iterator[Offer]:
    for name, frame in (task.frames if task else {}).items():
        if task is None or (only_optional and not frame.optional):
            continue
        rank = 5 if frame.optional else 3
        yield Offer(name, "argument", schema_name(frame.schema), argument_text(task, name), f"{name}: ", rank)


def _arguments(view: View, step: str, task: TaskSpec | None, location: Location) -> Iterator[Offer]:
    if task is None:
        return
    given = {*view.outline.children((*location[:2], "with")), *view.outline.children((*location[:2], "each"))}
    for name, argument in task.arguments.items():
        if name in given and location[-1:] != ("with",):
            continue
        rank = 3 if argument.required else 5
        yield Offer(name, "argument", describe(argument.annotation), argument_text(task, name), f"{name}: ", rank)
    for name, cls in task.connections.items() if "with" in location else ():
        detail = f"connection of kind {cls.kind}"
        yield Offer(name, "argument", detail, argument_text(task, name), f"{name}: ", 6)


def _parameters_of(view: View, pipeline: str) -> Iterator[Offer]:
    checked = view.project.good(view.project.folder / f"{pipeline}.yaml")
    if checked is None or checked.subject is None:
        return
    for name, keys_ in checked.subject.file.params.items():
        yield Offer(
            name, "argument", documentation=keys_.description, text=f"{name}: ", rank=3 if keys_.required else 5
        )


def _desk_keys(view: View, location: Location) -> Iterator[Offer]:
    place = location[2:] if location[:1] == ("profiles",) and len(location) > 1 else location
    if place[:1] == ("connections",) and len(place) == 2:
        yield Offer("kind", "key", documentation="What it is a connection to", text="kind: ", rank=3)
        kind = view.outline.value((*location, "kind")) or view.outline.value((*place, "kind")) or ""
        if kind in kinds():
            for name, field in connection_class(kind).Settings.model_fields.items():
                rank = 4 if field.is_required() else 5
                yield Offer(
                    field.alias or name, "key", documentation=field.description or "", text=f"{name}: ", rank=rank
                )
        return
    yield from _grammar(view, location)
