"""The real daily closes that the simulated market is made of."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent.parent / "closes"


@dataclass(frozen=True)
class Closes:
    """Closes of every series on the same sessions."""

    sessions: NDArray[np.datetime64]
    """Trading dates, ascending, unit days."""
    series: dict[str, NDArray[np.float64]]
    """Closes by symbol, one a session; `SPX` is the S&P 500 index."""


@lru_cache(maxsize=1)
def load_closes() -> Closes:
    """Read the shipped files: 20 stocks and the S&P 500, 1990-01-02 to 2022-12-28 (see closes/README.md)."""
    sessions, stocks = _read("sp500_dataset.csv.gz")
    index_sessions, index = _read("sp500_index.csv.gz")
    if not np.array_equal(sessions, index_sessions):
        raise ValueError("the shipped closes of the stocks and of the index are not of the same sessions")
    return Closes(sessions, {**stocks, "SPX": index["SP500"]})


def _read(name: str) -> tuple[NDArray[np.datetime64], dict[str, NDArray[np.float64]]]:
    with gzip.open(FOLDER / name, "rt", encoding="ascii") as file:
        header, *lines = file.read().splitlines()
    symbols = header.split(",")[1:]
    dates = np.array([line[:10] for line in lines], dtype="datetime64[D]")
    numbers = np.array(",".join(line[11:] for line in lines).split(","), dtype=np.float64)
    table = numbers.reshape(len(lines), len(symbols))
    return dates, {symbol: np.ascontiguousarray(table[:, column]) for column, symbol in enumerate(symbols)}
