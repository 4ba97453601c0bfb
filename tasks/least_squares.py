"""Straight lines by least squares, many at once, plain or weighted."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

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


def least_squares(x: Floats, y: Floats, weights: Floats | None = None) -> Fit:
    """Least squares of each row of `y` on `x`, leaving out the places where that row has no number.

    With n the observations that row has, w their weights (1 where none are given), W = Σw, x̄ and ȳ
    the weighted means, Sxx = Σw(x-x̄)², Sxy = Σw(x-x̄)(y-ȳ), Syy = Σw(y-ȳ)², V = Σw²(x-x̄)² and e the
    residuals::

        slope               b = Sxy / Sxx
        intercept           a = ȳ - b·x̄
        residual_deviation  s = √(Σwe² / (W - Σw²/W - V/Sxx))
        slope_error         s · √V / Sxx
        intercept_error     s · √Σ(w/W - x̄·w(x-x̄)/Sxx)²
        r_squared           1 - Σwe² / Syy

    which without weights are the familiar s = √(Σe²/(n-2)), s/√Sxx and s·√(1/n + x̄²/Sxx).

    The weights say how much an observation counts, not how precise it is: each is taken to have the
    same variance s², of which the weighted sum above is an unbiased estimate. The errors are those of
    the weighted lines then. (Where weights stand for precision, as 1/variance, the textbook's
    s/√Sxx holds instead; for weights that fade with age it promises too much.)

    Sums are taken about each row's own means and the residuals one by one: raw moments lose all
    digits where the mean is large against the spread.

    Parameters
    ----------
    x
        Shape (T,), or (N, T) where each row has its own; finite.
    y
        Shape (N, T); NaN and infinities are missing.
    weights
        Shape (T,), above zero, on any scale.

    Returns
    -------
    Fit
        Arrays of shape (N,). The line is NaN where `x` doesn't vary over the row's observations;
        errors and deviation are also NaN where there are fewer than three. A row that doesn't vary
        has slope, R² and errors 0.

    References
    ----------
    Draper and Smith, Applied Regression Analysis, 3rd ed., 1998, chapters 1 and 9. Precision is held
    against NIST's Statistical Reference Datasets, https://www.itl.nist.gov/div898/strd/.
    """
    rows = max(1, _BLOCK // max(1, x.shape[-1]))
    blocks = []
    for start in range(0, max(1, len(y)), rows):
        block = slice(start, start + rows)
        own = x if x.ndim == 1 else x[block]
        blocks.append(_plain(own, y[block]) if weights is None else _weighted(own, y[block], weights))
    return Fit(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def half_life_weights(count: int, half_life: float) -> Floats:
    """Weights of `count` observations in order: 1 for the last, half as much for each `half_life` before it."""
    weights: Floats = np.exp2(-np.arange(count - 1, -1, -1) / half_life)
    return weights


def _plain(x: Floats, y: Floats) -> Fit:
    there = np.isfinite(y)
    weight = there.astype(np.float64)
    n = there.sum(axis=1)
    with np.errstate(all="ignore"):
        x_mean = (weight @ x if x.ndim == 1 else _dot(weight, x)) / n
        dy = np.where(there, y, 0.0)
        y_mean = dy.sum(axis=1) / n
        dx = (x - x_mean[:, None]) * weight
        dy -= y_mean[:, None]
        dy *= weight
        sxx = _dot(dx, dx)
        syy = _dot(dy, dy)
        x_flat, y_flat = _flat(sxx, n, x_mean, n), _flat(syy, n, y_mean, n)
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


def _weighted(x: Floats, y: Floats, weights: Floats) -> Fit:
    there = np.isfinite(y)
    n = there.sum(axis=1)
    weight = there * weights
    with np.errstate(all="ignore"):
        total = weight.sum(axis=1)
        x_mean = (weight @ x if x.ndim == 1 else _dot(weight, x)) / total
        dy = np.where(there, y, 0.0)
        y_mean = _dot(weight, dy) / total
        dx = (x - x_mean[:, None]) * there
        dy -= y_mean[:, None]
        dy *= there
        wdx = weight * dx
        sxx = _dot(wdx, dx)
        syy = _dot(weight * dy, dy)
        x_flat, y_flat = _flat(sxx, total, x_mean, n), _flat(syy, total, y_mean, n)
        slope = np.where(y_flat, 0.0, _dot(wdx, dy) / sxx)
        slope[x_flat] = np.nan
        dy -= slope[:, None] * dx
        squares = np.where(y_flat, 0.0, _dot(weight * dy, dy))
        squares[x_flat] = np.nan
        own, both, steep = _dot(weight, weight), _dot(weight, wdx), _dot(wdx, wdx)
        freedom = np.where(n > 2, total - own / total - steep / sxx, np.nan)
        deviation = np.sqrt(squares / freedom)
        spread = own / total**2 - 2.0 * x_mean * both / (total * sxx) + x_mean**2 * steep / sxx**2
        return Fit(
            n,
            slope,
            y_mean - slope * x_mean,
            np.where(y_flat, squares, np.clip(1.0 - squares / syy, 0.0, 1.0)),
            deviation * np.sqrt(steep) / sxx,
            deviation * np.sqrt(spread),
            deviation,
        )


def _flat(squares: Floats, total: npt.NDArray[np.number], mean: Floats, n: Integers) -> npt.NDArray[np.bool_]:
    """Whether what is left about the mean is below the rounding of the mean itself: the series is constant."""
    flat: npt.NDArray[np.bool_] = squares <= total * (np.finfo(np.float64).eps * n * mean) ** 2
    return flat


def _dot(left: Floats, right: Floats) -> Floats:
    product: Floats = np.einsum("ij,ij->i", left, right)
    return product
