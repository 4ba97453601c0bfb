"""Loadings: each contract's returns regressed on several factors' at once."""

from __future__ import annotations

from typing import Annotated, cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.frame import empty
from schemas.market import Returns
from schemas.risk import Loadings
from tasks.betas import HalfLife
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.least_squares import Floats, half_life_weights
from tasks.multiple_least_squares import Planes, multiple_least_squares
from tasks.panel import as_sessions, find_contract
from tasks.wording import counted, listed


@task
def regress_loadings(
    returns: DataFrame[Returns],
    factors: DataFrame[Returns],
    names: list[str] | None = None,
    minimum: Annotated[int, Field(ge=3)] = 30,
    half_life: HalfLife | None = None,
) -> DataFrame[Loadings]:
    """Loadings of each contract: the slopes of its returns on those of several factors together.

    return = intercept + Σ loading · factor's return, by least squares over the sessions on which the
    contract and every factor have one: see `multiple_least_squares`.

    Parameters
    ----------
    returns
        Returns of the contracts, in any order; null where there is none.
    factors
        Returns of the factors: funds, indices, spreads. May be the same frame, with `names`.
    names
        Symbols of the factors to take, in this order; absent, every contract of `factors`.
    minimum
        The fewest observations that loadings are taken from; at least three more than there are factors.
    half_life
        Sessions after which a return counts half, as for `regress_betas`; absent, all count the same.

    Returns
    -------
    Loadings
        A row a contract and factor, sorted by con_id and then in the factors' order. With fewer
        observations than `minimum`, or where the factors explain one another over them, the numbers are
        null, and `reason` says so. R² is of all factors together. A contract that is a factor itself is
        left out.

    Raises
    ------
    DataProblem
        A factor isn't in the frame, is several contracts, or is named twice; or the factors have fewer
        common sessions than `minimum`.
    """
    chosen = _factor_ids(factors, names)
    minimum = max(minimum, len(chosen) + 3)
    wide = _wide(factors, list(chosen)).dropna()
    if len(wide) < minimum:
        raise DataProblem(
            f"The factors {listed(chosen.values())} have {counted(len(wide), 'session')} in common, and {minimum} are "
            "needed.",
            "Ask for a longer history, or lower `minimum`.",
        )
    contracts = returns.drop_duplicates("con_id").sort_values("con_id")
    contracts = contracts[~contracts["con_id"].isin(chosen)]
    if contracts.empty:
        return cast("DataFrame[Loadings]", empty(Loadings))
    panel = _wide(returns, contracts["con_id"].tolist()).reindex(wide.index).to_numpy().T
    weights = None if half_life is None else half_life_weights(len(wide), half_life)
    fit = multiple_least_squares(wide.to_numpy(), panel, minimum, weights)
    return _frame(contracts, chosen, fit, panel, wide.index.to_numpy(), minimum)


def _factor_ids(factors: pd.DataFrame, names: list[str] | None) -> dict[int, str]:
    """con_id to symbol of each factor, in order."""
    if names is None:
        once = factors.drop_duplicates("con_id").sort_values("con_id")
        chosen = dict(zip(once["con_id"].tolist(), once["symbol"].astype(str), strict=True))
        if not chosen:
            raise DataProblem("There are no factors: their frame has no rows.", "See what yields it.")
        return chosen
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice or not names:
        raise DataProblem(
            f"The factor {twice[0]} is named twice." if twice else "`names` names no factor.", "Name each factor once."
        )
    return {find_contract(factors, name, "factor"): name for name in names}


def _wide(returns: pd.DataFrame, con_ids: list[int]) -> pd.DataFrame:
    """Sessions down, contracts across in this order; what is infinite counts as missing."""
    kept = returns[returns["con_id"].isin(con_ids)]
    wide = kept.pivot(index="session", columns="con_id", values="return").reindex(columns=con_ids).sort_index()
    return wide.where(np.isfinite(wide))


def _frame(
    contracts: pd.DataFrame, chosen: dict[int, str], fit: Planes, panel: Floats, sessions: np.ndarray, minimum: int
) -> DataFrame[Loadings]:
    count, k = len(contracts), len(chosen)
    few = fit.observations < minimum
    depend = ~few & np.isnan(fit.intercept)
    reason = np.full(count, "", dtype=object)
    reason[few] = [f"{number} observations, {minimum} needed" for number in fit.observations[few]]
    reason[depend] = "over its observations a factor stands still, or follows from the others"
    symbols = contracts["symbol"].astype(str).to_numpy()
    if without := np.flatnonzero(few | depend).tolist():
        named = listed(f"{symbols[place]} ({reason[place]})" for place in without)
        note(f"No loadings for {len(without)} of {counted(count, 'contract')}: {named}.")
    there = np.isfinite(panel)
    some = fit.observations > 0
    nat = np.datetime64("NaT", "ns")
    moments = sessions.astype("datetime64[ns]").view(np.int64)
    first = np.where(some, as_sessions(moments[there.argmax(axis=1)]), nat)
    last = np.where(some, as_sessions(moments[::-1][there[:, ::-1].argmax(axis=1)]), nat)
    n = fit.observations
    with np.errstate(all="ignore"):
        t_statistic = fit.slope / fit.slope_error
        adjusted = 1.0 - (1.0 - fit.r_squared) * (n - 1) / (n - k - 1)
    t_statistic[~np.isfinite(t_statistic)] = np.nan
    frame = pd.DataFrame(
        {
            "con_id": np.repeat(contracts["con_id"].to_numpy(), k),
            "symbol": contracts["symbol"].array.take(np.repeat(np.arange(count), k)),
            "factor_id": np.tile(np.array(list(chosen), dtype=np.int64), count),
            "factor": pd.Categorical(list(chosen.values()) * count, categories=list(chosen.values())),
            "loading": fit.slope.ravel(),
            "loading_error": fit.slope_error.ravel(),
            "t_statistic": t_statistic.ravel(),
            "intercept": np.repeat(fit.intercept, k),
            "intercept_error": np.repeat(fit.intercept_error, k),
            "r_squared": np.repeat(fit.r_squared, k),
            "adjusted_r_squared": np.repeat(adjusted, k),
            "residual_volatility": np.repeat(fit.residual_deviation, k),
            "observations": np.repeat(n, k),
            "first_session": np.repeat(first, k),
            "last_session": np.repeat(last, k),
            "reason": np.repeat(reason, k),
        }
    )
    return cast("DataFrame[Loadings]", frame)
