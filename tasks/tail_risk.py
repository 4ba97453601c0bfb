"""Value at risk, expected shortfall and drawdown of series of returns: the formulas, on arrays.

Sources: Rockafellar and Uryasev, "Optimization of conditional value-at-risk", Journal of Risk 2 (2000);
McNeil, Frey and Embrechts, "Quantitative Risk Management", sections 2.2 and 2.3.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ENOUGH = 20
"""Observations without which no quantile is told."""


class Tail(NamedTuple):
    """Losses as positive fractions (or amounts) of what the returns are of."""

    var: float
    """With probability `level` the loss isn't larger."""
    cvar: float
    """The mean of the losses that are as large or larger."""


def historical(returns: Floats, level: float) -> Tail:
    """Value at risk and expected shortfall of the returns as they were.

    ::

        VaR_α   -q_{1-α}(r)                         the quantile by linear interpolation between ranks
        CVaR_α  -mean of the r that are ≤ q_{1-α}

    Parameters
    ----------
    returns
        Of one period each; nulls are left out.
    level
        α, such as 0.95.

    Returns
    -------
    Tail
        NaN where there are fewer than 20.
    """
    known = returns[~np.isnan(returns)]
    if len(known) < ENOUGH:
        return Tail(math.nan, math.nan)
    quantile = float(np.quantile(known, 1 - level))
    # Interpolation may land a rounding error below the rank that it meant.
    worst = known[known <= quantile + 1e-12 * max(1.0, abs(quantile))]
    return Tail(-quantile, -math.fsum(worst.tolist()) / len(worst))


def parametric(returns: Floats, level: float) -> Tail:
    """The same as if the returns were normal, with their mean and standard deviation (n − 1).

    ::

        VaR_α   -(μ - z_α σ)                        z_α = Φ⁻¹(α)
        CVaR_α  -(μ - σ φ(z_α) / (1 - α))
    """
    known = returns[~np.isnan(returns)]
    if len(known) < ENOUGH:
        return Tail(math.nan, math.nan)
    normal = NormalDist()
    z = normal.inv_cdf(level)
    mean, deviation = float(known.mean()), float(known.std(ddof=1))
    return Tail(z * deviation - mean, deviation * normal.pdf(z) / (1 - level) - mean)


class Drawdown(NamedTuple):
    """How far a curve is, and has been, below its highest point before."""

    now: float
    worst: float
    sessions: int
    """Since the last highest point."""


def drawdown(curve: Floats) -> Drawdown:
    """Of a curve of worth: 1 − value / highest so far, as positive fractions; zeros for an empty one."""
    if not len(curve):
        return Drawdown(0.0, 0.0, 0)
    highest = np.maximum.accumulate(curve)
    below = 1 - curve / highest
    last_peak = int(np.flatnonzero(curve >= highest)[-1])
    return Drawdown(float(below[-1]), float(below.max()), len(curve) - 1 - last_peak)
