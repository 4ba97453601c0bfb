"""Frames as plain columns: what a browser can show, and what can be compared row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from schemas.frame import Frame, schema_of

Kind: TypeAlias = Literal["float", "integer", "string", "datetime", "boolean"]
Array: TypeAlias = npt.NDArray[Any]

NOTHING = np.iinfo(np.int64).min
"""A moment that isn't there, in milliseconds."""


def kind_of(dtype: Any) -> Kind:
    """How a column of this type is shown."""
    dtype = pd.api.types.pandas_dtype(dtype)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "datetime"  # with no zone it is a session: a label, shown as text
    if getattr(dtype, "kind", "") == "b":
        return "boolean"
    if getattr(dtype, "kind", "") in "iu":
        return "integer"
    return "float" if getattr(dtype, "kind", "") == "f" else "string"


def kinds_of_model(model: type[Frame]) -> dict[str, Kind]:
    """How each column of a schema is shown."""
    return {name: kind_of(str(column.dtype)) for name, column in schema_of(model).columns.items()}


def kinds_of_frame(frame: pd.DataFrame) -> dict[str, Kind]:
    """The same, of a frame whose schema isn't known."""
    return {str(name): kind_of(frame[name].dtype) for name in frame.columns}


def plain_columns(frame: pd.DataFrame, kinds: Mapping[str, Kind]) -> dict[str, Array]:
    """Each column as an array: numbers as floats (null: NaN), moments in milliseconds, the rest as text or None.

    Parameters
    ----------
    frame
        Any frame; columns that `kinds` doesn't name are left out, and ones that it lacks are null.
    kinds
        How each column is shown.
    """
    return {name: _plain(frame, name, kind) for name, kind in kinds.items()}


def _plain(frame: pd.DataFrame, name: str, kind: Kind) -> Array:
    if name not in frame:
        return _nulls(kind, len(frame))
    column = frame[name]
    if kind == "datetime":
        return _milliseconds(column)
    if kind == "boolean":
        return column.to_numpy(dtype=np.bool_, na_value=False)
    if kind == "string":
        return _texts(column)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _nulls(kind: Kind, length: int) -> Array:
    if kind == "datetime":
        return np.full(length, NOTHING)
    if kind == "boolean":
        return np.zeros(length, dtype=np.bool_)
    return np.full(length, None, dtype=object) if kind == "string" else np.full(length, np.nan)


def _milliseconds(column: pd.Series[Any]) -> Array:
    values: Array = column.dt.as_unit("ms").array.asi8
    return values


def _texts(column: pd.Series[Any]) -> Array:
    if isinstance(column.dtype, pd.CategoricalDtype):
        names = np.array([*map(_text, column.cat.categories), None], dtype=object)
        return names[column.cat.codes.to_numpy()]
    if column.dtype.kind == "M":
        days: Array = np.datetime_as_string(column.to_numpy(), unit="D").astype(object)
        days[column.isna().to_numpy()] = None
        return days
    texts = np.empty(len(column), dtype=object)
    texts[:] = [_text(value) for value in column.tolist()]
    return texts


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return None if value is None or value is pd.NA or (np.isscalar(value) and pd.isna(value)) else str(value)  # type: ignore[arg-type]  # any scalar
