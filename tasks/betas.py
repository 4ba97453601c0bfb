"""Betas: each contract's returns regressed on a benchmark's."""

from __future__ import annotations

from typing import Annotated, TypeAlias, cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.market import Returns
from schemas.risk import Betas
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.least_squares import Fit, Floats, half_life_weights, least_squares
from tasks.panel import Panel, as_sessions, panel_of
from tasks.wording import counted, listed

HalfLife: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""Sessions after which an observation counts half."""


@task
def regress_betas(
    returns: DataFrame[Returns],
    benchmark: str,
    minimum: Annotated[int, Field(ge=3)] = 30,
    half_life: HalfLife | None = None,
) -> DataFrame[Betas]:
    """Beta of each contract: the slope of its returns on the benchmark's.

    return = intercept + beta · benchmark's return, by least squares over the sessions on which both
    have one: see `least_squares`. Simple returns give the beta that hedges a book.

    Parameters
    ----------
    returns
        Returns of the contracts and the benchmark, in any order; null where there is none.
    benchmark
        The benchmark's symbol.
    minimum
        The fewest observations that a beta is taken from.
    half_life
        Sessions after which a return counts half: the weight of one that is k of the benchmark's
        sessions before the latest is 2^(-k / half_life). Beta, intercept and R² are the weighted ones,
        and the errors theirs: larger, as fewer returns count. Absent, all count the same.

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
    panel = panel_of(returns, benchmark, minimum)
    weights = None if half_life is None else half_life_weights(len(panel.x), half_life)
    fit = least_squares(panel.x, panel.y, weights)
    if np.isnan(fit.slope[panel.own]):
        raise still(benchmark, len(panel.x))
    return betas_frame(panel, fit, minimum)


def still(benchmark: str, sessions: int) -> DataProblem:
    """The problem of a benchmark that never moves."""
    return DataProblem(
        f"The benchmark {benchmark} returns the same in each of its {sessions} sessions: nothing has a beta to it.",
        "See its prices.",
    )


def betas_frame(panel: Panel, fit: Fit, minimum: int, faults: dict[int, str] | None = None) -> DataFrame[Betas]:
    """Lines as betas, and a note that names the contracts without one.

    Parameters
    ----------
    panel
        What the lines are of.
    fit
        A line a contract.
    minimum
        The fewest observations that a beta is taken from.
    faults
        Why a contract has no line, by its place; besides too few observations.
    """
    few = fit.observations < minimum
    flat = ~few & np.isnan(fit.slope)
    reason = np.full(len(panel.con_ids), "", dtype=object)
    reason[few] = [f"{count} observations, {minimum} needed" for count in fit.observations[few]]
    reason[flat] = "the benchmark's return never changes over its observations"
    for place, fault in (faults or {}).items():
        reason[place] = fault
    if without := np.flatnonzero(few | flat).tolist():
        named = listed(f"{panel.symbols[place]} ({reason[place]})" for place in without)
        note(f"No beta for {len(without)} of {counted(len(panel.con_ids), 'contract')}: {named}.")

    def known(values: Floats, of_itself: float) -> Floats:
        values = np.where(few, np.nan, values)
        values[panel.own] = of_itself
        return values

    there = np.isfinite(panel.y)
    some = fit.observations > 0
    first = as_sessions(panel.sessions[there.argmax(axis=1)])
    last = as_sessions(panel.sessions[::-1][there[:, ::-1].argmax(axis=1)])
    frame = pd.DataFrame(
        {
            "con_id": panel.con_ids,
            "symbol": panel.symbols,
            "benchmark_id": np.full(len(panel.con_ids), panel.benchmark_id),
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
