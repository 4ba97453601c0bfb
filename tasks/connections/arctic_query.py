"""Part of a frame, looked up by ArcticDB where it can: a range of time by its index, the rest by its QueryBuilder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from tasks.connections.exact import restore
from tasks.connections.filters import Condition, between, check_columns, conditions, matching, typed
from tasks.connections.problems import DataProblem
from tasks.connections.series import VERSION, clock_column, from_series

Versions = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Selection:
    """What of a frame is asked for; by default all of it."""

    columns: tuple[str, ...] | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    first: date | None = None
    """From this date or moment on."""
    last: date | None = None
    """Up to this date or moment, it included."""
    on: str | None = None
    """The column of times that `first` and `last` mean."""

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole frame."""
        return self == Selection()

    def described(self) -> dict[str, Any]:
        """As plain values, from which `selection_of` makes it again."""
        told = {"columns": self.columns and list(self.columns), "where": _plain(self.where), "on": self.on}
        bounds = {name: bound.isoformat() for name in ("first", "last") if (bound := getattr(self, name)) is not None}
        return {name: value for name, value in {**told, **bounds}.items() if value}


def selection_of(described: Mapping[str, Any]) -> Selection:
    """The selection that was described."""
    columns = described.get("columns")
    return Selection(
        columns=None if columns is None else tuple(columns),
        where=described.get("where", {}),
        first=_bound(described.get("first")),
        last=_bound(described.get("last")),
        on=described.get("on"),
    )


def read_selected(
    shelf: Any, symbol: str, as_of: int | str, layout: Mapping[str, Any] | None, selection: Selection, what: str
) -> tuple[pd.DataFrame, Versions | None]:
    """(the rows and columns that are asked for, which version brought each row where that is known)."""
    if layout is None:
        return _foreign(shelf, symbol, as_of, selection, what), None
    types = {how["name"]: how["type"] for how in layout["columns"]}
    names = list(selection.columns) if selection.columns is not None else list(types)
    check_columns(names, types, what)
    wanted = _wanted(selection, types, layout.get("index"), what)
    check_columns([one.column for one in wanted], types, what)
    needed = [*dict.fromkeys([*names, *(one.column for one in wanted)])]
    if layout.get("form") == "series":
        return _of_series(shelf, symbol, as_of, layout, names, needed, wanted)
    if not layout["rows"]:
        return matching(restore(None, layout), wanted)[names], None
    partial = len(needed) < len(types)
    native = {how["name"] for how in layout["columns"] if "as" not in how and how["type"] != "category"}
    pushed = [_native(one, types[one.column]) for one in wanted if one.column in native]
    flat = shelf.read(
        symbol, as_of=as_of, columns=needed if partial else None, query_builder=_query(pushed)
    ).data  # categories are looked at here: ArcticDB compares their codes
    of = {**layout, "rows": len(flat), "columns": [how for how in layout["columns"] if how["name"] in needed]}
    frame = restore(flat.reset_index(drop=True) if pushed else flat, of)
    frame = matching(frame, wanted)
    return frame if list(frame.columns) == names else frame[names], None


def _of_series(
    shelf: Any,
    symbol: str,
    as_of: int | str,
    layout: Mapping[str, Any],
    names: Sequence[str],
    needed: Sequence[str],
    wanted: Sequence[Condition],
) -> tuple[pd.DataFrame, Versions]:
    index = layout["index"]
    types = {how["name"]: how["type"] for how in layout["columns"]}
    typed_ones = [_native(one, types[one.column]) for one in wanted]
    bounds = [one for one in typed_ones if one.column == index and one.operator in ("at_least", "below", "at_most")]
    pushed = [one for one in typed_ones if one not in bounds]
    stored = None if len(needed) == len(types) else [*(name for name in needed if name != index), VERSION]
    flat = shelf.read(symbol, as_of=as_of, columns=stored, date_range=_range(bounds), query_builder=_query(pushed)).data
    frame = from_series(flat, layout, list(needed))
    # What a store says of nulls and bounds may differ: here it is meant.
    kept = matching(frame.assign(**{VERSION: flat[VERSION].to_numpy()}), wanted) if wanted else None
    if kept is None:
        return frame[list(names)], flat[VERSION].to_numpy()
    return kept[list(names)], kept[VERSION].to_numpy()


def _foreign(shelf: Any, symbol: str, as_of: int | str, selection: Selection, what: str) -> pd.DataFrame:
    """A frame of another program, with its index, as it is."""
    if selection.where or selection.first or selection.last:
        raise DataProblem(
            f"{what} was written by another program: only whole columns of it can be asked for.",
            "Read it whole, and narrow it in a task of your own.",
        )
    frame: pd.DataFrame = shelf.read(symbol, as_of=as_of).data
    if selection.columns is None:
        return frame
    check_columns(selection.columns, frame.columns, what)
    return frame[list(selection.columns)]


def _wanted(selection: Selection, types: Mapping[str, str], index: str | None, what: str) -> list[Condition]:
    wanted = conditions(selection.where)
    if selection.first is not None or selection.last is not None:
        column = selection.on or index or clock_column(types, what)
        if column is None:
            raise DataProblem(f"{what} has no times: `first` and `last` mean nothing.")
        check_columns([column], types, what)
        wanted += between(column, selection.first, selection.last)
    return wanted


def _native(condition: Condition, kind: str) -> Condition:
    """With values as ArcticDB has them: instants in UTC with no zone."""
    told = typed(condition, "text" if kind in ("object", "category") else kind)
    if not kind.startswith("datetime64"):
        return told
    values = [_naive(one) for one in (told.value if told.operator == "in" else [told.value])]
    return Condition(told.column, told.operator, tuple(values) if told.operator == "in" else values[0])


def _naive(moment: pd.Timestamp | None) -> pd.Timestamp | None:
    return moment if moment is None or moment.tzinfo is None else moment.tz_convert("UTC").tz_localize(None)


def _range(bounds: Sequence[Condition]) -> tuple[Any, Any] | None:
    """What ArcticDB looks up by the index: at least what is asked for."""
    if not bounds:
        return None
    first = [one.value for one in bounds if one.operator == "at_least"]
    last = [one.value for one in bounds if one.operator != "at_least"]
    return max(first, default=None), min(last, default=None)


def _query(pushed: Sequence[Condition]) -> Any:
    if not pushed:
        return None
    from arcticdb import QueryBuilder

    query = QueryBuilder()
    clause = None
    for one in pushed:
        column = query[one.column]
        match one.operator:
            case "null":
                part = column.isnull()
            case "in":
                part = column.isin(list(one.value))
            case "is":
                part = column == one.value
            case "not":
                part = column != one.value
            case "above":
                part = column > one.value
            case "at_least":
                part = column >= one.value
            case "below":
                part = column < one.value
            case _:
                part = column <= one.value
        clause = part if clause is None else clause & part
    return query[clause]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def _bound(text: str | None) -> date | None:
    if text is None:
        return None
    return date.fromisoformat(text) if len(text) == len("2022-12-28") else datetime.fromisoformat(text)
