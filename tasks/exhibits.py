"""What is worth a picture in the frames of a hedge, and what is said of it: for reports and Prefect's artifacts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.drawing import WIDTH
from tasks.plots import bars, intervals, lines, scatter
from tasks.wording import counted

BARS = 15
"""Contracts that a picture shows; the smallest of more are put together."""
LINES = 6
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Exhibit:
    """A picture and what it shows in words."""

    title: str
    svg: str


def beta_exposure(covered: pd.DataFrame) -> Exhibit:
    """Beta exposure by contract, from the covered rows of a frame of `Exposures`; at least one."""
    labels, values = by_contract(covered)
    title = f"Beta-weighted exposure, {covered['currency'].iloc[0]}"
    return Exhibit(title, bars(title, labels, values))


def before_and_after(hedge: Any) -> Exhibit:
    """What a row of `Hedges` does to the exposure that can be hedged."""
    title = f"What the trade does, {hedge.currency} of beta exposure"
    values = [hedge.hedged_exposure, hedge.notional, hedge.hedged_exposure + hedge.notional]
    return Exhibit(title, bars(title, ["can be hedged", "the trade", "left after it"], values))


def beta_intervals(betas: pd.DataFrame) -> Exhibit | None:
    """The betas of a frame of `Betas` with their intervals, the largest first; None where there are none."""
    known = betas[betas["beta"].notna()]
    if known.empty:
        return None
    largest = known.iloc[np.argsort(-known["beta"], kind="stable")].head(2 * BARS)
    lower, upper = interval(largest)
    title = f"Betas with their {CONFIDENCE:.0%} intervals"
    ends = list(zip(lower, upper, strict=True))
    return Exhibit(title, intervals(title, largest["symbol"].astype(str).tolist(), largest["beta"].tolist(), ends))


def interval(betas: pd.DataFrame) -> tuple[list[float], list[float]]:
    """The interval that holds each true beta in 95 of 100 cases: beta ± t(n − 2) × its standard error.

    t is the 97.5 % point of Student's distribution with n − 2 degrees of freedom, for n observations; where they
    are weighted, or the estimator isn't least squares, it is an approximation.

    Parameters
    ----------
    betas
        A frame of `Betas`.

    Returns
    -------
    tuple of list
        Lower and upper ends; NaN where there is no standard error, or n isn't above 2.
    """
    from scipy.special import stdtrit

    freedom = betas["observations"].to_numpy(np.float64) - 2
    factor = stdtrit(np.where(freedom > 0, freedom, np.nan), 0.5 + CONFIDENCE / 2)
    reach = factor * betas["beta_error"].to_numpy(np.float64)
    beta = betas["beta"].to_numpy(np.float64)
    return (beta - reach).tolist(), (beta + reach).tolist()


def interval_texts(betas: pd.DataFrame) -> list[str]:
    """The same as `0.912 to 1.034`; empty where there is none."""
    ends = zip(*interval(betas), strict=True)
    return [f"{lower:.3f} to {upper:.3f}" if math.isfinite(lower) else "" for lower, upper in ends]


def regressions(
    covered: pd.DataFrame, betas: pd.DataFrame, returns: pd.DataFrame, most: int = 1, width: int = WIDTH
) -> Iterator[Exhibit]:
    """The regressions behind the largest exposures that aren't the benchmark's own.

    Parameters
    ----------
    covered
        Covered rows of a frame of `Exposures`.
    betas, returns
        Frames of `Betas` and of the `Returns` that they are regressed on.
    most
        How many at most.
    width
        Of each picture.
    """
    others = covered[covered["con_id"] != covered["benchmark_id"]]
    total = others["beta_exposure"].groupby(others["con_id"]).sum().abs().sort_values(ascending=False, kind="stable")
    drawn = 0
    for con_id in total.index:
        beta: Any
        for beta in betas[(betas["con_id"] == con_id) & betas["beta"].notna()].itertuples():
            both = _together(returns, int(con_id), beta.benchmark_id)
            if both is not None and drawn < most:
                yield _regression(beta, *both, width)
                drawn += 1
        if drawn == most:
            return


def rolling(betas: pd.DataFrame, covered: pd.DataFrame | None) -> Exhibit | None:
    """Rolling betas of the contracts with the largest exposures, or of the first ones where none are given.

    Parameters
    ----------
    betas
        A frame of `RollingBetas`.
    covered
        Covered rows of a frame of `Exposures`.
    """
    known = betas[betas["beta"].notna()]
    if known.empty:
        return None
    contracts = list(known["con_id"].unique())
    if covered is not None and len(covered):
        total = covered["beta_exposure"].groupby(covered["con_id"]).sum().abs()
        contracts.sort(key=lambda con_id: -float(total.get(con_id, 0.0)))
    shown = [con_id for con_id in contracts if con_id not in set(known["benchmark_id"])][:LINES] or contracts[:1]
    wide = betas[betas["con_id"].isin(shown)].pivot(index="last_session", columns="con_id", values="beta").sort_index()
    names = known.drop_duplicates("con_id").set_index("con_id")["symbol"].astype(str)
    series = {_free(str(names[con_id]), con_id, names): wide[con_id].tolist() for con_id in shown}
    title = f"Rolling betas, windows of {counted(int(known['observations'].max()), 'session')}"
    days = [day.date() for day in wide.index]
    return Exhibit(title, lines(title, days, series))


def by_contract(covered: pd.DataFrame) -> tuple[list[str], list[float]]:
    """Beta exposure a contract, the largest first; the smallest together where there are many."""
    total = covered["beta_exposure"].groupby(covered["con_id"]).sum()
    name = called(covered).groupby(covered["con_id"]).first()
    order = total.abs().sort_values(ascending=False, kind="stable").index
    labels, values = [str(name[con_id]) for con_id in order], [float(total[con_id]) for con_id in order]
    if len(values) > BARS:
        kept = BARS - 1
        labels = [*labels[:kept], f"{len(values) - kept} others"]
        values = [*values[:kept], math.fsum(values[kept:])]
    return labels, values


def called(exposure: pd.DataFrame) -> pd.Series[str]:
    """What to call each position: an option carries its underlying's symbol."""
    symbols, kinds = exposure["symbol"].astype(str), exposure["security_type"].astype(str)
    return symbols.where(kinds == "STK", symbols + " " + kinds)


