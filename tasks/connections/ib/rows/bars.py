"""Bars as the broker sends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Bar(NamedTuple):
    """Prices and volume of one period; NaN where a number isn't set (-1 where it makes no sense, as for midpoints)."""

    date: str
    """As it came: `yyyymmdd` for a day, a week or a month, seconds since 1970 for anything shorter."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    average: float
    """Weighted by volume."""
    trades: float


class RealTimeBar(NamedTuple):
    """Five seconds."""

    time: int
    """Its start, in seconds since 1970."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    average: float
    trades: float


def days_of(dates: Sequence[str]) -> NDArray[np.datetime64]:
    """The days that bars are of, unit days: dates, or else seconds since 1970."""
    return np.array(
        [
            np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}")
            if len(text) == 8
            else np.datetime64(int(text), "s").astype("datetime64[D]")
            for text in dates
        ],
        dtype="datetime64[D]",
    )


def moments_of(dates: Sequence[str]) -> NDArray[np.int64]:
    """The starts of bars shorter than a day, in nanoseconds since 1970."""
    return np.array([int(text) for text in dates], dtype=np.int64) * 1_000_000_000
