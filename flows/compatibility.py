"""Does a frame of one kind serve where another kind is asked for? Said without seeing any frame.

A consumer is given the producer's frame projected to its own columns, so the producer may have
more: positions are a universe.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from schemas.frame import Frame, schema_of

SHOWN = 4
"""Columns that a message names before it counts the rest."""


@dataclass(frozen=True)
class Fit:
    """How a producer's schema meets a consumer's."""

    faults: tuple[str, ...] = ()
    """Why it never can; each a clause that names the column."""
    unproven: tuple[str, ...] = ()
    """Checks of the consumer that the producer's schema doesn't imply: they run on the frame."""


@lru_cache(maxsize=4096)
def fit(producer: type[Frame], consumer: type[Frame] | None) -> Fit:
    """Whether every frame that `producer` admits is one that `consumer` admits, once projected.

    Parameters
    ----------
    producer
        The schema of the frame that is there.
    consumer
        The schema that is asked for; None asks for any frame.
    """
    if consumer is None or issubclass(producer, consumer):
        return Fit()
    faults: list[str] = []
    unproven: list[str] = []
    given, asked = schema_of(producer).columns, schema_of(consumer).columns
    if missing := [name for name, column in asked.items() if column.required and name not in given]:
        faults.append(_absent(missing))
    for name, column in asked.items():
        have = given.get(name)
        if have is None:
            continue
        if column.required and not have.required:
            faults.append(f"column `{name}` may be missing")
        if column.dtype is not None and not (have.dtype is not None and column.dtype.check(have.dtype)):
            faults.append(f"column `{name}` is {have.dtype}, {column.dtype} is needed")
            continue
        if have.nullable and not column.nullable:
            faults.append(f"column `{name}` may be null")
        if column.unique and not have.unique and producer.__key__ != (name,):
            faults.append(f"column `{name}` may repeat")
        unproven += [
            f"{name}: {_told(check)}"
            for check in column.checks
            if not _implied(check, have.checks) and not _inherited(check, producer, consumer)
        ]
    if fault := _key_fault(producer, consumer):
        faults.append(fault)
    unproven += [
        _told(check)
        for check in schema_of(consumer).checks
        if check.name != Frame.unique_key.__name__ and not _inherited(check, producer, consumer)
    ]
    return Fit(tuple(faults), tuple(unproven))


def _absent(names: Sequence[str]) -> str:
    shown = [f"`{name}`" for name in names[:SHOWN]]
    if len(names) > SHOWN:
        shown.append(f"{len(names) - SHOWN} more")
    if len(shown) == 1:
        return f"column {shown[0]} is missing"
    return f"columns {', '.join(shown[:-1])} and {shown[-1]} are missing"


def _key_fault(producer: type[Frame], consumer: type[Frame]) -> str:
    """Why rows may share the consumer's key; empty where they can't."""
    key = consumer.__key__
    if not key or (producer.__key__ and set(producer.__key__) <= set(key)):
        return ""
    wanted = ", ".join(key)
    if not producer.__key__:
        return f"rows may share a key ({wanted}): {producer.__name__} has none"
    return f"rows may share a key ({wanted}): {producer.__name__} has one row a ({', '.join(producer.__key__)})"


def _inherited(check: Any, producer: type[Frame], consumer: type[Frame]) -> bool:
    """Whether both have this check, written as a method, from the same class."""
    definers = [
        next((base for base in kind.__mro__ if check.name in vars(base)), None) for kind in (producer, consumer)
    ]
    return definers[0] is not None and definers[0] is definers[1]


def _told(check: Any) -> str:
    return str(check.error or check.name)


_LOWER = {"greater_than": True, "greater_than_or_equal_to": False}
_UPPER = {"less_than": True, "less_than_or_equal_to": False}


def _implied(wanted: Any, given: Sequence[Any]) -> bool:
    """Whether values that pass all of `given` pass `wanted`."""
    if any(wanted.statistics and (wanted.name, wanted.statistics) == (have.name, have.statistics) for have in given):
        return True
    values = _allowed(given)
    name, statistics = wanted.name, wanted.statistics
    if name == "isin":
        return values is not None and values <= set(statistics["allowed_values"])
    if name == "notin":
        return values is not None and not values & set(statistics["forbidden_values"])
    bounds = _bounds([wanted])
    if bounds == _ANY:
        return False
    if values is not None:
        return all(_inside(value, bounds) for value in values)
    low, low_open, high, high_open = _bounds(given)
    lowest, lowest_open, highest, highest_open = bounds
    return (low > lowest or (low == lowest and (low_open or not lowest_open))) and (
        high < highest or (high == highest and (high_open or not highest_open))
    )


def _allowed(checks: Sequence[Any]) -> set[Any] | None:
    """The only values that pass, where they are listed."""
    sets = [set(check.statistics["allowed_values"]) for check in checks if check.name == "isin"]
    return set.intersection(*sets) if sets else None


_Bounds = tuple[Any, bool, Any, bool]
_ANY: _Bounds = (-math.inf, False, math.inf, False)


def _bounds(checks: Sequence[Any]) -> _Bounds:
    """(lowest, whether it is excluded, highest, whether it is excluded) of what passes."""
    low, low_open, high, high_open = _ANY
    for check in checks:
        statistics = check.statistics or {}
        lower = statistics.get("min_value") if check.name in (*_LOWER, "in_range") else None
        upper = statistics.get("max_value") if check.name in (*_UPPER, "in_range") else None
        if isinstance(lower, int | float) and lower >= low:
            low, low_open = lower, _LOWER.get(check.name, not statistics.get("include_min", True))
        if isinstance(upper, int | float) and upper <= high:
            high, high_open = upper, _UPPER.get(check.name, not statistics.get("include_max", True))
    return low, low_open, high, high_open


def _inside(value: Any, bounds: _Bounds) -> bool:
    low, low_open, high, high_open = bounds
    if not isinstance(value, int | float):
        return False
    above = value > low if low_open else value >= low
    return bool(above and (value < high if high_open else value <= high))
