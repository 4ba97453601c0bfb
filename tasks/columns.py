"""Frames out of plain values, each column of exactly the type that its schema says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from schemas.frame import Frame, schema_of


def frame_of(model: type[Frame], columns: Mapping[str, Sequence[Any] | np.ndarray]) -> pd.DataFrame:
    """A frame of this kind, in the schema's order of columns; empty where the columns are.

    Parameters
    ----------
    model
        The schema.
    columns
        The values of every column of the schema. Of an instant: nanoseconds since 1970, or moments.
        Of a session: days. Of a category: text.
    """
    types = {name: column.dtype.type for name, column in schema_of(model).columns.items()}
    if missing := types.keys() ^ columns.keys():
        raise KeyError(f"{model.__name__}: {', '.join(sorted(missing))}")
    return pd.DataFrame({name: _column(columns[name], kind) for name, kind in types.items()})


def _column(values: Sequence[Any] | np.ndarray, kind: Any) -> Any:
    if isinstance(kind, pd.CategoricalDtype):
        return pd.Categorical(_objects(values), categories=sorted(set(values)))
    if isinstance(kind, pd.DatetimeTZDtype):
        return pd.to_datetime(values, utc=True).as_unit("ns")
    if kind == np.dtype(object):
        return _objects(values)
    return np.asarray(values, dtype=kind)


def _objects(values: Sequence[Any] | np.ndarray) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
