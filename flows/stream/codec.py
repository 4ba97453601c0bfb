"""Frames as bytes, quickly and exactly: a head of JSON, then the columns as they lie in memory."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pandas as pd

_LENGTH = struct.Struct("<I")


class Encoder:
    """Writes frames; remembers the categories it has written out, which a stream's frames share."""

    def __init__(self) -> None:
        self._categories: dict[int, tuple[pd.Index[Any], list[Any]]] = {}

    def encode(self, frame: pd.DataFrame) -> bytes:
        """One frame. Raises `TypeError` for a column of objects other than text, numbers and nothing."""
        head: list[list[Any]] = []
        parts: list[bytes] = []
        for name in frame.columns:
            kind, extra, data = self._column(frame[name])
            head.append([name, kind, len(data), extra])
            parts.append(data)
        top = json.dumps([len(frame), head], separators=(",", ":")).encode()
        return b"".join([_LENGTH.pack(len(top)), top, *parts])

    def _column(self, column: pd.Series[Any]) -> tuple[str, Any, bytes]:
        dtype = column.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            codes = column.cat.codes.to_numpy()
            return f"c{codes.dtype.str}", self._listed(dtype.categories), codes.tobytes()
        if isinstance(dtype, pd.DatetimeTZDtype):
            return "z", [dtype.unit, str(dtype.tz)], column.array.asi8.tobytes()
        if dtype == np.dtype(object):
            return "o", None, json.dumps(column.tolist()).encode()
        values = column.to_numpy()
        return f"n{values.dtype.str}", None, values.tobytes()

    def _listed(self, categories: pd.Index[Any]) -> list[Any]:
        known = self._categories.get(id(categories))
        if known is None or known[0] is not categories:
            if len(self._categories) > 1000:
                self._categories.clear()
            known = (categories, categories.tolist())
            self._categories[id(categories)] = known
        return known[1]


def decode(data: bytes) -> pd.DataFrame:
    """The frame that was encoded."""
    (length,) = _LENGTH.unpack_from(data)
    at = _LENGTH.size + length
    rows, head = json.loads(data[_LENGTH.size : at])
    columns: dict[str, Any] = {}
    for name, kind, size, extra in head:
        columns[name] = _column(kind, extra, data[at : at + size])
        at += size
    return pd.DataFrame(columns, index=pd.RangeIndex(rows), copy=False)


def _column(kind: str, extra: Any, data: bytes) -> Any:
    if kind[0] == "c":
        codes = np.frombuffer(data, dtype=kind[1:]).tolist()
        return pd.Categorical.from_codes(codes, categories=pd.Index(extra, dtype=None if extra else object))
    if kind[0] == "z":
        values = np.frombuffer(data, dtype=np.int64).copy().view(f"M8[{extra[0]}]")
        return pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(extra[1])
    if kind[0] == "o":
        made = np.empty(len(listed := json.loads(data)), dtype=object)
        made[:] = listed
        return made
    return np.frombuffer(data, dtype=kind[1:]).copy()