def _free(name: str, con_id: int, names: pd.Series[str]) -> str:
    """The name, with the contract's number where another has the same."""
    return f"{name} {con_id}" if (names == name).sum() > 1 else name


def _together(
    returns: pd.DataFrame, con_id: int, benchmark_id: int
) -> tuple[str, pd.Series[float], pd.Series[float]] | None:
    """The benchmark's symbol, and the returns of both on the sessions on which both have one."""
    own = returns[returns["con_id"] == con_id].set_index("session")["return"].dropna()
    benchmark = returns[returns["con_id"] == benchmark_id]
    other = benchmark.set_index("session")["return"].dropna()
    shared = own.index.intersection(other.index)
    return None if shared.empty else (str(benchmark["symbol"].iloc[0]), other[shared], own[shared])


def _regression(beta: Any, benchmark: str, x: pd.Series[float], y: pd.Series[float], width: int) -> Exhibit:
    error = "" if math.isnan(beta.beta_error) else f" ± {beta.beta_error:.3f}"
    size = f"R² {beta.r_squared:.2f}, {counted(beta.observations, 'session')}"
    title = f"{beta.symbol} on {benchmark}: beta {beta.beta:.3f}{error}, {size}"
    names = (f"{benchmark}'s daily return", f"{beta.symbol}'s daily return")
    fit = (beta.intercept, beta.beta)
    return Exhibit(title, scatter(title, x.tolist(), y.tolist(), fit, names, width))
