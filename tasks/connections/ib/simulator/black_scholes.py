"""What an option is worth when its underlying follows a geometric Brownian motion."""

from __future__ import annotations

from math import erf, exp, log, sqrt


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


def _cumulative_normal(x: float) -> float:
    return 0.5 * (1.0 + erf(x / sqrt(2.0)))
