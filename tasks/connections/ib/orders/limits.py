"""What the desk forbids about an order, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tasks.connections.ib.contracts import Quote
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Order

FRESH = frozenset({"live", "simulated"})
"""Kinds of market data that an order may be held against."""


ROUNDING = 1e-9


def broken_limits(policy: OrderPolicy, account: str, symbol: str, quantity: float, notional: float) -> list[str]:
    """Which limits of one order it breaks; empty where none."""
    broken = []
    if policy.accounts and account not in policy.accounts:
        broken.append(f"account {account} may not trade, only {_listed(policy.accounts)}")
    if policy.symbols is not None and symbol not in policy.symbols:
        others = f", only {_listed(policy.symbols)}" if policy.symbols else ": the desk's list of symbols is empty"
        broken.append(f"{symbol} may not be traded{others}")
    if policy.quantity is not None and quantity > policy.quantity:
        broken.append(f"{_amount(quantity)} contracts, {_amount(policy.quantity)} in one order allowed")
    if policy.notional is not None and notional > policy.notional:
        broken.append(f"{_amount(round(notional, 2))} of notional, {_amount(policy.notional)} in one order allowed")
    return broken


def notional_of(order: Order, quote: Quote | None) -> float:
    """The most that it can be said to cost: quantity × the highest price known of it × multiplier; NaN with none."""
    prices = [order.limit_price, order.stop_price, order.reference_price]
    if quote is not None:
        prices += [quote.ask, quote.last if math.isnan(quote.ask) else math.nan]
    known = [abs(price) for price in prices if price is not None and not math.isnan(price)]
    return order.quantity * max(known) * order.multiplier if known else math.nan


def price_faults(order: Order, quote: Quote | None, age: float, policy: OrderPolicy) -> Iterator[str]:
    """Why its price can't be held against the quote, or is too far from it.

    A purchase may not cost more than the ask and the collar's fraction of it, a sale not bring less than the
    bid less that fraction. The price is the limit, or else the one it was sized at; a stop's limit counts
    from its trigger.

    Parameters
    ----------
    quote
        Of its contract; None where there is none.
    age
        Of the quote, in seconds.
    """
    collar = policy.price_collar
    if collar is None:
        return
    if order.legs:
        yield "a combination has no quote to hold its price against"
        return
    if quote is None or math.isnan(quote.bid) or math.isnan(quote.ask):
        yield f"there is no quote to hold its price against{f' ({quote.reason})' if quote and quote.reason else ''}"
        return
    if quote.market_data not in FRESH:
        yield f"its quote is {quote.market_data.replace('_', ' ')}: no price to hold an order against"
        return
    if quote.is_halted:
        yield "trading in it is halted"
    if age > policy.quote_age.total_seconds():
        yield f"its quote is {age:.1f} s old, {policy.quote_age.total_seconds():g} s allowed"
    price = order.limit_price if order.limit_price is not None else order.reference_price
    touch = quote.ask if order.action == "BUY" else quote.bid
    if order.stop_price is not None:
        # It trades only once the market is there.
        touch, price = order.stop_price, price if order.limit_price is not None else order.stop_price
    if math.isnan(price):
        return
    distance = (price - touch) / touch if order.action == "BUY" else (touch - price) / touch
    # Of an order at the market the price only says what it was sized at: it may not be far off either way.
    is_sized = order.limit_price is None and order.stop_price is None
    if (abs(distance) if is_sized else distance) > collar + ROUNDING:
        yield (
            f"{_amount(price)} is {abs(distance):.2%} from the {'ask' if order.action == 'BUY' else 'bid'} of"
            f" {_amount(touch)}, {collar:.2%} allowed"
        )


def _listed(items: list[str], shown: int = 5) -> str:
    return ", ".join(items[:shown]) + (f" and {len(items) - shown} more" if len(items) > shown else "")


def _amount(number: float) -> str:
    return f"{number:,.10g}"
