"""What a frame contains, as a hash: two frames have the same one when every value and type is the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from tasks.connections.problems import DataProblem

_LARGE = 8_000_000
"""Bytes from which columns are hashed on several threads."""


def content_id(frame: pd.DataFrame) -> str:
    """SHA-256 of a frame's columns, in order: names, types and raw bytes.

    Categories count as they are, unused ones included; the index doesn't count.
    Raises `DataProblem` for a column of objects other than text, numbers, decimals, dates and instants.
    """
    columns = [frame.iloc[:, at] for at in range(frame.shape[1])]
    if len(columns) > 1 and sum(column.nbytes for column in columns) >= _LARGE:
        with ThreadPoolExecutor(min(len(columns), os.cpu_count() or 1)) as threads:
            digests = list(threads.map(_digest, columns))
    else:
        digests = [_digest(column) for column in columns]
    header = json.dumps([len(frame), [[str(column.name), str(column.dtype)] for column in columns]])
    return hashlib.sha256(header.encode() + b"".join(digests)).hexdigest()


def _digest(column: pd.Series[Any]) -> bytes:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes = _digest(pd.Series(column.cat.codes.to_numpy()))
        categories = _digest(pd.Series(dtype.categories))
        return hashlib.sha256(codes + categories + bytes([bool(dtype.ordered)])).digest()
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _digest(column.astype("int64"))
    if isinstance(dtype, np.dtype) and dtype.kind in "iufbmM":
        return hashlib.sha256(np.ascontiguousarray(column.to_numpy()).view(np.uint8).data).digest()
    with _naming(column):
        return hashlib.sha256(json.dumps(column.astype(object).tolist(), default=_tagged).encode()).digest()


def objects_to_text(column: pd.Series[Any]) -> list[str]:
    """Each value of a column of objects as JSON that `text_to_objects` takes back unchanged.

    Raises `DataProblem` for what is no text, number, decimal, date or instant.
    """
    with _naming(column):
        return [_ENCODER.encode(value) for value in column.astype(object)]


def text_to_objects(texts: Iterable[str]) -> list[Any]:
    """The values that `objects_to_text` wrote."""
    return [json.loads(text, object_hook=_untagged) for text in texts]


@contextmanager
def _naming(column: pd.Series[Any]) -> Iterator[None]:
    try:
        yield
    except TypeError as error:
        raise DataProblem(
            f"Column `{column.name}` holds {error}, which can't be kept.",
            "Give it text, numbers, decimals, dates or instants.",
        ) from error


def _tagged(value: Any) -> dict[str, Any]:
    if value is pd.NA or value is pd.NaT:
        return {str(value): ""}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, pd.Timestamp):
        return {"instant": [value.isoformat(), None if value.tz is None else str(value.tz), value.unit]}
    if isinstance(value, pd.Timedelta):
        return {"duration": [value.value, value.unit]}
    if isinstance(value, date) and not isinstance(value, datetime):
        return {"date": value.isoformat()}
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64, timedelta)):
        return {"number": [value.dtype.str, value.item()]}
    raise TypeError(f"a {type(value).__name__}")


_ENCODER = json.JSONEncoder(default=_tagged)


def _untagged(tagged: dict[str, Any]) -> Any:
    ((tag, value),) = tagged.items()
    match tag:
        case "<NA>":
            return pd.NA
        case "NaT":
            return pd.NaT
        case "decimal":
            return Decimal(value)
        case "instant":
            moment = pd.Timestamp(value[0]).as_unit(value[2])
            return moment if value[1] is None else moment.tz_convert(value[1])
        case "duration":
            return pd.Timedelta(value[0], "ns").as_unit(value[1])
        case "date":
            return date.fromisoformat(value)
        case _:
            return np.dtype(value[0]).type(value[1])
