"""Column types of a database, and how a frame's values become a database's and come back unchanged.

Databases keep instants to the microsecond at best and have no categories: instants are kept as text in ISO
form, UTC, to the nanosecond, which sorts as they do; what a column was is kept beside its table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from tasks.connections.problems import DataProblem

UNKNOWN = "unknown"
"""A column of objects that has held nothing but nulls so far."""


def column_type(column: pd.Series[Any], where: str) -> str:
    """What a column is: a pandas type, or `text`, `decimal`, `date`, `unknown` for objects.

    Raises `DataProblem` naming a column that a database can't keep.
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        if not all(isinstance(value, str) for value in dtype.categories):
            raise _refused(column, where, f"categories of {dtype.categories.dtype}")
        return "category"
    if isinstance(dtype, np.dtype) and dtype.kind in "iufbM":
        return str(dtype)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return str(dtype)
    if dtype == np.dtype(object):
        kinds = set(map(type, column[column.notna().to_numpy()].tolist()))
        known: dict[type, str] = {str: "text", Decimal: "decimal", date: "date"}
        if not kinds:
            return UNKNOWN
        if len(kinds) == 1 and (kind := known.get(kinds.pop())):
            return kind
        raise _refused(column, where, f"objects ({pd.api.types.infer_dtype(column, skipna=True)})")
    raise _refused(column, where, str(dtype))


def _refused(column: pd.Series[Any], where: str, what: str) -> DataProblem:
    return DataProblem(
        f"{where}: column `{column.name}` is {what}, which a table can't keep.",
        "Give it numbers, text, categories of text, decimals, dates or times.",
    )


def sql_type(kind: str) -> Any:
    """The database's type for a column of this kind."""
    import sqlalchemy

    if kind == "bool":
        return sqlalchemy.Boolean
    if kind.startswith(("int", "uint")):
        return sqlalchemy.BigInteger
    if kind.startswith("float"):
        return sqlalchemy.Double
    return sqlalchemy.Text


def to_database(column: pd.Series[Any], kind: str) -> list[Any]:
    """A column's values as a database takes them; nulls of any kind are NULL."""
    if kind.startswith("datetime64"):
        return _texts(column, zoned="," in kind)
    if kind.startswith(("int", "uint", "bool")):
        if kind == "uint64" and len(column) and column.max() > np.iinfo(np.int64).max:
            raise DataProblem(f"Column `{column.name}` holds a number beyond 64 bits with a sign.")
        values: list[Any] = column.tolist()
        return values
    if isinstance(column.dtype, pd.CategoricalDtype):
        names = [*column.cat.categories, None]  # the code of nothing is -1
        return [names[code] for code in column.cat.codes]
    plain: list[Any] = column.tolist()
    missing = column.isna().to_numpy()
    if kind in ("decimal", "date"):
        return [None if none else str(value) for value, none in zip(plain, missing, strict=True)]
    if not missing.any():
        return plain
    return [None if none else value for value, none in zip(plain, missing, strict=True)]


def _texts(column: pd.Series[Any], *, zoned: bool) -> list[str | None]:
    """Instants as `_instant` has them, or moments as `_moment` has them, all at once."""
    moments = column.dt.as_unit("ns")
    plain = (moments.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else moments).to_numpy()
    texts: list[str] = np.datetime_as_string(plain, unit="ns").tolist()
    missing = column.isna().to_numpy()
    if zoned:
        return [None if none else f"{text}Z" for text, none in zip(texts, missing, strict=True)]
    midnight = plain == plain.astype("M8[D]")
    return [
        None if none else text[:10] if whole else text
        for text, none, whole in zip(texts, missing, midnight, strict=True)
    ]


def comparable(value: Any, kind: str) -> Any:
    """A value as a database has it in a column of this kind, so that it sorts as it should."""
    if kind.startswith("datetime64"):
        return _instant(value) if "," in kind else _moment(value)
    return value.isoformat() if kind == "date" else value


def from_database(values: Sequence[Any], kind: str) -> pd.Series[Any]:
    """A column as it was written; nulls of objects are None."""
    if kind == "category":
        return pd.Series(pd.Categorical(list(values), categories=_categories(values)))
    if kind.startswith("datetime64"):
        zone = kind.removeprefix("datetime64[").rstrip("]").partition(", ")[2]
        moments = pd.Series(pd.to_datetime(list(values), format="ISO8601", utc=bool(zone)))
        moments = moments.astype("datetime64[ns, UTC]" if zone else "datetime64[ns]")
        zoned: pd.Series[Any] = moments.dt.tz_convert(zone) if zone else moments
        return zoned.astype(pd.api.types.pandas_dtype(kind))
    if kind == "decimal":
        return pd.Series([None if value is None else Decimal(value) for value in values], dtype=object)
    if kind == "date":
        return pd.Series([None if value is None else date.fromisoformat(value) for value in values], dtype=object)
    if kind in ("text", UNKNOWN):
        return pd.Series(list(values), dtype=object)
    return pd.Series(list(values), dtype=kind)


def _categories(values: Sequence[Any]) -> pd.Index[Any]:
    return pd.Index(sorted({value for value in values if value is not None}), dtype=object)


def _instant(moment: pd.Timestamp) -> str:
    return moment.tz_localize(None).isoformat(timespec="nanoseconds") + "Z"


def _moment(moment: pd.Timestamp) -> str:
    # A session is a date; only a moment within a day has a time.
    return moment.date().isoformat() if moment == moment.normalize() else moment.isoformat(timespec="nanoseconds")
