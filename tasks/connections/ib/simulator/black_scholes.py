"""What an option is worth when its underlying follows a geometric Brownian motion."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, exp, inf, log, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

_erf = np.frompyfunc(erf, 1, 1)


def option_price(
    right: str, underlying: float, strike: float, years: float, volatility: float, rate: float = 0.0
) -> float:
    """Black–Scholes price of a European option on a stock without dividends, per unit of the underlying.

    C = S·N(d₁) − K·e^(−rT)·N(d₂), P = C − S + K·e^(−rT), d₁ = [ln(S/K) + (r + σ²/2)T]/(σ√T), d₂ = d₁ − σ√T
    (Black and Scholes 1973). `right` is C or P, `years` the time to expiry; at expiry and later, the exercise value.
    """
    if years <= 0:
        value = underlying - strike
        return max(value if right == "C" else -value, 0.0)
    spread = volatility * sqrt(years)
    d1 = (log(underlying / strike) + (rate + volatility**2 / 2) * years) / spread
    discounted = strike * exp(-rate * years)
    call = underlying * _cumulative_normal(d1) - discounted * _cumulative_normal(d1 - spread)
    return call if right == "C" else call - underlying + discounted


def option_prices(
    right: str, underlying: NDArray[np.float64], strike: float, years: Any, volatility: float
) -> NDArray[np.float64]:
    """`option_price` of many prices and times at a rate of zero."""
    later = np.maximum(years, 1e-12)
    spread = volatility * np.sqrt(later)
    d1 = np.log(underlying / strike) / spread + spread / 2
    first, second = (0.5 * (1.0 + _erf(x / sqrt(2.0)).astype(np.float64)) for x in (d1, d1 - spread))
    call = underlying * first - strike * second
    return np.asarray(np.maximum(call if right == "C" else call - underlying + strike, 0.0))


@dataclass(frozen=True)
class Greeks:
    """How an option's price moves, as the broker states it."""

    delta: float
    """Per unit of the underlying."""
    gamma: float
    vega: float
    """Per percentage point of volatility."""
    theta: float
    """Per day."""


def greeks(right: str, underlying: float, strike: float, years: float, volatility: float, rate: float = 0.0) -> Greeks:
    """The derivatives of `option_price`: delta N(d₁) (a put's less 1), gamma φ(d₁)/(Sσ√T), vega Sφ(d₁)√T."""
    if years <= 0:
        delta = float(underlying > strike) if right == "C" else -float(underlying < strike)
        return Greeks(delta, 0.0, 0.0, 0.0)
    root = sqrt(years)
    d1 = (log(underlying / strike) + (rate + volatility**2 / 2) * years) / (volatility * root)
    density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
    carry = rate * strike * exp(-rate * years)
    d2 = d1 - volatility * root
    decay = -underlying * density * volatility / (2 * root)
    decay -= carry * _cumulative_normal(d2) if right == "C" else -carry * _cumulative_normal(-d2)
    delta = _cumulative_normal(d1) - (0.0 if right == "C" else 1.0)
    gamma = density / (underlying * volatility * root)
    return Greeks(delta, gamma, underlying * density * root / 100, decay / 365)


def implied_volatility(right: str, price: float, underlying: float, strike: float, years: float) -> float | None:
    """The volatility at which an option has this price, by bisection; None where no volatility gives it."""
    low, high = 1e-4, 10.0
    if years <= 0 or not (
        option_price(right, underlying, strike, years, low)
        <= price
        <= option_price(right, underlying, strike, years, high)
    ):
        return None
    best = inf
    while high - low > 1e-9 and best != (low + high) / 2:
        best = (low + high) / 2
        if option_price(right, underlying, strike, years, best) < price:
            low = best
        else:
            high = best
    return best


def _cumulative_normal(x: float) -> float:
    return 0.5 * (1.0 + erf(x / sqrt(2.0)))
