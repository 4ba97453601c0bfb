"""Frames that grow: rows by time, told apart by a key, as ArcticDB appends and updates them.

A column of instants or sessions becomes the index, in UTC with no zone, so that a range of time is looked up
and not searched; names that repeat are text, since categories can be neither appended nor updated. Beside
the columns stands `_version`: the version that brought the row, which leads to the run that wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tasks.connections.exact import flatten_column, restore_column, unnatural
from tasks.connections.problems import DataProblem

VERSION = "_version"


def clock_column(types: Mapping[str, str], what: str, asked: str | None = None) -> str | None:
    """The column that a frame's rows are ordered by: the one asked for, else `time`, `session`, or its only times.

    None where it has no times at all. Raises `DataProblem` where it can't be known, or the one asked for is none.
    """
    times = [name for name, kind in types.items() if kind.startswith("datetime64")]
    if asked is not None:
        if asked not in times:
            raise DataProblem(
                f"{what} has no times in `{asked}`.", f"It has them in {', '.join(times) or 'no column'}."
            )
        return asked
    for usual in ("time", "session"):
        if usual in times:
            return usual
    if len(times) > 1:
        raise DataProblem(f"{what} has times in {' and '.join(times)}.", "Say by which it is ordered: `on: …`.")
    return times[0] if times else None


def types_of(frame: pd.DataFrame) -> dict[str, str]:
    """The type of each column."""
    return {str(name): str(column.dtype) for name, column in frame.items()}


def as_series(frame: pd.DataFrame, index: str, version: int, what: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """(rows by time as ArcticDB appends them, what the columns were).

    Raises `DataProblem` naming what can't be kept so: a row with no time, a type that can't be appended.
    """
    if frame[index].isna().any():
        raise DataProblem(f"{what}: {int(frame[index].isna().sum())} rows have no `{index}`, and rows go by it.")
    flat: dict[str, Any] = {}
    columns: list[dict[str, Any]] = []
    refused: list[str] = []
    for name, column in frame.items():
        kept, how = _flatten(column)
        if "as" in how:
            refused.append(f"column `{name}` is {unnatural(column)}")
        columns.append({"name": str(name), **how})
        flat[str(name)] = kept.to_numpy()
    if refused:
        raise DataProblem(
            f"Nothing can be added to {what}: {', '.join(refused)}.",
            "Store numbers, text, unordered categories of text, naive or zoned times.",
        )
    times = pd.DatetimeIndex(flat.pop(index), name=index)
    rows = pd.DataFrame(flat, index=times, copy=False)
    rows[VERSION] = np.full(len(rows), version, dtype="int64")
    if not times.is_monotonic_increasing:
        rows = rows.sort_index(kind="stable")
    return rows, {"form": "series", "index": index, "columns": columns}


def from_series(flat: pd.DataFrame, layout: Mapping[str, Any], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The frame, or some of its columns, as they were before `as_series`; categories are those that the rows have."""
    index = layout["index"]
    restored: dict[str, pd.Series[Any]] = {}
    for how in layout["columns"]:
        name = how["name"]
        if columns is not None and name not in columns:
            continue
        kept = pd.Series(flat.index if name == index else flat[name].to_numpy(), index=pd.RangeIndex(len(flat)))
        if how["type"] == "category":
            restored[name] = pd.Series(pd.Categorical(kept))
        else:
            restored[name] = restore_column(kept, how)
    frame = pd.DataFrame(restored, index=pd.RangeIndex(len(flat)), copy=False)
    return frame if columns is None else frame[list(columns)]


def agreed(known: Mapping[str, Any], given: Mapping[str, Any], what: str) -> list[str]:
    """The columns in the order in which they are stored.

    Raises `DataProblem` naming every column that is missing, new, or of another type: ArcticDB would refuse,
    or put zeros and another zone where none were meant.
    """
    stored = {how["name"]: how["type"] for how in known["columns"]}
    new = {how["name"]: how["type"] for how in given["columns"]}
    said = [f"`{name}` is missing" for name in stored if name not in new]
    said += [f"`{name}` is new" for name in new if name not in stored]
    said += [
        f"`{name}` was {stored[name]} and is {new[name]}" for name in new if stored.get(name, new[name]) != new[name]
    ]
    if said:
        raise DataProblem(
            f"{what} has other columns than the frame: {', '.join(said)}.",
            "Write to another symbol, or write the whole frame anew with `write_frame`.",
        )
    return [name for name in stored if name != known["index"]]


def merged(old: pd.DataFrame, new: pd.DataFrame, key: Sequence[str], *, newest_wins: bool) -> pd.DataFrame:
    """Rows by time, one a key: the stored one, or the new one."""
    both = pd.concat([old[new.columns], new]) if len(old) else new
    again = duplicated(both, key, keep="last" if newest_wins else "first")
    return both[~again].sort_index(kind="stable")


def duplicated(rows: pd.DataFrame, key: Sequence[str], keep: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows are of a key that another row has; the index is a column as any other."""
    named = {name: rows.index if name == rows.index.name else rows[name].to_numpy() for name in key}
    return pd.DataFrame(named, index=pd.RangeIndex(len(rows)), copy=False).duplicated(keep=keep).to_numpy()


def _flatten(column: pd.Series[Any]) -> tuple[pd.Series[Any], dict[str, Any]]:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) and not dtype.ordered:
        kinds = pd.api.types.infer_dtype(dtype.categories)
        if kinds in ("string", "empty"):
            names = np.array([*dtype.categories, None], dtype=object)  # the code of nothing is -1
            return pd.Series(names[column.cat.codes.to_numpy()], dtype=object), {"type": "category"}
    kept, how = flatten_column(column)
    return kept, {**how, "as": "codes"} if how["type"] == "category" else how
