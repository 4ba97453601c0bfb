"""Which rows are asked for, in plain values: `{symbol: SPY, price: {above: 5}, account: [DU1, DU2], note: null}`.

A value is what a column must be, a list what it may be, nothing that it has no value, and a mapping holds
bounds. Stores are given what they can look up themselves; `matching` is what all of it means.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, cast

import numpy as np
import pandas as pd

from tasks.connections.problems import DataProblem

Operator = Literal["is", "in", "null", "not", "above", "at_least", "below", "at_most"]
BOUNDS = ("above", "at_least", "below", "at_most", "not")
"""Keys of a mapping that a column may be held against."""


@dataclass(frozen=True)
class Condition:
    """What a column must be."""

    column: str
    operator: Operator
    value: Any = None


def conditions(where: Mapping[str, Any] | None) -> list[Condition]:
    """What `where:` says, one condition a column and bound. Raises `DataProblem` for what says nothing."""
    found: list[Condition] = []
    for column, value in (where or {}).items():
        if isinstance(value, Mapping):
            if not value or not set(value) <= set(BOUNDS):
                wrong = next((str(key) for key in value if key not in BOUNDS), "nothing")
                raise DataProblem(
                    f"`where` holds `{column}` against `{wrong}`.", f"A bound is one of {', '.join(BOUNDS)}."
                )
            found += [Condition(column, cast("Operator", bound), given) for bound, given in value.items()]
        elif isinstance(value, list | tuple | set | frozenset):
            found.append(Condition(column, "in", tuple(value)))
        elif value is None:
            found.append(Condition(column, "null"))
        else:
            found.append(Condition(column, "is", value))
    return found


def between(column: str, first: date | None, last: date | None) -> list[Condition]:
    """From a date or moment to another, both included; a last date is that whole day, UTC where it has a zone."""
    found: list[Condition] = []
    if first is not None:
        found.append(Condition(column, "at_least", first))
    if isinstance(last, datetime):
        found.append(Condition(column, "at_most", last))
    elif last is not None:
        found.append(Condition(column, "below", last + timedelta(days=1)))
    return found


def typed(condition: Condition, kind: str) -> Condition:
    """The condition with values as a column of this kind has them.

    `kind` is a pandas type, or `text`, `decimal` or `date` for objects. Raises `DataProblem` where a value is none.
    """
    if condition.operator == "null":
        return condition
    if condition.operator == "in":
        return Condition(condition.column, "in", tuple(_typed(one, kind, condition) for one in condition.value))
    return Condition(condition.column, condition.operator, _typed(condition.value, kind, condition))


def _typed(value: Any, kind: str, condition: Condition) -> Any:
    try:
        if kind.startswith("datetime64"):
            return _moment(value, zoned="," in kind)
        if kind == "bool":
            if isinstance(value, bool | np.bool_):
                return bool(value)
        elif kind.startswith(("int", "uint", "float")):
            if isinstance(value, int | float | np.number) and not isinstance(value, bool):
                return value
        elif kind == "decimal":
            return Decimal(str(value))
        elif kind == "date":
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        elif isinstance(value, str):
            return value
    except (ValueError, TypeError, InvalidOperation):
        pass
    raise DataProblem(f"`where` holds `{condition.column}`, which is {kind}, against `{value}`.")


def _moment(value: Any, *, zoned: bool) -> pd.Timestamp:
    if not isinstance(value, str | date | pd.Timestamp):
        raise TypeError
    moment = pd.Timestamp(value)
    if zoned:
        return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
    if moment.tzinfo is not None:
        raise ValueError
    return moment


def matching(frame: pd.DataFrame, wanted: Iterable[Condition]) -> pd.DataFrame:
    """The rows that fulfil every condition, in their order, counted from 0.

    Raises `DataProblem` for a column that isn't there or a value that is none of its column's type.
    """
    mask = np.ones(len(frame), dtype=bool)
    for condition in wanted:
        check_columns([condition.column], frame.columns, "The frame")
        column = frame[condition.column]
        mask &= _mask(column, typed(condition, kind_of(column)))
    return frame if mask.all() else frame[mask].reset_index(drop=True)


def kind_of(column: pd.Series[Any]) -> str:
    """What a column holds, as `typed` asks for it."""
    if column.dtype == np.dtype(object):
        value = next((one for one in column if one is not None and not pd.isna(one)), "")
        return "decimal" if isinstance(value, Decimal) else "date" if isinstance(value, date) else "text"
    return str(column.dtype)


def check_columns(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise `DataProblem`, with close matches, for a name that isn't among the known ones."""
    there = [str(name) for name in known]
    for name in names:
        if name not in there:
            close = difflib.get_close_matches(name, there, n=3)
            hint = f"Did you mean {' or '.join(close)}?" if close else f"It has {', '.join(sorted(there))}."
            raise DataProblem(f"{where} has no column `{name}`.", hint)


def _mask(column: pd.Series[Any], condition: Condition) -> np.ndarray[Any, np.dtype[np.bool_]]:
    value = condition.value
    known = column.notna().to_numpy()
    match condition.operator:
        case "null":
            return ~known
        case "in":
            return column.isin(list(cast("Sequence[Any]", value))).to_numpy()
        case "is":
            return np.asarray(column == value, dtype=bool)
        case "not":
            return np.asarray(column != value, dtype=bool)
    plain = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
    plain = plain[known]
    found = {"above": plain.gt, "at_least": plain.ge, "below": plain.lt, "at_most": plain.le}[condition.operator](value)
    mask = np.zeros(len(column), dtype=bool)
    mask[known] = found.to_numpy(dtype=bool)
    return mask
