"""Betas over time: one regression for each place of a window that moves over the sessions."""

from __future__ import annotations

from typing import Annotated, cast

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from pandera.typing import DataFrame
from pydantic import Field

from schemas.frame import empty
from schemas.market import Returns
from schemas.risk import RollingBetas
from tasks.betas import HalfLife
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.least_squares import Fit, Floats, half_life_weights, least_squares
from tasks.panel import Panel, as_sessions, panel_of
from tasks.wording import counted, listed


@task
def roll_betas(
    returns: DataFrame[Returns],
    benchmark: str,
    window: Annotated[int, Field(ge=3)] = 63,
    minimum: Annotated[int, Field(ge=3)] = 30,
    step: Annotated[int, Field(ge=1)] = 1,
    half_life: HalfLife | None = None,
) -> DataFrame[RollingBetas]:
    """Beta of each contract over the latest `window` sessions, at every session that has so many before it.

    Each is the very regression that `regress_betas` does of the window's returns.

    Parameters
    ----------
    returns
        Returns of the contracts and the benchmark, in any order; null where there is none.
    benchmark
        The benchmark's symbol. Its sessions are what the window counts.
    window
        Sessions in a window.
    minimum
        The fewest observations that a beta is taken from; at most `window`.
    step
        Sessions from one window to the next, counted back from the latest.
    half_life
        Sessions, within a window, after which a return counts half; absent, all count the same.

    Returns
    -------
    RollingBetas
        Sorted by con_id and the window's last session, from each contract's first beta on. Where a window has fewer
        observations than `minimum`, or the benchmark stands still in it, the numbers are null. The
        benchmark's own are exact: beta 1, R² 1, error 0. A contract with no beta in any window isn't in
        it, and a note names it.

    Raises
    ------
    DataProblem
        The benchmark isn't among the contracts, is several of them, or has fewer returns than one
        window; or `minimum` is more than a window holds.
    """
    if minimum > window:
        raise DataProblem(f"A window of {window} sessions never has {minimum} observations.", "Lower `minimum`.")
    panel = panel_of(returns, benchmark, window)
    weights = None if half_life is None else half_life_weights(window, half_life)
    # Newest first before thinning out, so that the latest session always has a window.
    x = sliding_window_view(panel.x, window)[::-step][::-1]
    bounds = sliding_window_view(panel.sessions, window)[::-step][::-1][:, [0, -1]]
    parts: list[pd.DataFrame] = []
    without: list[str] = []
    for place, series in enumerate(panel.y):
        fit = least_squares(x, sliding_window_view(series, window)[::-step][::-1], weights)
        known = (fit.observations >= minimum) & np.isfinite(fit.slope)
        if known.any():
            parts.append(_frame(panel, place, fit, known, bounds))
        else:
            without.append(str(panel.symbols[place]))
    if without:
        note(
            f"No beta in any window for {len(without)} of {counted(len(panel.con_ids), 'contract')}: {listed(without)}."
        )
    if not parts:
        return cast("DataFrame[RollingBetas]", empty(RollingBetas))
    frame = pd.concat(parts, ignore_index=True)
    frame["symbol"] = pd.Categorical.from_codes(frame["symbol"].tolist(), dtype=panel.symbols.dtype)
    return cast("DataFrame[RollingBetas]", frame)


def _frame(panel: Panel, place: int, fit: Fit, known: np.ndarray, bounds: np.ndarray) -> pd.DataFrame:
    """One contract's rows, from its first beta on; its symbol as a code, since all share the categories."""
    own = place == panel.own
    shown = slice(int(known.argmax()), None)

    def column(values: Floats, of_itself: float) -> Floats:
        kept: Floats = np.where(known, of_itself if own else values, np.nan)[shown]
        return kept

    first, last = as_sessions(bounds[shown]).T
    rows = len(first)
    return pd.DataFrame(
        {
            "con_id": np.full(rows, panel.con_ids[place]),
            "symbol": np.full(rows, panel.symbols.codes[place]),
            "benchmark_id": np.full(rows, panel.benchmark_id),
            "first_session": first,
            "last_session": last,
            "beta": column(fit.slope, 1.0),
            "beta_error": column(fit.slope_error, 0.0),
            "intercept": column(fit.intercept, 0.0),
            "r_squared": column(fit.r_squared, 1.0),
            "residual_volatility": column(fit.residual_deviation, 0.0),
            "observations": fit.observations[shown].astype(np.int64),
        }
    )
