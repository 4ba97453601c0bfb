"""Planes by least squares: many regressions on the same several variables, plain or weighted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.least_squares import Floats


@dataclass(frozen=True)
class Planes:
    """Planes y = intercept + Σ slope · x, one a row of y; k factors."""

    observations: np.ndarray
    slope: Floats
    """Shape (N, k)."""
    slope_error: Floats
    intercept: Floats
    intercept_error: Floats
    r_squared: Floats
    residual_deviation: Floats


def multiple_least_squares(x: Floats, y: Floats, minimum: int, weights: Floats | None = None) -> Planes:
    """Least squares of each row of `y` on all columns of `x`, leaving out the places where that row has no number.

    With X the columns and a column of ones, w the weights (1 where none are given), W their diagonal,
    H = (X'WX)⁻¹X'W and e the residuals::

        coefficients        H·y
        residual_deviation  s = √(Σwe² / (Σw - tr((X'WX)⁻¹X'W²X)))
        errors              s · √diag(HH')
        r_squared           1 - Σwe² / Σw(y-ȳ)²

    which without weights are s = √(Σe²/(n-k-1)) and s·√diag((X'X)⁻¹). The weights say how much an
    observation counts, as in `least_squares`.

    Solved by QR of the centred columns, each scaled to length one: normal equations lose half the digits.
    Rows with the same places missing share one factorisation.

    Parameters
    ----------
    x
        Shape (T, k), finite.
    y
        Shape (N, T); NaN and infinities are missing.
    minimum
        Rows with fewer observations get NaN; more than k + 1.
    weights
        Shape (T,), above zero, on any scale.

    Returns
    -------
    Planes
        All NaN where the columns of `x` depend on one another over the row's observations. A row that
        doesn't vary has slopes, R² and errors 0.

    References
    ----------
    Golub and Van Loan, Matrix Computations, 4th ed., 2013, section 5.3. Precision is held against NIST's
    Longley, https://www.itl.nist.gov/div898/strd/lls/data/Longley.shtml.
    """
    rows, factors = len(y), x.shape[1]
    there = np.isfinite(y)
    nothing = np.full(rows, np.nan)
    made = Planes(
        there.sum(axis=1).astype(np.int64),
        np.full((rows, factors), np.nan),
        np.full((rows, factors), np.nan),
        *(nothing.copy() for _ in range(4)),
    )
    for pattern, group in _patterns(there):
        if pattern.sum() >= minimum:
            _solve(x[pattern], y[np.ix_(group, pattern)].T, None if weights is None else weights[pattern], made, group)
    return made


def _patterns(there: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(which places are there, the rows of which that is so), each pattern once."""
    packed = np.ascontiguousarray(np.packbits(there, axis=1))
    if not packed.size:
        return []
    _, first, group = np.unique(packed.view(f"V{packed.shape[1]}").ravel(), return_index=True, return_inverse=True)
    order = np.argsort(group, kind="stable")
    bounds = np.flatnonzero(np.diff(group[order])) + 1
    return [(there[first[number]], rows) for number, rows in enumerate(np.split(order, bounds))]


def _solve(x: Floats, y: Floats, weights: Floats | None, made: Planes, group: np.ndarray) -> None:
    """Planes of the columns of y, shape (n, rows), on x, shape (n, k), into these rows of `made`."""
    n = len(x)
    weight = np.ones(n) if weights is None else weights / weights.mean()
    root = np.sqrt(weight)[:, None]
    x_mean, y_mean = weight @ x / n, weight @ y / n
    dx, dy = x - x_mean, y - y_mean
    scale = np.sqrt(weight @ dx**2)
    # Below the rounding of the mean itself, what is left is noise: the factor is constant.
    if (scale <= np.sqrt(n) * n * np.finfo(float).eps * np.abs(x_mean)).any():
        return
    q, r = np.linalg.qr(root * dx / scale)
    if np.abs(np.diag(r)).min() <= n * np.finfo(float).eps * np.abs(np.diag(r)).max():
        return
    slope = np.linalg.solve(r, q.T @ (root * dy)) / scale[:, None]
    residual = dy - dx @ slope
    syy = weight @ dy**2
    y_flat = syy <= n * (n * np.finfo(float).eps * y_mean) ** 2
    slope[:, y_flat] = 0.0
    squares = np.where(y_flat, 0.0, weight @ residual**2)
    # How each coefficient follows from each y: slopes, then the intercept.
    steep = np.linalg.solve(r, (q * root).T) / scale[:, None]
    level = weight / n - x_mean @ steep
    freedom = n - (weight**2).sum() / n - ((q * root) ** 2).sum()
    deviation = np.sqrt(squares / freedom)
    made.slope[group] = slope.T
    made.slope_error[group] = deviation[:, None] * np.sqrt((steep**2).sum(axis=1))
    made.intercept[group] = y_mean - x_mean @ slope
    made.intercept_error[group] = deviation * np.sqrt((level**2).sum())
    with np.errstate(all="ignore"):
        made.r_squared[group] = np.where(y_flat, 0.0, np.clip(1.0 - squares / syy, 0.0, 1.0))
    made.residual_deviation[group] = deviation
