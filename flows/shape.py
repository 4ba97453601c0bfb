"""Does a file have the shape of its grammar? pydantic's findings as diagnostics in a document."""

from __future__ import annotations

import typing
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from flows.diagnostics import Diagnostic, close_to
from flows.document import Document, Location
from flows.values import sentence, within


def misshapen(
    error: ValidationError,
    document: Document,
    value: Any,
    model: type[BaseModel],
    place_of: Callable[[Location], Location] = tuple,
) -> list[tuple[Location, Diagnostic]]:
    """What pydantic found wrong with a part of a document, each with the location in that part.

    Parameters
    ----------
    error
        What it raised.
    document
        Where the value stands.
    value
        What it was given.
    model
        What the value should be.
    place_of
        From a location in the value to that in the document.
    """
    found: list[tuple[Location, Diagnostic]] = []
    for details in error.errors(include_url=False):
        location = within(value, details["loc"])
        place = place_of(location)
        if details["type"] == "extra_forbidden":
            key = str(details["loc"][-1])
            keys = known_keys(model, location[:-1]) - _siblings(value, location)
            found.append(
                (location, _at_key(document, place, "unknown-key", f"unknown key `{key}`", close_to(key, keys)))
            )
        elif details["type"] == "missing":
            key = str(details["loc"][-1])
            found.append((location, _at_key(document, place, "missing-key", f"key `{key}` is missing")))
        elif details["loc"][-1:] == ("[key]",):
            message = str(details["ctx"]["error"]) if "ctx" in details else details["msg"]
            found.append((location, _at_key(document, place, "bad-value", message)))
        else:
            message, hint = sentence(details)
            name = next((f"`{part}`: " for part in reversed(place) if isinstance(part, str)), "")
            found.append((location, Diagnostic(document.path, document.at(place), "bad-value", name + message, hint)))
    return found


def known_keys(model: Any, location: Sequence[Hashable]) -> set[str]:
    """The keys that a mapping at this location may have."""
    annotation = model
    for part in location:
        if (inner := _model_in(annotation)) is not None:
            annotation = next(
                (field.annotation for name, field in inner.model_fields.items() if (field.alias or name) == part), Any
            )
        else:
            annotation = next(iter(_members(annotation)), Any)
    inner = _model_in(annotation)
    return {field.alias or name for name, field in inner.model_fields.items()} if inner else set()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is, or holds beside other things at the same level."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (dict, list):
        return None
    return next(filter(None, (_model_in(part) for part in typing.get_args(annotation))), None)


def _members(annotation: Any) -> list[Any]:
    """What the values of a mapping, or the items of a list, are."""
    if typing.get_origin(annotation) in (dict, list):
        return [typing.get_args(annotation)[-1]]
    return [found for part in typing.get_args(annotation) for found in _members(part)]


def _siblings(value: Any, location: Location) -> set[str]:
    for part in location[:-1]:
        value = value[part]
    return set(value) if isinstance(value, dict) else set()


def _at_key(document: Document, place: Location, code: str, message: str, hint: str = "") -> Diagnostic:
    return Diagnostic(document.path, document.key(place), code, message, hint)
