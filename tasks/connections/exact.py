"""Frames as ArcticDB can keep them, and back, exactly.

ArcticDB drops the zone of instants, the order of categories, the types of empty columns and units other
than nanoseconds, and refuses nullable types and objects other than text. The layout of a frame says what
to restore. Rows are counted from 0: a frame's rows are known by their key, never by an index.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tasks.connections.content import objects_to_text, text_to_objects
from tasks.connections.problems import DataProblem


def flatten(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any]]:
    """(what to write, its layout). What ArcticDB has no type for is written as text or codes.

    Raises `DataProblem` naming the column that can't be kept.
    """
    if frame.columns.has_duplicates or not all(isinstance(name, str) for name in frame.columns):
        raise DataProblem("A frame to keep needs columns named by text, each name once.")
    flat: dict[str, pd.Series[Any]] = {}
    columns: list[dict[str, Any]] = []
    rows = pd.RangeIndex(len(frame))
    for name, column in frame.items():
        kept, how = flatten_column(column)
        columns.append({"name": str(name), **how})
        if len(frame):
            flat[str(name)] = kept if kept.index is frame.index and frame.index.equals(rows) else kept.set_axis(rows)
    # Not copied into one block: a large frame is only read here.
    return pd.DataFrame(flat, index=rows if flat else None, copy=False), {"rows": len(frame), "columns": columns}


def restore(flat: pd.DataFrame | None, layout: Mapping[str, Any]) -> pd.DataFrame:
    """The frame that `flatten` was given. `flat` is None where it had no rows or no columns."""
    columns: dict[str, pd.Series[Any]] = {}
    for how in layout["columns"]:
        columns[how["name"]] = restore_column(None if flat is None else flat[how["name"]], how)
    return pd.DataFrame(columns, index=pd.RangeIndex(layout["rows"]), copy=False)


def unnatural_columns(frame: pd.DataFrame, layout: Mapping[str, Any]) -> dict[str, str]:
    """The columns that ArcticDB has no type for, so that other programs couldn't read them: what each one is."""
    return {how["name"]: unnatural(frame[how["name"]]) for how in layout["columns"] if "as" in how}


def unnatural(column: pd.Series[Any]) -> str:
    """What a column is, in words for a person, where ArcticDB has no type for it."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return f"categories of {column.cat.categories.dtype}"
    if column.dtype == np.dtype(object):
        return f"objects ({pd.api.types.infer_dtype(column, skipna=True)})"
    return str(column.dtype)


def flatten_column(column: pd.Series[Any]) -> tuple[pd.Series[Any], dict[str, Any]]:
    """(a column as ArcticDB keeps it, how to restore it); `as` in the latter where it has no type for it."""
    dtype = column.dtype
    how: dict[str, Any] = {"type": str(dtype)}
    if isinstance(dtype, pd.CategoricalDtype):
        how["ordered"] = bool(dtype.ordered)
        native = _is_native_index(dtype.categories)
        if not native or not len(column):
            how["categories"] = objects_to_text(pd.Series(dtype.categories, name=column.name))
            how["categories_type"] = str(dtype.categories.dtype)
        if native:
            return column, how
        return column.cat.codes, {**how, "as": "codes"}
    if isinstance(dtype, pd.DatetimeTZDtype):
        # Instants are kept in UTC as they are: their zone is taken off without touching them.
        moments = column.array.asi8.view(f"M8[{dtype.unit}]")
        return _in_nanoseconds(pd.Series(moments, index=column.index, name=column.name, copy=False)), how
    if isinstance(dtype, np.dtype):
        if dtype.kind == "M":
            return _in_nanoseconds(column), how
        if dtype.kind in "iub" or dtype in (np.dtype("float32"), np.dtype("float64")):
            return column, how
        if dtype == np.dtype(object) and _is_text(column):
            return column, how
    return pd.Series(objects_to_text(column), dtype=object), {**how, "as": "text"}


def _is_native_index(categories: pd.Index[Any]) -> bool:
    if categories.dtype == np.dtype("int64"):
        return True
    return categories.dtype == np.dtype(object) and pd.api.types.infer_dtype(categories) in ("string", "empty")


def _in_nanoseconds(column: pd.Series[Any]) -> pd.Series[Any]:
    try:
        nanoseconds: pd.Series[Any] = column if column.dt.unit == "ns" else column.dt.as_unit("ns")
        return nanoseconds
    except pd.errors.OutOfBoundsDatetime as error:
        raise DataProblem(f"Column `{column.name}` holds a date outside 1677 to 2262.") from error


def _is_text(column: pd.Series[Any]) -> bool:
    if pd.api.types.infer_dtype(column, skipna=True) not in ("string", "empty"):
        return False
    return not any(value is pd.NA or value is pd.NaT for value in column)


def restore_column(kept: pd.Series[Any] | None, how: Mapping[str, Any]) -> pd.Series[Any]:
    """A column as it was before `flatten_column`; None for one with no rows."""
    type_ = how["type"]
    if type_ == "category":
        return _restore_categories(kept, how)
    if kept is None:
        return pd.Series([], dtype=type_)
    if how.get("as") == "text":
        values = pd.Series(text_to_objects(kept), dtype=object)
        return values if type_ == "object" else values.astype(type_)
    if type_.startswith("datetime64["):
        unit, _, zone = type_.removeprefix("datetime64[").rstrip("]").partition(", ")
        if zone:
            kept = pd.Series(pd.DatetimeIndex(kept.to_numpy().view("i8"), tz=zone), copy=False)
        if unit != "ns":
            kept = kept.dt.as_unit(unit)
    return kept if str(kept.dtype) == type_ else kept.astype(type_)


def _restore_categories(kept: pd.Series[Any] | None, how: Mapping[str, Any]) -> pd.Series[Any]:
    if "categories" in how:
        categories = pd.Index(text_to_objects(how["categories"]), dtype=how["categories_type"])
        codes: list[int] = [] if kept is None else kept.tolist()
        return pd.Series(pd.Categorical.from_codes(codes, categories=categories, ordered=how["ordered"]))
    if kept is None:
        raise ValueError("a column of categories was kept without them")
    return kept.cat.as_ordered() if how["ordered"] else kept
