"""Small frames as bytes, and back, exactly: kept in the journal's database itself.

A store of large frames takes several syncs and an index for each; a small frame costs less than that.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tasks.connections.exact import restore

SMALL = 256_000
"""Bytes up to which a frame is kept so."""
_LENGTH = struct.Struct("<Q")


def pack(flat: pd.DataFrame, layout: Mapping[str, Any]) -> bytes | None:
    """What `tasks.connections.exact.flatten` gave, as bytes: its layout, then one column after the other.

    None for a frame that isn't small.
    """
    if flat.memory_usage(index=False).sum() > SMALL:  # of text only its references: the rest is seen below
        return None
    columns = [_packed(flat.iloc[:, at]) for at in range(flat.shape[1])]
    kinds = [[kind, len(values)] for kind, values in columns]
    head = json.dumps({"layout": layout, "names": list(flat.columns), "kinds": kinds}).encode()
    packed = b"".join([_LENGTH.pack(len(head)), head, *(values for _, values in columns)])
    return packed if len(packed) <= SMALL else None


def unpack(packed: bytes) -> pd.DataFrame:
    """The frame, as it was before it was flattened."""
    (length,) = _LENGTH.unpack_from(packed)
    at = _LENGTH.size + length
    head = json.loads(packed[_LENGTH.size : at])
    columns: dict[str, pd.Series[Any]] = {}
    for name, (kind, size) in zip(head["names"], head["kinds"], strict=True):
        columns[name] = _unpacked(kind, packed[at : at + size])
        at += size
    return restore(pd.DataFrame(columns, copy=False) if columns else None, head["layout"])


def _packed(column: pd.Series[Any]) -> tuple[Any, bytes]:
    """(what it is, its bytes): a type of numpy's; `text`; or, for categories, a list of them with their codes' type."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        return [codes.dtype.str, str(column.cat.categories.dtype), column.cat.categories.tolist()], codes.tobytes()
    if column.dtype == np.dtype(object):
        return "text", json.dumps(column.tolist()).encode()
    values = column.to_numpy()
    return values.dtype.str, values.tobytes()


def _unpacked(kind: Any, values: bytes) -> pd.Series[Any]:
    if kind == "text":
        return pd.Series(json.loads(values), dtype=object)
    if isinstance(kind, list):
        codes, type_, categories = kind
        index: pd.Index[Any] = pd.Index(categories, dtype=type_)
        return pd.Series(pd.Categorical.from_codes(np.frombuffer(values, dtype=codes).tolist(), categories=index))
    return pd.Series(np.frombuffer(values, dtype=kind).copy())
