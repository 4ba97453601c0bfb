"""Paths of prices between two known ends, and how far they swing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def bridge(steps: Floats) -> Floats:
    """Brownian bridges from 0 to 0, one a row, by the normal numbers of their steps.

    With W the sums of n steps over √n, B at k = W at k − (k/n)·W at n: variance u(1 − u) at u = k/n.
    The n values are those after each step; the last is 0.
    """
    count = steps.shape[-1]
    walk = np.cumsum(steps, axis=-1) / np.sqrt(count)
    return np.asarray(walk - walk[..., -1:] * (np.arange(1, count + 1) / count))


def swings(
    opening: Floats, closing: Floats, volatility: Floats | float, up: Floats, down: Floats
) -> tuple[Floats, Floats]:
    """Highest and lowest price of paths from opening to closing, by uniform numbers `up` and `down`.

    The maximum of a Brownian bridge from a to b of variance v is [a + b + √((b − a)² − 2v·ln U)]/2
    (its distribution inverted: P(max > m) = exp(−2(m − a)(m − b)/v)); the minimum is its mirror. Prices are
    taken by their logarithms, `volatility` is √v.
    """
    a, b = np.log(opening), np.log(closing)
    variance = np.square(volatility)
    high = (a + b + np.sqrt((b - a) ** 2 - 2 * variance * np.log(up))) / 2
    low = (a + b - np.sqrt((b - a) ** 2 - 2 * variance * np.log(down))) / 2
    return np.exp(high), np.exp(low)


class Stretch:
    """Maps prices between a path's own extremes to those it is to have; its ends stay where they are.

    What lies above both ends is stretched so that `top` comes to `high`, what lies below so that
    `bottom` comes to `low`; order is kept.
    """

    def __init__(self, ends: tuple[Floats, Floats], top: Floats, bottom: Floats, high: Floats, low: Floats) -> None:
        self._upper, self._lower = np.maximum(*ends), np.minimum(*ends)
        with np.errstate(divide="ignore", invalid="ignore"):
            self._up = np.where(top > self._upper, (high - self._upper) / (top - self._upper), 0.0)
            self._down = np.where(bottom < self._lower, (self._lower - low) / (self._lower - bottom), 0.0)

    def __call__(self, prices: Floats) -> Floats:
        """The prices where they belong."""
        above = np.maximum(prices - self._upper, 0.0)
        below = np.maximum(self._lower - prices, 0.0)
        inside = np.clip(prices, self._lower, self._upper)
        return np.asarray(inside + above * self._up - below * self._down)


def shares(total: NDArray[np.int64], weights: Floats) -> NDArray[np.int64]:
    """Divide whole totals, one a row, by weights: at least 1 each, and they sum up exactly."""
    count = weights.shape[-1]
    rest = np.maximum(total - count, 0)
    part = np.cumsum(weights, axis=-1)
    part = np.floor(part / part[..., -1:] * rest[..., None] + 1e-9).astype(np.int64)
    return np.asarray(np.diff(part, axis=-1, prepend=0) + 1)
