"""A source that callbacks feed: whoever has prices pushes them in, one at a time or many, as fast as they come."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.connections.clock import Clock, WallClock
from tasks.stream import Batch

F = TypeVar("F")

TABLE = 8_000_000
"""Widest span of keys that are looked up in a table of 8 bytes each."""


class Pushed(Generic[F]):
    """Rows whose key stays and one number of which changes: the latest of each key is what is given on.

    `put` and `put_many` may be called from any one thread at a time, such as a client's reader; they never
    wait. Each batch holds the rows that were pushed since the one before, with their latest number.

    Parameters
    ----------
    rows
        A row a key, valid; what is pushed replaces its number. A key that isn't in it is counted in
        `unknown` and left out.
    key
        The column that tells rows apart; of integers.
    column
        The column that changes.
    stamp
        A column that is set to when the batch was made; None: none is.
    clock
        Whose time that is.
    """

    def __init__(
        self, rows: pd.DataFrame, key: str, column: str, stamp: str | None = None, clock: Clock | None = None
    ) -> None:
        self.unknown = 0
        self.dropped = 0
        self.stale = False
        self._rows = rows.reset_index(drop=True)
        self._column, self._stamp = column, stamp
        self._clock = clock or WallClock()
        keys = self._rows[key].to_numpy()
        self._find = _finder(keys)
        self._places: dict[int, int] = {int(value): place for place, value in enumerate(keys)}
        self._values: npt.NDArray[np.float64] = self._rows[column].to_numpy(dtype=np.float64, copy=True)
        self._single: dict[int, tuple[float, int]] = {}
        self._many: deque[tuple[Any, Any, int]] = deque()
        self._sequence = 0
        self._rung = False
        self._bell = threading.Event()
        self._closed = False

    def put(self, key: int, value: float, sequence: int) -> None:
        """One number; `sequence` goes up from call to call."""
        self._single[key] = (value, sequence)
        if not self._rung:
            self._rung = True
            self._bell.set()

    def put_many(self, keys: npt.NDArray[np.int64], values: npt.NDArray[np.float64], sequence: int) -> None:
        """Many numbers, in order; `sequence` is the last one's."""
        self._many.append((keys, values, sequence))
        if not self._rung:
            self._rung = True
            self._bell.set()

    def close(self) -> None:
        """End it; a waiting `next` ends too."""
        self._closed = True
        self._bell.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        while True:
            self._bell.wait()
            self._bell.clear()
            self._rung = False  # what is pushed from here on rings again
            if self._closed:
                raise StopIteration
            touched = self._taken()
            if len(touched):
                return self._batch(touched)

    def _taken(self) -> npt.NDArray[np.int64]:
        """Put what was pushed in its places; which those are, in the order of the rows."""
        touched = np.zeros(len(self._values), dtype=bool)
        # Taken out one by one: a container that was swapped for a new one could still be pushed into.
        for _ in range(len(self._many)):
            keys, values, sequence = self._many.popleft()
            places = self._find(keys)
            if (strange := places < 0).any():
                self.unknown += int(strange.sum())
                places, values = places[~strange], values[~strange]
            self._values[places] = values  # of a key that is there twice the last counts
            touched[places] = True
            self._sequence = max(self._sequence, sequence)
        for _ in range(len(self._single)):
            key, (value, sequence) = self._single.popitem()
            place = self._places.get(key)
            if place is None:
                self.unknown += 1
                continue
            self._values[place] = value
            touched[place] = True
            self._sequence = max(self._sequence, sequence)
        return np.flatnonzero(touched)

    def _batch(self, places: npt.NDArray[np.int64]) -> Batch:
        now = self._clock.now()
        rows = self._rows.take(places).reset_index(drop=True)
        rows[self._column] = self._values[places]
        if self._stamp is not None:
            rows[self._stamp] = pd.DatetimeIndex([now] * len(places)).as_unit("ns") if len(places) < 2 else now
        return Batch(rows, self._sequence, now)


def _finder(keys: npt.NDArray[np.int64]) -> Callable[[npt.NDArray[np.int64]], npt.NDArray[np.int64]]:
    """From keys to their places; -1 for those that there aren't. By a table where they lie close together."""
    if not len(keys):
        return lambda asked: np.full(len(asked), -1, dtype=np.int64)
    least, most = int(keys.min()), int(keys.max())
    if most - least <= TABLE:
        table = np.full(most - least + 3, -1, dtype=np.int64)
        table[keys - least + 1] = np.arange(len(keys))
        return lambda asked: table[np.clip(asked, least - 1, most + 1) - least + 1]
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]

    def find(asked: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        at = np.minimum(np.searchsorted(ordered, asked), len(ordered) - 1)
        return np.where(ordered[at] == asked, order[at], -1)

    return find
