"""What the grammar allows at a place: its keys with what they mean, or its words."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from flows.grammar import DeskFile, DeskKeys, PipelineFile


def model_of(*, desk: bool) -> type[BaseModel]:
    """The grammar of a file."""
    return DeskFile if desk else PipelineFile


def keys_at(model: Any, location: Sequence[Hashable]) -> Mapping[str, FieldInfo]:
    """The keys that the mapping at a location may have; none where its keys are names of one's own."""
    found = _model_in(_annotation_at(model, location))
    return {field.alias or name: field for name, field in found.model_fields.items()} if found else {}


def words_at(model: Any, location: Sequence[Hashable]) -> list[str]:
    """The words that may stand at a location; none where any may."""
    return [str(word) for word in words_of(_annotation_at(model, location))]


def words_of(annotation: Any) -> Iterator[Any]:
    """The words that a type lists."""
    if annotation is bool:
        yield from ("true", "false")
    elif typing.get_origin(annotation) is Literal:
        yield from typing.get_args(annotation)
    elif typing.get_origin(annotation) is Annotated:
        yield from words_of(typing.get_args(annotation)[0])
    elif typing.get_origin(annotation) not in (dict, list):
        for part in typing.get_args(annotation):
            yield from words_of(part)


def key_text(model: Any, location: Sequence[Hashable]) -> str:
    """What a key is for; empty where it is a name of one's own."""
    field = keys_at(model, location[:-1]).get(str(location[-1]))
    if field is None:
        return ""
    said = field.description or _NOTES.get(str(location[-1]), "")
    inner = _model_in(field.annotation)
    if not said and inner is not None:
        said = (inspect.getdoc(inner) or "").partition("\n")[0]
    return f"`{location[-1]}`: {said}".rstrip(": ")


_NOTES = {
    "task": "The task that is called, by its function's name",
    "pipeline": "Another pipeline in the place of a task: its parameters are given by `with:`",
    "description": "What it is for, in a sentence",
    "params": "What a run may be given: `name: default`, or `name: {default, description, min, max, enum, type}`",
    "steps": "What is done: each step is named for the frame that it yields",
    "stream": "The sources that feed it, where it runs as a stream",
    "output": "The step that it yields where another pipeline inlines it",
    "overlap": "What a run does that comes due while another is under way",
    "retry": "How often a step is tried again: a number, or `{times, delay, backoff}`",
    "times": "How often it is tried again",
    "delay": "The wait before the first time, such as `15s`",
    "backoff": "Each wait is this many times the one before",
    "defaults": "Retries and timeout of every step that doesn't state its own; effects don't inherit `retry`",
    "timeout": "How long a step may take, such as `2m`",
    "on_failure": "What is done when a run fails",
    "default": "What it is where a run isn't given it; without one it must be given",
    "enum": "The values that it may have",
    "min": "The least that it may be",
    "max": "The most that it may be",
    "type": "Its type, where no argument says it",
    "with": "The values it takes",
    "in": "The frames it takes",
    "rows": "A number of rows",
    "full": "What happens where no more may wait",
    "window": "When rows are passed on: `{every, rows}`, whichever fills first",
    "buffer": "How many rows may wait: `{rows, full}`",
    "every": "A duration, such as `500ms`",
    "connections": "What the desk is connected to: `name: {kind, …}`",
    "orders": "The ceiling for every pipeline: `{mode, accounts, …}`",
    "profiles": "Other desks, which override these keys: `--desk NAME`",
    "name": "What the desk is called",
}
"""Of keys whose models say nothing."""


def _annotation_at(model: Any, location: Sequence[Hashable]) -> Any:
    annotation = model
    parts = list(location)
    if model is DeskFile and parts[:1] == ["profiles"] and len(parts) > 1:
        annotation, parts = DeskKeys, parts[2:]
    for part in parts:
        inner = _model_in(annotation)
        if inner is not None:
            field = {field.alias or name: field for name, field in inner.model_fields.items()}.get(str(part))
            annotation = field.annotation if field else Any
        else:
            annotation = next(_members(annotation), Any)
    return annotation


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (dict, list):
        return None
    return next(filter(None, map(_model_in, typing.get_args(annotation))), None)


def _members(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) in (dict, list):
        yield typing.get_args(annotation)[-1]
    else:
        for part in typing.get_args(annotation):
            yield from _members(part)
