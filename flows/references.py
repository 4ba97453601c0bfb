"""`$names` in values: what they look like, which there are, and what they stand for.

`$name` is a parameter, `$run.session` one of the run's own. Braces delimit inside text
(`trades/${run.session}`), `$$` is a dollar. A scalar that is one whole reference keeps its type.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?"
_TOKEN = re.compile(rf"\$(?:(?P<dollar>\$)|\{{(?P<braced>[^{{}}]*)\}}?|(?P<plain>{NAME}))?")
_WHOLE_NAME = re.compile(NAME)

RUN_TYPES: dict[str, type] = {"run.session": date, "run.pipeline": str, "run.id": str}
"""What a run knows of itself, and the type of each."""


@dataclass(frozen=True)
class Reference:
    """One `$name` in a value."""

    name: str
    location: tuple[Hashable, ...]
    """Keys and list positions from the value down to the scalar that holds it."""
    offset: int
    """Where in that scalar's text its dollar is."""
    width: int
    whole: bool
    """Whether it is all of that scalar, so that it keeps its type."""
    fault: str = ""
    """Why it is none: not closed, not a name, a dollar alone. Empty where it is one."""


def find(value: Any, location: tuple[Hashable, ...] = ()) -> Iterator[Reference]:
    """Every `$name` in a value, its lists and mappings; keys hold none."""
    if isinstance(value, str):
        yield from _in_text(value, location)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from find(inner, (*location, key))
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from find(inner, (*location, position))


def resolve(value: Any, names: Mapping[str, Any]) -> Any:
    """The value with each `$name` replaced by what it stands for.

    Parameters
    ----------
    value
        A scalar, or lists and mappings of them.
    names
        Parameters by name, and the run's own as `run.session`, `run.pipeline`, `run.id`.

    Raises
    ------
    KeyError
        A name that isn't among `names`; a checked file has none.
    """
    if isinstance(value, str):
        return _resolve_text(value, names) if "$" in value else value
    if isinstance(value, Mapping):
        return {key: resolve(inner, names) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(inner, names) for inner in value]
    return value


def whole(value: Any) -> str | None:
    """The name that a scalar wholly refers to; None where it doesn't."""
    if not isinstance(value, str):
        return None
    references = list(_in_text(value, ()))
    return references[0].name if len(references) == 1 and references[0].whole and not references[0].fault else None


def _in_text(text: str, location: tuple[Hashable, ...]) -> Iterator[Reference]:
    for found in _TOKEN.finditer(text):
        if found["dollar"]:
            continue
        name = found["plain"] if found["braced"] is None else found["braced"].strip()
        fault = ""
        if name is None:
            name, fault = "", "a single `$` begins a reference; write `$$` for a dollar"
        elif found["braced"] is not None and not found[0].endswith("}"):
            fault = "`${` is not closed by `}`"
        elif not _WHOLE_NAME.fullmatch(name):
            fault = f"`{name}` is not a name: there are no expressions in here" if name else "`${}` names nothing"
        yield Reference(name, location, found.start(), len(found[0]), found[0] == text, fault)


def _resolve_text(text: str, names: Mapping[str, Any]) -> Any:
    name = whole(text)
    if name is not None:
        return names[name]

    def replaced(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        return as_text(names[found["plain"] or (found["braced"] or "").strip()])

    return _TOKEN.sub(replaced, text)


def as_text(value: Any) -> str:
    """A value as it stands inside text: dates in ISO form, `true` and `false`, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else str(value)
