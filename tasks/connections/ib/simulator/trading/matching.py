"""How orders fill against the touch: pure functions of an order, a price and the size that is shown."""

from __future__ import annotations

import math
from dataclasses import dataclass

RESTING_SHARE = 0.5
"""Of the size shown, what a resting order gets in one step."""

LEVELS = 40
"""Prices behind the touch, one tick apart, each with twice the size of the one before."""

ADDED, REMOVED = 1, 2
"""Liquidity of an execution: given to the market by resting, or taken from it."""


@dataclass(frozen=True)
class Side:
    """What an order meets: the price on the other side, how much is shown there, and the tick."""

    price: float
    size: float
    tick: float


@dataclass(frozen=True)
class Fill:
    """A part of an order at one price."""

    quantity: float
    price: float
    liquidity: int


def is_within(price: float, limit: float | None, is_buy: bool) -> bool:
    """Whether a limit allows a price."""
    return limit is None or (price <= limit + 1e-9 if is_buy else price >= limit - 1e-9)


def sweep(is_buy: bool, wanted: float, limit: float | None, side: Side) -> list[Fill]:
    """What an arriving order takes at once.

    The size shown at the touch, then twice as much a tick behind it, twice that another tick
    behind, as far as the limit allows: k partial fills for about shown × 2ᵏ.
    """
    fills: list[Fill] = []
    step = side.tick if is_buy else -side.tick
    for level in range(LEVELS):
        price = round(side.price + level * step, 6)
        if wanted <= 0 or not is_within(price, limit, is_buy):
            break
        part = min(wanted, side.size * 2.0**level)
        if part > 0:
            fills.append(Fill(part, price, REMOVED))
        wanted -= part
    return fills


def rest(is_buy: bool, wanted: float, limit: float | None, side: Side) -> list[Fill]:
    """What a resting order gets in one step: at its own limit, once the other side has come to it."""
    if limit is None:
        return sweep(is_buy, wanted, limit, side)
    if not is_within(side.price, limit, is_buy):
        return []
    part = min(wanted, max(1.0, math.floor(side.size * RESTING_SHARE)))
    return [Fill(part, limit, ADDED)] if part > 0 else []


def is_touched(is_buy: bool, stop: float, last: float, if_touched: bool) -> bool:
    """Whether the last price sets off a stop, or an order that waits to be touched (the other way round)."""
    if is_buy != if_touched:
        return last >= stop - 1e-9
    return last <= stop + 1e-9


def trail(is_buy: bool, stop: float | None, last: float, amount: float | None, percent: float | None) -> float:
    """Where a trailing stop stands after a price: it follows at its distance, and never goes back.

    distance = amount, or last × percent / 100; a sell's stop is max(stop, last − distance), a buy's
    min(stop, last + distance).
    """
    distance = last * percent / 100 if percent is not None else (amount or 0.0)
    follows = last + distance if is_buy else last - distance
    if stop is None:
        return round(follows, 6)
    return round(min(stop, follows) if is_buy else max(stop, follows), 6)
