"""Does a value of a file suit a type? And in which words to say that it doesn't."""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal, Union

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from flows.diagnostics import close_to
from flows.references import as_text


@dataclass(frozen=True)
class Fault:
    """What of a value doesn't suit, and where in it."""

    location: tuple[Hashable, ...]
    message: str
    hint: str = ""


class Unfit(ValueError):
    """A value doesn't suit a type. `faults` say why, each with its place in the value."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = tuple(faults)


def convert(value: Any, annotation: Any) -> Any:
    """The value as the type has it: ISO text becomes a date, `30s` a duration; nothing else is coerced.

    Parameters
    ----------
    value
        As YAML has it, with dates and durations where `$names` stood.
    annotation
        What the task's parameter is annotated with.

    Raises
    ------
    Unfit
        It doesn't suit; every fault at once.
    """
    try:
        text = json.dumps(value, default=_as_yaml)
    except TypeError:
        return _validated(lambda: _adapter(annotation).validate_python(value, strict=True), value, annotation)
    converted = _validated(lambda: _adapter(annotation).validate_json(text, strict=True), value, annotation)
    if isinstance(converted, float) and converted != converted:
        raise Unfit([Fault((), "expected a number, got `.nan`")])
    return converted


def _as_yaml(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"{value.total_seconds():f}s"
    if isinstance(value, date):
        return as_text(value)
    raise TypeError(type(value).__name__)


def _validated(validate: Any, value: Any, annotation: Any) -> Any:
    try:
        return validate()
    except ValidationError as error:
        raise Unfit(faults(error, value, describe(annotation))) from None


def faults(error: ValidationError, value: Any, expected: str = "") -> list[Fault]:
    """What pydantic found wrong, one fault a place, in words.

    Parameters
    ----------
    error
        What it raised.
    value
        What it was given: locations are those that exist in it.
    expected
        What was expected in all; said where the members of a union disagree about one place.
    """
    places: dict[tuple[Hashable, ...], list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        places.setdefault(within(value, details["loc"]), []).append(details)
    found: list[Fault] = []
    for location, at_it in places.items():
        if len(at_it) == 1 or not expected or location:
            found.append(Fault(location, *sentence(at_it[0])))
        else:
            found.append(Fault(location, f"expected {expected}, got {shown(at_it[0]['input'])}"))
    return found


def within(value: Any, location: Sequence[Hashable]) -> tuple[Hashable, ...]:
    """The part of pydantic's location that is in the value: what it says of unions is left out."""
    found: list[Hashable] = []
    for part in location:
        if _holds(value, part):
            value = value[part]
            found.append(part)
    return tuple(found)


def _holds(value: Any, part: Hashable) -> bool:
    if isinstance(value, Mapping):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "bool": "`true` or `false`",
    "date": "a date such as 2024-12-31",
    "datetime": "a moment such as 2024-12-31T16:00:00Z",
    "time_delta": "a duration",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "dict": "a mapping",
    "model": "a mapping",
    "none": "nothing",
}
_STAGE = re.compile("(_from_datetime|_from_float)?(_type|_parsing|_inexact)?$")
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def sentence(details: ErrorDetails) -> tuple[str, str]:
    """(message, hint) of one thing that pydantic found wrong."""
    kind, context = details["type"], details.get("ctx", {})
    got = shown(details["input"])
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"expected {words} {_plain(context[key])}, got {got}", ""
    if kind == "literal_error" or kind == "enum":
        choices = [choice.strip("'") for choice in str(context["expected"]).replace(" or ", ", ").split(", ")]
        listed = ", ".join(f"`{choice}`" for choice in choices)
        nearest = close_to(str(details["input"]), choices)
        return f"expected one of {listed}, got {got}", nearest if nearest.startswith("did") else ""
    if kind == "value_error":
        words = str(context["error"])
        return (words if " got " in words else f"{words}, got {got}"), ""
    if kind == "missing":
        return f"`{details['loc'][-1]}` is missing", ""
    if kind == "extra_forbidden":
        return f"unknown key `{details['loc'][-1]}`", ""
    if kind == "too_short":
        return f"expected at least {context['min_length']} of them, got {context['actual_length']}", ""
    stem = (
        kind.removesuffix("_type").removesuffix("_parsing").removesuffix("_from_datetime").removesuffix("_from_float")
    )
    if stem in _EXPECTED:
        return f"expected {_EXPECTED[stem]}, got {got}", ""
    if kind == "shape":
        return details["msg"], ""
    return f"{details['msg'][:1].lower()}{details['msg'][1:]}, got {got}", ""


def shown(value: Any) -> str:
    """A value as a message names it: text in quotes where it could be taken for something else."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str):
        short = value if len(value) <= 40 else f"{value[:39]}…"
        return f"text `{short}`"
    return f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def describe(annotation: Any) -> str:
    """A type in words: "a whole number", "one of `simple`, `log`", "text or nothing"."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return describe(arguments[0])
    if origin is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(describe(part) for part in arguments)
    if annotation is Any:
        return "any value"
    names = {int: "int", float: "float", str: "string", bool: "bool", date: "date", timedelta: "time_delta"}
    names |= {list: "list", tuple: "list", set: "list", frozenset: "list", dict: "dict", type(None): "none"}
    base = origin or annotation
    return _EXPECTED[names[base]] if base in names else str(getattr(base, "__name__", base))


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return _kept_adapter(annotation)
    except TypeError:  # an annotation that can't be hashed
        return TypeAdapter(annotation)


@lru_cache(maxsize=1024)
def _kept_adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)
