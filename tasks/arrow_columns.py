"""Columns of a Parquet file as a frame's; a value that isn't the same in the frame's type is told of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from tasks.cells import BadCells, Notation, parsed
from tasks.connections.problems import DataProblem


def table_of(content: bytes, path: str) -> Any:
    """The Arrow table of a Parquet file. Raises `DataProblem` where it is none."""
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(pyarrow.BufferReader(content))
        table.validate(full=True)
        str(table.schema)  # names that aren't text are found out only as they are read
        return table
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataProblem(f"{path} is no Parquet file: {str(error).splitlines()[0]}.", "Write it again.") from None


def converted(column: Any, dtype: str, nullable: bool, notation: Notation) -> tuple[pd.Series[Any], BadCells]:
    """A column of an Arrow table as one of this type, and what is wrong with which value.

    Parameters
    ----------
    column
        A `pyarrow.ChunkedArray`.
    dtype
        The frame's type, as pandas names it.
    nullable
        Whether it may have nulls.
    notation
        How text is read; its `timezone` is that of times that name none.
    """
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    absent = np.asarray(column.is_null().to_pylist(), dtype=bool)
    bad: BadCells = {}
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return parsed(["" if text is None else text.strip() for text in column.to_pylist()], dtype, nullable, notation)
    if not nullable or dtype in ("int64", "bool"):
        bad = dict.fromkeys(np.flatnonzero(absent).tolist(), "is empty")
    if dtype in ("float64", "int64") and (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
        return (_floats if dtype == "float64" else _integers)(column.to_pylist(), bad)
    if dtype == "bool" and types.is_boolean(kind):
        return pd.Series([bool(value) for value in column.to_pylist()], dtype=bool), bad
    if dtype == "datetime64[ns]" and (types.is_date(kind) or (types.is_timestamp(kind) and kind.tz is None)):
        return _sessions(column, bad)
    if dtype == "datetime64[ns, UTC]" and types.is_timestamp(kind):
        return _instants(column, kind.tz, notation, bad)
    rows = len(absent)
    return pd.Series([None] * rows, dtype=object), {0: f"{kind} can't be taken for {dtype}"} if rows else {}


def _floats(given: list[Any], bad: BadCells) -> tuple[pd.Series[Any], BadCells]:
    values = np.array([np.nan if value is None else float(value) for value in given], dtype=np.float64)
    for place in np.flatnonzero(np.isinf(values)).tolist():
        bad[place] = f"`{given[place]}` is no number"
    for place in np.flatnonzero(np.isfinite(values) & (np.abs(values) >= 2**53)).tolist():
        if isinstance(given[place], int) and int(values[place]) != given[place]:
            bad[place] = f"`{given[place]}` has no exact double"
    return pd.Series(values), bad


def _integers(given: list[Any], bad: BadCells) -> tuple[pd.Series[Any], BadCells]:
    values = np.zeros(len(given), dtype=np.int64)
    for place, value in enumerate(given):
        if value is None:
            continue
        if math.isfinite(value) and value == int(value) and -(2**63) <= int(value) < 2**63:
            values[place] = int(value)
        else:
            bad[place] = f"expected a whole number, got `{value}`"
    return pd.Series(values), bad


def _sessions(column: Any, bad: BadCells) -> tuple[pd.Series[Any], BadCells]:
    moments = _moments(column, None, bad)
    for place in np.flatnonzero(~np.isnat(moments) & (moments != moments.astype("datetime64[D]"))).tolist():
        bad[place] = f"expected a date, got `{moments[place]}`"
    return pd.Series(moments), bad


def _instants(column: Any, written: str | None, notation: Notation, bad: BadCells) -> tuple[pd.Series[Any], BadCells]:
    naive = pd.DatetimeIndex(_moments(column, written, bad))
    if written is not None:  # Arrow keeps those in UTC, whatever the zone
        return pd.Series(naive.tz_localize("UTC")), bad
    if notation.timezone is None:
        sentence = "times that name no zone (say whose they are by `timezone:`)"
        return pd.Series(naive.tz_localize("UTC")), {**bad, **({0: sentence} if len(naive) else {})}
    local = naive.tz_localize(notation.timezone, ambiguous="NaT", nonexistent="NaT")
    for place in np.flatnonzero(np.asarray(local.isna()) & ~np.asarray(naive.isna())).tolist():
        bad[place] = f"`{naive[place]}` doesn't exist, or happens twice, in {notation.timezone.key}"
    return pd.Series(local.tz_convert("UTC")), bad


def _moments(column: Any, zone: str | None, bad: BadCells) -> np.ndarray:
    """Dates or times to the nanosecond; NaT, and told of, where nanoseconds don't reach: from 1678 to 2261."""
    import pyarrow

    kind = pyarrow.timestamp("ns", zone)
    try:
        return np.asarray(column.cast(kind).to_numpy().astype("datetime64[ns]"))
    except pyarrow.ArrowInvalid:
        moments = np.full(len(column), np.datetime64("NaT", "ns"))
    for place in range(len(column)):
        try:
            value = column[place].cast(kind).value
            moments[place] = np.datetime64("NaT") if value is None else np.datetime64(value, "ns")
        except pyarrow.ArrowInvalid:
            bad[place] = "is a date beyond the years 1678 to 2261"
    return moments
