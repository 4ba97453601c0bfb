"""What several types have in common: the type of a parameter follows from all the arguments that use it."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Literal, Optional, Union

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from flows.values import Fault, Unfit, convert, describe, shown
from tasks.connections.durations import Duration

NAMED: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "date": date,
    "duration": Duration,
    "list": list[Any],
}
"""Types by the names that a pipeline file gives them."""


class Disjoint(ValueError):
    """No value is of both types."""


@dataclass(frozen=True)
class _Parts:
    """A type taken apart: `Annotated[core, *constraints]`, perhaps with None beside it."""

    core: Any
    constraints: tuple[Any, ...] = ()
    nullable: bool = False


def intersection(one: Any, other: Any) -> Any:
    """The type of the values that are of both types. Raises `Disjoint` where there are none."""
    first, second = _parts(one), _parts(other)
    core = _common_core(first.core, second.core)
    whole = _constrained(core, [*first.constraints, *second.constraints])
    return Optional[whole] if first.nullable and second.nullable else whole  # noqa: UP045 - `whole` is a value here


def of_default(value: Any) -> Any:
    """The type that a default suggests where nothing else says one."""
    if value is None:
        return Any
    return list[Any] if isinstance(value, list) else type(value)


def bounded(annotation: Any, side: Literal["min", "max"], bound: Any) -> Any:
    """The type with a least or a greatest value. Raises `Unfit` where it can't have that one."""
    parts = _parts(annotation)
    if parts.core not in (int, float, date, timedelta):
        raise Unfit([Fault((), f"{describe(annotation)} has no least or greatest value")])
    if parts.core is timedelta:
        constraint: Any = AfterValidator(_no_further(side, convert(bound, Duration), str(bound)))
    else:
        value = convert(bound, float if parts.core is int else parts.core)
        constraint = Ge(value) if side == "min" else Le(value)
    whole = _constrained(parts.core, [*parts.constraints, constraint])
    return Optional[whole] if parts.nullable else whole  # noqa: UP045 - `whole` is a value here


def _no_further(side: str, bound: timedelta, written: str) -> Callable[[timedelta], timedelta]:
    def check(value: timedelta) -> timedelta:
        if (value < bound) if side == "min" else (value > bound):
            raise ValueError(f"expected at {'least' if side == 'min' else 'most'} {written}")
        return value

    return check


def chosen(annotation: Any, choices: Sequence[Any]) -> Any:
    """The type with only these values. Raises `Unfit` where one of them isn't of it."""
    converted = [convert(choice, annotation) for choice in choices]
    if all(isinstance(choice, str | int) for choice in converted):
        return Literal[*converted]
    return Annotated[annotation, AfterValidator(_among(converted))]


def _among(choices: Sequence[Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(shown(choice) for choice in choices)}, got {shown(value)}")
        return value

    return check


def _parts(annotation: Any) -> _Parts:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        inner = _parts(arguments[0])
        flat = [one for each in arguments[1:] for one in (each.metadata if isinstance(each, FieldInfo) else [each])]
        return _Parts(inner.core, (*inner.constraints, *flat), inner.nullable)
    if origin in (Union, types.UnionType) and type(None) in arguments:
        rest = [part for part in arguments if part is not type(None)]
        inner = _parts(rest[0]) if len(rest) == 1 else _Parts(Union[tuple(rest)])  # noqa: UP007 - made as it runs
        return _Parts(inner.core, inner.constraints, nullable=True)
    return _Parts(annotation)


_BOUNDS: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (Ge, "ge", max),
    (Gt, "gt", max),
    (Le, "le", min),
    (Lt, "lt", min),
)


def _constrained(core: Any, constraints: Sequence[Any]) -> Any:
    """The core under all constraints; of bounds on the same side the strictest, since pydantic heeds only the last."""
    kept = [each for each in constraints if not isinstance(each, Ge | Gt | Le | Lt)]
    kept = [each for position, each in enumerate(kept) if each not in kept[:position]]
    if core is int:  # what says whether a float may be infinite says nothing here
        kept = [each for each in kept if not hasattr(each, "allow_inf_nan")]
    for kind, name, strictest in _BOUNDS:
        bounds = [getattr(each, name) for each in constraints if isinstance(each, kind)]
        kept += [kind(strictest(bounds))] if bounds else []
    return Annotated[core, *kept] if kept else core


def _common_core(one: Any, other: Any) -> Any:
    if one == other or other is Any:
        return one
    if one is Any:
        return other
    if {one, other} == {int, float}:
        return int
    choices = [typing.get_args(core) if typing.get_origin(core) is Literal else None for core in (one, other)]
    if choices[0] is not None or choices[1] is not None:
        return _common_choices(one, other, choices)
    if typing.get_origin(one) is list and typing.get_origin(other) is list:
        return list[intersection(typing.get_args(one)[0], typing.get_args(other)[0])]  # type: ignore[misc] # made as it runs
    raise Disjoint


def _common_choices(one: Any, other: Any, choices: list[tuple[Any, ...] | None]) -> Any:
    listed, core = (choices[0], other) if choices[0] is not None else (choices[1], one)
    common = [choice for choice in listed or () if _suits(choice, core)]
    if not common:
        raise Disjoint
    return Literal[*common]


def _suits(value: Any, annotation: Any) -> bool:
    try:
        convert(value, annotation)
    except Unfit:
        return False
    return True
