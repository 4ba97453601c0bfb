"""Bars as columns, and larger bars made of smaller ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Wholes = NDArray[np.int64]


@dataclass(frozen=True)
class Bars:
    """Bars of one contract, oldest first; all columns are of one length."""

    start: Wholes
    """Nanoseconds since 1970."""
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Wholes
    average: Floats
    """Average price, weighted by volume."""
    count: Wholes
    """Trades."""

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> Bars:
        return Bars(*(column[rows] for column in self.columns))

    @property
    def columns(self) -> tuple[NDArray[Any], ...]:
        """The columns in the order of the fields."""
        return (self.start, self.open, self.high, self.low, self.close, self.volume, self.average, self.count)

    def merged(self, first: Wholes) -> Bars:
        """One bar for each group of rows, which begin at the indices `first`."""
        if not len(self):
            return self
        last = np.append(first[1:], len(self)) - 1
        volume = np.add.reduceat(self.volume, first)
        return Bars(
            self.start[first],
            self.open[first],
            np.maximum.reduceat(self.high, first),
            np.minimum.reduceat(self.low, first),
            self.close[last],
            volume,
            np.add.reduceat(self.average * self.volume, first) / volume,
            np.add.reduceat(self.count, first),
        )


def joined(parts: Sequence[Bars]) -> Bars:
    """The parts as one, in their order."""
    if not parts:
        return Bars(*(np.empty(0, dtype) for dtype in (np.int64, *[float] * 4, np.int64, float, np.int64)))
    return Bars(*(np.concatenate(columns) for columns in zip(*(part.columns for part in parts), strict=True)))


def changes(keys: NDArray[np.int64]) -> Wholes:
    """Indices at which a new group begins: where the key differs from the one before."""
    return np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
