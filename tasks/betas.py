"""Betas: each contract's returns regressed on a benchmark's."""

from __future__ import annotations

import difflib
from typing import Annotated, NamedTuple, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.market import Returns
from schemas.risk import Betas
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.wording import counted, listed

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

_BLOCK = 1 << 16
"""Numbers of the panel worked on at once: half a megabyte, so that each pass over it finds it in the cache."""


class Fit(NamedTuple):
    """Straight lines y = intercept + slope · x, one a row of y."""

    observations: Integers
    slope: Floats
    intercept: Floats
    r_squared: Floats
    slope_error: Floats
    intercept_error: Floats
    residual_deviation: Floats


def least_squares(x: Floats, y: Floats) -> Fit:
    """Ordinary least squares of each row of `y` on `x`, leaving out the places where that row has no number.

    With n the observations that row has, x̄ and ȳ their means, Sxx = Σ(x-x̄)², Sxy = Σ(x-x̄)(y-ȳ),
    Syy = Σ(y-ȳ)² and e the residuals::

        slope               b = Sxy / Sxx
        intercept           a = ȳ - b·x̄
        residual_deviation  s = √(Σe² / (n-2))
        slope_error         s / √Sxx
        intercept_error     s · √(1/n + x̄²/Sxx)
        r_squared           1 - Σe² / Syy

    Sums are taken about each row's own means and the residuals one by one: raw moments lose all
    digits where the mean is large against the spread.

    Parameters
    ----------
    x
        Shape (T,), finite.
    y
        Shape (N, T); NaN and infinities are missing.

    Returns
    -------
    Fit
        Arrays of shape (N,). The line is NaN where `x` doesn't vary over the row's observations;
        errors and deviation are also NaN where there are fewer than three. A row that doesn't vary
        has slope, R² and errors 0.

    References
    ----------
    Draper and Smith, Applied Regression Analysis, 3rd ed., 1998, chapter 1. Precision is held
    against NIST's Statistical Reference Datasets, https://www.itl.nist.gov/div898/strd/.
    """
    rows = max(1, _BLOCK // max(1, len(x)))
    blocks = [_fit(x, y[start : start + rows]) for start in range(0, max(1, len(y)), rows)]
    return Fit(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _fit(x: Floats, y: Floats) -> Fit:
    there = np.isfinite(y)
    weight = there.astype(np.float64)
    n = there.sum(axis=1)
    with np.errstate(all="ignore"):
        x_mean = weight @ x / n
        dy = np.where(there, y, 0.0)
        y_mean = dy.sum(axis=1) / n
        dx = (x - x_mean[:, None]) * weight
        dy -= y_mean[:, None]
        dy *= weight
        sxx = _dot(dx, dx)
        syy = _dot(dy, dy)
        # Below the rounding of the mean itself, what is left is noise: the series is constant.
        rounding = np.finfo(np.float64).eps * n
        x_flat = sxx <= n * (rounding * x_mean) ** 2
        y_flat = syy <= n * (rounding * y_mean) ** 2
        slope = np.where(y_flat, 0.0, _dot(dx, dy) / sxx)
        slope[x_flat] = np.nan
        dx *= slope[:, None]
        dy -= dx
        squares = np.where(y_flat, 0.0, _dot(dy, dy))
        squares[x_flat] = np.nan
        deviation = np.sqrt(squares / np.where(n > 2, n - 2, np.nan))
        return Fit(
            n,
            slope,
            y_mean - slope * x_mean,
            np.where(y_flat, squares, np.clip(1.0 - squares / syy, 0.0, 1.0)),
            deviation / np.sqrt(sxx),
            deviation * np.sqrt(1.0 / n + x_mean**2 / sxx),
            deviation,
        )


def _dot(left: Floats, right: Floats) -> Floats:
    product: Floats = np.einsum("ij,ij->i", left, right)
    return product


@task
def regress_betas(
    returns: DataFrame[Returns], benchmark: str, minimum: Annotated[int, Field(ge=3)] = 30
) -> DataFrame[Betas]:
    """Beta of each contract: the slope of its returns on the benchmark's.

    return = intercept + beta · benchmark's return, by ordinary least squares over the sessions on
    which both have one: see `least_squares`. Simple returns give the beta that hedges a book.

    Parameters
    ----------
    returns
        Returns of the contracts and the benchmark, in any order; null where there is none.
    benchmark
        The benchmark's symbol.
    minimum
        The fewest observations that a beta is taken from.

    Returns
    -------
    Betas
        A row a contract, sorted by con_id. Intercept, its error and the residual volatility are
        fractions per session. With fewer observations than `minimum` all of them are null, and
        `reason` says so. The benchmark's own row is exact: beta 1, R² 1, errors 0. A contract whose
        return never changes has beta 0 and R² 0.

    Raises
    ------
    DataProblem
        The benchmark isn't among the contracts, is several of them, has too few returns, or its
        return never changes.
    """
    contract = returns["con_id"].to_numpy()
    benchmark_id = _find_benchmark(returns, benchmark)
    con_ids, first, row = _rows(contract)
    x, sessions, column = _columns(returns, contract == benchmark_id)
    if len(x) < minimum:
        raise DataProblem(
            f"The benchmark {benchmark} has {len(x)} returns, {minimum} are needed.",
            "Ask for a longer history, or lower `minimum`.",
        )
    panel = np.full((len(con_ids), len(x)), np.nan)
    value = returns["return"].to_numpy()
    if (column < 0).any():
        both = column >= 0
        row, column, value = row[both], column[both], value[both]
    panel.reshape(-1)[row * len(x) + column] = value
    fit = least_squares(x, panel)
    own = int(np.searchsorted(con_ids, benchmark_id))
    if np.isnan(fit.slope[own]):
        raise DataProblem(
            f"The benchmark {benchmark} returns the same in each of its {len(x)} sessions: nothing has a beta to it.",
            "See its prices.",
        )
    return _frame(returns["symbol"].array.take(first), con_ids, own, fit, panel, sessions, minimum)


def _find_benchmark(returns: pd.DataFrame, benchmark: str) -> int:
    symbol = returns["symbol"].cat
    known = [str(name) for name in symbol.categories]
    code = known.index(benchmark) if benchmark in known else -2
    found = np.unique(returns["con_id"].to_numpy()[symbol.codes.to_numpy() == code])
    if len(found) > 1:
        raise DataProblem(
            f"The benchmark {benchmark} is {len(found)} contracts: con_id {listed(found)}.",
            "Leave all but one out of the universe.",
        )
    if len(found) == 0:
        close = difflib.get_close_matches(benchmark, known, cutoff=0.5)
        raise DataProblem(
            f"The benchmark {benchmark} has no returns.",
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


def _columns(returns: pd.DataFrame, own: npt.NDArray[np.bool_]) -> tuple[Floats, Integers, Integers]:
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


def _frame(
    symbol: pd.Categorical, con_ids: Integers, own: int, fit: Fit, panel: Floats, sessions: Integers, minimum: int
) -> DataFrame[Betas]:
    few = fit.observations < minimum
    flat = ~few & np.isnan(fit.slope)
    reason = np.full(len(con_ids), "", dtype=object)
    reason[few] = [f"{count} observations, {minimum} needed" for count in fit.observations[few]]
    reason[flat] = "the benchmark's return never changes over its observations"
    if without := np.flatnonzero(few | flat).tolist():
        named = listed(f"{symbol[place]} ({reason[place]})" for place in without)
        note(f"No beta for {len(without)} of {counted(len(con_ids), 'contract')}: {named}.")

    def known(values: Floats, of_itself: float) -> Floats:
        values = np.where(few, np.nan, values)
        values[own] = of_itself
        return values

    there = np.isfinite(panel)
    some = fit.observations > 0
    first = sessions[there.argmax(axis=1)].astype("datetime64[ns]")
    last = sessions[::-1][there[:, ::-1].argmax(axis=1)].astype("datetime64[ns]")
    frame = pd.DataFrame(
        {
            "con_id": con_ids,
            "symbol": symbol,
            "benchmark_id": np.full(len(con_ids), con_ids[own]),
            "beta": known(fit.slope, 1.0),
            "intercept": known(fit.intercept, 0.0),
            "r_squared": known(fit.r_squared, 1.0),
            "beta_error": known(fit.slope_error, 0.0),
            "intercept_error": known(fit.intercept_error, 0.0),
            "residual_volatility": known(fit.residual_deviation, 0.0),
            "observations": fit.observations.astype(np.int64),
            "first_session": np.where(some, first, np.datetime64("NaT", "ns")),
            "last_session": np.where(some, last, np.datetime64("NaT", "ns")),
            "reason": reason,
        }
    )
    return cast("DataFrame[Betas]", frame)
