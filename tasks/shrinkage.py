"""Betas drawn toward what is likely before any return is seen."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.risk import Betas, ShrunkBetas
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.least_squares import Floats, Integers
from tasks.wording import counted, listed


@task
def shrink_betas(
    betas: DataFrame[Betas],
    previous: DataFrame[ShrunkBetas] | None = None,
    toward: Literal["cross_section", "own"] = "cross_section",
    prior: Annotated[float, Field(allow_inf_nan=False)] | None = None,
    prior_deviation: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None,
    drift: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0,
) -> DataFrame[ShrunkBetas]:
    """Vasicek's betas: each regressed beta and its prior, weighted by their precision.

    With b the beta as regressed, s its standard error, and a prior of mean p and deviation d::

        weight  w = (1/s²) / (1/s² + 1/d²)
        beta        w·b + (1 - w)·p
        beta_error  1 / √(1/s² + 1/d²)

    so a beta that a few noisy returns gave moves far, and one that is known well hardly moves.

    Parameters
    ----------
    betas
        Betas with their standard errors, all to one benchmark.
    previous
        An earlier session's output of this very step: `last: {previous: betas}`. Absent, as in a
        first run, today's cross-section is the prior.
    toward
        cross_section: one prior for all, the mean and the standard deviation (n - 1) of the betas as
        regressed in `previous`, as Vasicek has it, or of today's.  own: each contract's own beta and
        error in `previous`; the cross-section for one that isn't in it. `own` takes the returns since
        then for new evidence: have no return in both windows, or the same one counts twice.
    prior, prior_deviation
        The prior of all contracts, in place of the cross-section's mean, deviation, or both: 1 is the
        market's own beta.
    drift
        Standard deviation of what a true beta may have moved since `previous`; for `own` it adds to
        the prior's: d² = beta_error² + drift².

    Returns
    -------
    ShrunkBetas
        `betas` with beta and beta_error replaced, and how they came about beside them. Intercept, R²
        and residual volatility stay those of the regression. The benchmark's own beta is 1 and stays
        so. A contract without a beta has none here either: a prior alone hedges nothing.

    Raises
    ------
    DataProblem
        A beta has no standard error, or there are too few betas to make a prior of.

    References
    ----------
    Vasicek, A Note on Using Cross-Sectional Information in Bayesian Estimation of Security Betas,
    Journal of Finance 28 (1973).
    """
    raw, error = betas["beta"].to_numpy(), betas["beta_error"].to_numpy()
    _require_errors(betas)
    earlier = _comparable(betas, previous)
    if toward == "own" and (prior is not None or prior_deviation is not None) and earlier is not None:
        note("A given prior counts only for the contracts that the previous betas lack.")
    known = np.isfinite(raw)
    others = known & (betas["con_id"] != betas["benchmark_id"]).to_numpy()
    place = pd.Index([] if earlier is None or toward == "cross_section" else earlier["con_id"])
    center, spread = _own_priors(earlier, place.get_indexer(pd.Index(betas["con_id"])), drift)
    if (lacks := others & ~np.isfinite(spread)).any():
        mean, deviation = _cross_section(raw[others], earlier, prior, prior_deviation)
        center[lacks], spread[lacks] = mean, deviation
    own_variance, prior_variance = error**2, spread**2
    with np.errstate(all="ignore"):
        total = own_variance + prior_variance
        # Where both are certain, what was regressed is what is known.
        weight = np.where(own_variance == 0, 1.0, prior_variance / total)
        shrunk_error = np.where(own_variance == 0, 0.0, error * spread / np.sqrt(total))
    blank = np.where(known, 1.0, np.nan)
    frame = betas.assign(
        beta=np.where(weight == 1.0, raw, weight * raw + (1.0 - weight) * center) * blank,
        beta_error=shrunk_error * blank,
        raw_beta=raw,
        raw_error=error,
        prior=center * blank,
        prior_deviation=spread * blank,
        weight=weight * blank,
    )
    return cast("DataFrame[ShrunkBetas]", frame)


def _require_errors(betas: pd.DataFrame) -> None:
    lacks = betas["beta"].notna() & betas["beta_error"].isna()
    if lacks.any():
        raise DataProblem(
            f"{counted(int(lacks.sum()), 'beta has', 'betas have')} no standard error, which says how far to draw it: "
            f"{listed(betas['symbol'][lacks].astype(str))}.",
            "Take them from `regress_betas`.",
        )


def _comparable(betas: pd.DataFrame, previous: pd.DataFrame | None) -> pd.DataFrame | None:
    """The earlier betas, where they are to the same benchmark."""
    if previous is None or not len(previous) or not len(betas):
        return None
    if set(previous["benchmark_id"]) != set(betas["benchmark_id"]):
        note("The previous betas are to another benchmark, and don't count.")
        return None
    return previous


def _own_priors(earlier: pd.DataFrame | None, place: Integers, drift: float) -> tuple[Floats, Floats]:
    """Each contract's earlier beta, and how far the true one may be from it now; NaN for place -1."""
    if earlier is None:
        return np.full(len(place), np.nan), np.full(len(place), np.nan)
    beta, error = (np.append(earlier[name].to_numpy(), np.nan)[place] for name in ("beta", "beta_error"))
    return np.where(np.isfinite(error), beta, np.nan), np.hypot(error, drift)


def _cross_section(
    today: Floats, earlier: pd.DataFrame | None, prior: float | None, deviation: float | None
) -> tuple[float, float]:
    """Mean and deviation of the prior that contracts share."""
    if prior is not None and deviation is not None:
        return prior, deviation
    whose, values = "today's", today
    if earlier is not None:
        others = (earlier["con_id"] != earlier["benchmark_id"]) & earlier["raw_beta"].notna()
        whose, values = "the previous", earlier["raw_beta"].to_numpy()[others.to_numpy()]
    if len(values) < 2:
        raise DataProblem(
            f"A prior is made of two betas or more, and {whose} are {len(values)} beside the benchmark's.",
            "Give `prior` and `prior_deviation`.",
        )
    mean = float(values.mean()) if prior is None else prior
    spread = float(values.std(ddof=1)) if deviation is None else deviation
    note(f"The prior is {mean:.4g} ± {spread:.4g}, of {whose} {counted(len(values), 'beta')}.")
    return mean, spread
