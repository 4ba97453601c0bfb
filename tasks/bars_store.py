"""Bars that have been pulled before, kept by contract in the desk's store of frames.

A row is a bar, or, where the close is null, a session that the broker was asked for and has no bar of: what
has been answered is never asked again. Every change is a new version of the contract's frame, so that what
was known in a past session can be read as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.connections.arctic import FrameStore
from tasks.connections.problems import DataProblem
from tasks.run import Run

Sessions = NDArray[np.datetime64]

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume", "average", "trades")
COLUMNS = ("session", "time", *NUMBERS, "run")


@dataclass(frozen=True)
class Series:
    """Which bars: kept apart from those of any other market, size or kind of price."""

    market: str
    """Whose: live or simulated."""
    size: str
    what: str
    regular_hours: bool = True

    def symbol(self, con_id: int) -> str:
        """Where the bars of a contract are."""
        hours = "" if self.regular_hours else ", all hours"
        return f"{self.market}/{self.size}/{self.what}{hours}/{con_id}"


class BarStore:
    """Bars of one library.

    Parameters
    ----------
    store
        The desk's store of frames.
    library
        Its library for bars; made at the first.
    """

    def __init__(self, store: FrameStore, library: str) -> None:
        self._store, self._library = store, library

    def read(self, series: Series, con_id: int) -> pd.DataFrame:
        """What is held of a contract: columns `COLUMNS`, in order of time; no rows where there is nothing."""
        symbol = series.symbol(con_id)
        return self._store.read(self._library, symbol)[0] if self._store.has(self._library, symbol) else no_bars()

    def read_as_of(self, series: Series, con_id: int, wanted: Sessions, run: Run) -> tuple[pd.DataFrame, bool]:
        """(bars of these sessions as known in the run's session, whether they are adjusted as known later).

        What was written by that session counts; where it lacks some of the sessions, what was written
        later does, as long as it lacks fewer.
        """
        symbol = series.symbol(con_id)
        latest = self.read(series, con_id)
        try:
            version = self._store.version_as_of(self._library, symbol, run.session)
            then = self._store.read(self._library, symbol, version)[0]
        except DataProblem:
            return within(latest, wanted), True
        if lacking(latest, wanted).sum() < lacking(then, wanted).sum():
            return within(latest, wanted), not same_prices(latest, then)
        return within(then, wanted), False

    def write(self, series: Series, con_id: int, bars: pd.DataFrame, run: Run) -> None:
        """Keep all that is known of a contract, in place of what was."""
        self._store.write(self._library, series.symbol(con_id), bars, _kept(run))

    def add(self, series: Series, con_id: int, bars: pd.DataFrame, run: Run) -> None:
        """Keep more bars of a contract; each takes the place of the one of its time."""
        self._store.append(self._library, series.symbol(con_id), bars, ["time"], _kept(run), upsert=True, on="time")


def _kept(run: Run) -> dict[str, str]:
    return {"key": run.key or run.id, "session": run.session.isoformat(), "pulled_by": run.id}


def no_bars() -> pd.DataFrame:
    """A frame of bars without any."""
    return pd.DataFrame(
        {
            "session": pd.Series([], dtype="datetime64[ns]"),
            "time": pd.Series([], dtype="datetime64[ns, UTC]"),
            **{name: pd.Series([], dtype=np.float64) for name in NUMBERS},
            "run": pd.Series([], dtype=object),
        }
    )


def lacking(bars: pd.DataFrame, wanted: Sessions) -> NDArray[np.bool_]:
    """Which sessions the broker hasn't been asked for."""
    return ~np.isin(wanted, _days(bars))


def present(bars: pd.DataFrame) -> pd.DataFrame:
    """The bars alone, without the sessions that have none."""
    return bars[bars["close"].notna()]


def within(bars: pd.DataFrame, wanted: Sessions) -> pd.DataFrame:
    """The bars of these sessions."""
    return bars[np.isin(_days(bars), wanted)]


def same_frame(some: pd.DataFrame, others: pd.DataFrame) -> bool:
    """Whether nothing at all differs."""
    return len(some) == len(others) and some.reset_index(drop=True).equals(others.reset_index(drop=True))


def same_prices(some: pd.DataFrame, others: pd.DataFrame, tolerance: float = 1e-6) -> bool:
    """Whether closes of the same times are the same, but for this part of them; so, too, where no times are."""
    return bool(agreement(some, others, tolerance).all())


def agreement(some: pd.DataFrame, others: pd.DataFrame, tolerance: float = 1e-6) -> pd.Series[bool]:
    """Whether the closes of each time that both have bars of differ by no more than this part; by session, in order."""
    some, others = present(some), present(others)
    _, mine, theirs = np.intersect1d(times(some), times(others), assume_unique=True, return_indices=True)
    one, other = some["close"].to_numpy()[mine], others["close"].to_numpy()[theirs]
    return pd.Series(np.abs(one - other) <= tolerance * np.abs(other), index=others["session"].to_numpy()[theirs])


def times(bars: pd.DataFrame) -> NDArray[np.int64]:
    """Nanoseconds since 1970 of each bar; each is there once."""
    return bars["time"].to_numpy(dtype="datetime64[ns]").view(np.int64)


def _days(bars: pd.DataFrame) -> Sessions:
    return bars["session"].to_numpy().astype("datetime64[D]")
