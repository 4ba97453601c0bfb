"""Long frames of returns as panels: a row a contract, a column a session of the benchmark."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.connections.problems import DataProblem
from tasks.least_squares import Floats, Integers
from tasks.wording import listed


@dataclass(frozen=True)
class Panel:
    """Returns beside a benchmark's, on the sessions on which the benchmark has one."""

    con_ids: Integers
    """The contracts, ascending: shape (N,)."""
    symbols: pd.Categorical
    """Their symbols: shape (N,)."""
    own: int
    """The benchmark's place among the contracts."""
    x: Floats
    """The benchmark's returns, by session: shape (T,)."""
    y: Floats
    """Each contract's returns, NaN where there is none: shape (N, T)."""
    sessions: Integers
    """In nanoseconds since 1970, ascending: shape (T,)."""

    @property
    def benchmark_id(self) -> int:
        """The benchmark's con_id."""
        return int(self.con_ids[self.own])


def panel_of(returns: pd.DataFrame, benchmark: str, minimum: int) -> Panel:
    """The panel of a frame of returns, in any order.

    Raises
    ------
    DataProblem
        The benchmark isn't among the contracts, is several of them, or has fewer returns than `minimum`.
    """
    contract = returns["con_id"].to_numpy()
    benchmark_id = find_contract(returns, benchmark, "benchmark")
    con_ids, first, row = _rows(contract)
    x, sessions, column = _columns(returns, contract == benchmark_id)
    if len(x) < minimum:
        raise DataProblem(
            f"The benchmark {benchmark} has {len(x)} returns, {minimum} are needed.",
            "Ask for a longer history, or lower `minimum`.",
        )
    y = np.full((len(con_ids), len(x)), np.nan)
    value = returns["return"].to_numpy()
    if (column < 0).any():
        both = column >= 0
        row, column, value = row[both], column[both], value[both]
    y.reshape(-1)[row * len(x) + column] = value
    own = int(np.searchsorted(con_ids, benchmark_id))
    return Panel(con_ids, returns["symbol"].array.take(first), own, x, y, sessions)


def find_contract(returns: pd.DataFrame, name: str, what: str) -> int:
    """The con_id of a symbol. Raises `DataProblem`, which calls it `what`, where it is none or several."""
    symbol = returns["symbol"].cat
    known = [str(name) for name in symbol.categories]
    code = known.index(name) if name in known else -2
    found = np.unique(returns["con_id"].to_numpy()[symbol.codes.to_numpy() == code])
    if len(found) > 1:
        raise DataProblem(
            f"The {what} {name} is {len(found)} contracts: con_id {listed(found)}.",
            "Leave all but one out of the universe.",
        )
    if len(found) == 0:
        close = difflib.get_close_matches(name, known, cutoff=0.5)
        raise DataProblem(
            f"The {what} {name} has no returns.",
            f"Did you mean {' or '.join(close)}?" if close else "Pull its prices with those of the book.",
        )
    return int(found[0])


def _rows(contract: Integers) -> tuple[Integers, Integers, Integers]:
    """Contracts ascending, where each first appears, and each row's place among them."""
    change = contract[1:] != contract[:-1]
    if (contract[1:] < contract[:-1]).any():
        return np.unique(contract, return_index=True, return_inverse=True)
    first = np.concatenate([[0], np.flatnonzero(change) + 1])
    lengths = np.diff(np.append(first, len(contract)))
    return contract[first], first, np.repeat(np.arange(len(first)), lengths)


def _columns(returns: pd.DataFrame, own: np.ndarray) -> tuple[Floats, Integers, Integers]:
    """The benchmark's returns in order, their sessions, and each row's place among them, -1 for none."""
    moment = returns["session"].to_numpy().astype("datetime64[ns]", copy=False).view(np.int64)
    value = returns["return"].to_numpy()
    own = own & np.isfinite(value)
    order = np.argsort(moment[own])
    sessions, x = moment[own][order], value[own][order]
    code, distinct = pd.factorize(moment)
    place = np.searchsorted(sessions, distinct)
    place[~np.isin(distinct, sessions)] = -1
    return x, sessions, place[code]


def as_sessions(sessions: Integers) -> np.ndarray:
    """Nanoseconds since 1970 as the type of a session column."""
    return sessions.astype("datetime64[ns]")
