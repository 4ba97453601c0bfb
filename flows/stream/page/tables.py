"""What the browser holds of one frame: all of it at first, then only the rows that have changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flows.stream.page.columns import NOTHING, Array, Kind

KEY = "_key"
"""The column that tells rows apart in the browser: the values of the schema's key, as one text."""


@dataclass(frozen=True)
class Change:
    """What is to be sent of a table."""

    rows: bytes
    """An Arrow stream of the new and the changed rows; empty where there are none."""
    count: int
    removed: tuple[str, ...] = ()
    """Keys of rows that are no more."""


class DisplayTable:
    """A copy of a frame, for showing.

    Parameters
    ----------
    kinds
        How each column is shown.
    key
        The columns that tell rows apart; none: their place does.
    """

    def __init__(self, kinds: Mapping[str, Kind], key: Sequence[str] = ()) -> None:
        self.kinds: dict[str, Kind] = {KEY: "string", **kinds}
        self._key = tuple(key)
        self._columns: dict[str, Array] = {}
        self._keys: list[str] = []
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def take(self, columns: Mapping[str, Array]) -> Change | None:
        """Hold these rows from now on.

        Parameters
        ----------
        columns
            All rows, column by column.

        Returns
        -------
        Change or None
            What is other than before; None where nothing is.
        """
        before, self._columns = self._columns, dict(columns)
        if before and self._has_same_keys(before):
            changed = self._differing(before, None)
            removed: tuple[str, ...] = ()
        else:
            places, keys = self._places, self._keys_of(columns)
            removed = tuple(places.keys() - set(keys))
            was = np.fromiter((places.get(key, -1) for key in keys), np.int64, len(keys))
            self._keys, self._places = keys, {key: place for place, key in enumerate(keys)}
            changed = was < 0
            known = ~changed
            if known.any():
                changed[known] = self._differing(before, was[known], known)
        count = int(np.count_nonzero(changed))
        if not count and not removed:
            return None
        return Change(self._arrow(np.flatnonzero(changed)) if count else b"", count, removed)

    def whole(self) -> Change:
        """All that it holds."""
        return Change(self._arrow(np.arange(len(self._keys))), len(self._keys))

    def _has_same_keys(self, before: Mapping[str, Array]) -> bool:
        names = self._key or tuple(before)[:1]
        if not self._key:
            return len(before[names[0]]) == len(self._columns[names[0]])
        return all(np.array_equal(before[name], self._columns[name]) for name in names)

    def _differing(self, before: Mapping[str, Array], was: Array | None, now: Array | None = None) -> Array:
        """Which rows differ from what stood at `was` before; None: at the same places."""
        found: Array | None = None
        for name, values in self._columns.items():
            new = values if now is None else values[now]
            old = before[name] if was is None else before[name][was]
            differs = np.asarray(new != old, dtype=np.bool_)
            if new.dtype.kind == "f":
                differs &= ~(np.isnan(new) & np.isnan(old))
            found = differs if found is None else found | differs
        return np.zeros(0, dtype=np.bool_) if found is None else found

    def _keys_of(self, columns: Mapping[str, Array]) -> list[str]:
        length = len(next(iter(columns.values()))) if columns else 0
        if not self._key:
            return [str(number) for number in range(length)]
        return [
            "|".join(map(_short, values))
            for values in zip(*(columns[name].tolist() for name in self._key), strict=True)
        ]

    def _arrow(self, places: Array) -> bytes:
        keys = np.empty(len(self._keys), dtype=object)
        keys[:] = self._keys
        return arrow(
            {KEY: keys[places], **{name: values[places] for name, values in self._columns.items()}}, self.kinds
        )


def arrow(columns: Mapping[str, Array], kinds: Mapping[str, Kind]) -> bytes:
    """Columns as an Arrow stream.

    Parameters
    ----------
    columns
        Plain columns of one length.
    kinds
        How each is shown.
    """
    import pyarrow as pa

    types = {"datetime": pa.timestamp("ms"), "boolean": pa.bool_(), "string": pa.string()}
    arrays = []
    for name, values in columns.items():
        kind = kinds[name]
        missing = np.isnan(values) if values.dtype.kind == "f" else values == NOTHING if kind == "datetime" else None
        arrays.append(pa.array(values, type=types.get(kind, pa.float64()), mask=missing, from_pandas=False))
    batch = pa.record_batch(arrays, names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _short(value: Any) -> str:
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
