"""What the desk forbids about an order, in words."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tasks.connections.ib.contracts import Contract, Quote
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Order


@dataclass(frozen=True, slots=True)
class Quoted:
    """What is known of the market: quotes by contract id, when they were taken, and what combinations' legs are."""

    quotes: Mapping[int, Quote]
    at: float
    """On the monotonic clock."""
    contracts: Mapping[int, Contract] = field(default_factory=dict)
    """The legs' contracts by their ids."""

    def of(self, order: Order) -> Quote | None:
        """Its contract's quote; None where there is none."""
        return self.quotes.get(order.contract.con_id)

    @property
    def age(self) -> float:
        """In seconds."""
        return time.monotonic() - self.at


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


def notional_of(order: Order, quoted: Quoted) -> float:
    """The most that it can be said to cost: quantity × the highest price known of it × multiplier; NaN with none.

    Of a combination the sum over its legs, bought and sold ones alike: what it nets to says little of what it moves.
    """
    if order.legs:
        return order.quantity * sum(
            leg.ratio * _dearest(quoted.quotes.get(leg.con_id)) * multiplier(quoted.contracts.get(leg.con_id))
            for leg in order.legs
        )
    prices = [order.limit_price, order.stop_price, order.reference_price, _dearest(quoted.of(order))]
    known = [abs(price) for price in prices if price is not None and not math.isnan(price)]
    return order.quantity * max(known) * multiplier(order.contract) if known else math.nan


def leg_faults(order: Order, quoted: Quoted, policy: OrderPolicy) -> Iterator[str]:
    """Which of a combination's legs the desk may not trade."""
    for leg in order.legs:
        contract = quoted.contracts.get(leg.con_id)
        if contract is None:
            yield f"nobody knows what its leg {leg.con_id} is"
        elif policy.symbols is not None and contract.symbol not in policy.symbols:
            yield f"its leg {contract.symbol} may not be traded"


def price_faults(order: Order, quoted: Quoted, policy: OrderPolicy) -> Iterator[str]:
    """Why its price can't be held against the quote, or is too far from it.

    A purchase may not cost more than the ask and the collar's fraction of it, a sale not bring less than the
    bid less that fraction. The price is the limit, or else the one it was sized at; a stop's limit counts
    from its trigger. Of a combination the price is its net, and the fraction is of what its legs cost together.
    """
    collar = policy.price_collar
    if collar is None:
        return
    con_ids = [leg.con_id for leg in order.legs] or [order.contract.con_id]
    if unfit := next((fault for con_id in con_ids if (fault := _unfit(quoted.quotes.get(con_id)))), ""):
        yield unfit
        return
    if quoted.age > policy.quote_age.total_seconds():
        yield f"its quote is {quoted.age:.1f} s old, {policy.quote_age.total_seconds():g} s allowed"
    price = order.limit_price if order.limit_price is not None else order.reference_price
    touch, whole = _touch(order, quoted)
    if order.stop_price is not None:
        # It trades only once the market is there.
        touch = whole = order.stop_price
        price = price if order.limit_price is not None else order.stop_price
    if math.isnan(price):
        return
    distance = (price - touch if order.action == "BUY" else touch - price) / whole
    # Of an order at the market the price only says what it was sized at: it may not be far off either way.
    is_sized = order.limit_price is None and order.stop_price is None
    if (abs(distance) if is_sized else distance) > collar + ROUNDING:
        side = "ask" if order.action == "BUY" else "bid"
        yield f"{_amount(price)} is {abs(distance):.2%} from the {side} of {_amount(touch)}, {collar:.2%} allowed"


def multiplier(contract: Contract | None) -> float:
    """What one contract's price is multiplied by to be money."""
    return float(contract.multiplier or 1) if contract is not None else math.nan


def _dearest(quote: Quote | None) -> float:
    if quote is None:
        return math.nan
    return quote.last if math.isnan(quote.ask) else quote.ask


def _unfit(quote: Quote | None) -> str:
    """Why no price can be held against a quote; empty where one can."""
    if quote is None or math.isnan(quote.bid) or math.isnan(quote.ask):
        return f"there is no quote to hold its price against{f' ({quote.reason})' if quote and quote.reason else ''}"
    if quote.market_data not in FRESH:
        return f"its quote is {quote.market_data.replace('_', ' ')}: no price to hold an order against"
    return "trading in it is halted" if quote.is_halted else ""


def _touch(order: Order, quoted: Quoted) -> tuple[float, float]:
    """(the price that it would meet, what the collar is a fraction of)."""
    is_buy = order.action == "BUY"
    if not order.legs:
        quote = quoted.quotes[order.contract.con_id]
        price = quote.ask if is_buy else quote.bid
        return price, price
    net = gross = 0.0
    for leg in order.legs:
        quote, sign = quoted.quotes[leg.con_id], 1 if leg.action == "BUY" else -1
        price = quote.ask if (leg.action == "BUY") == is_buy else quote.bid
        net += sign * leg.ratio * price
        gross += leg.ratio * price
    return net, gross


def _listed(items: list[str], shown: int = 5) -> str:
    return ", ".join(items[:shown]) + (f" and {len(items) - shown} more" if len(items) > shown else "")


def _amount(number: float) -> str:
    return f"{number:,.10g}"
