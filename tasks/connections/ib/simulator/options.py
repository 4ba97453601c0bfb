"""What an option's price means: volatilities and greeks by Black–Scholes, at a rate of zero."""

from __future__ import annotations

from tasks.connections.ib.simulator.black_scholes import greeks, implied_volatility, option_price
from tasks.connections.ib.simulator.contracts import find_one, read_query
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.session import Handler, Session
from tasks.connections.ib.simulator.tape import YEAR, expiry
from tasks.connections.ib.simulator.wire import Fields

CUSTOM = 53
"""Type of the tick that answers a calculation."""

BY_PRICES = 1
"""Attribute of a computation: they follow from prices, not from returns."""

NOT_COMPUTED = (-1.0, -2.0, -1.0, -1.0, -2.0, -2.0, -2.0, -1.0)
"""The broker's marks, field by field."""

MOST = {"price": 1e6, "volatility": 10.0}
"""Largest values that are calculated with."""

Values = tuple[float, ...]
"""Implied volatility, delta, price, present value of dividends, gamma, vega, theta, price of the underlying."""


def computation(option: Instrument, price: float | None, underlying: float, now: int) -> Values:
    """What a price of an option means at a moment; -1 and -2 where nothing follows from it."""
    years = (expiry(option.expiry) - now) / YEAR
    volatility = None
    if price is not None:
        volatility = implied_volatility(option.right, price, underlying, option.strike, years)
    if price is None or volatility is None:
        return NOT_COMPUTED
    return _values(option, volatility, price, underlying, years)


def model(option: Instrument, underlying: float, now: int) -> Values:
    """The values by the option's own volatility."""
    years = (expiry(option.expiry) - now) / YEAR
    price = option_price(option.right, underlying, option.strike, years, option.volatility)
    return _values(option, option.volatility, price, underlying, years)


def calculate_volatility(session: Session, fields: Fields) -> None:
    """54: the volatility that a price implies."""
    _calculate(session, fields, "price")


def calculate_price(session: Session, fields: Fields) -> None:
    """55: the price that a volatility gives."""
    _calculate(session, fields, "volatility")


def cancel_calculation(session: Session, fields: Fields) -> None:
    """56 and 57: the answer came at once, so there is nothing left to cancel."""
    fields.version(1)
    fields.whole("request")
    fields.end()


def _calculate(session: Session, fields: Fields, given: str) -> None:
    fields.version(3)
    request = fields.whole("request")
    query = read_query(fields)
    value, underlying = fields.number(given), fields.number("price of the underlying")
    if fields.left > 1:  # newer clients leave out the number
        fields.count("options")
    fields.text("options")
    fields.end()
    option = find_one(session, request, query)
    if option is None:
        return
    most = MOST[given]
    if not option.underlying or not 0 < underlying <= MOST["price"] or not 0 < value <= most:
        cause = f"an option, a price of its underlying, and a {given} above 0 and up to {most:g}"
        session.error(request, 321, f"Error validating request.-'bS' : cause - It takes {cause}")
        return
    now = session.gateway.clock.nanoseconds()
    years = (expiry(option.expiry) - now) / YEAR
    if given == "price":
        values = computation(option, value, underlying, now)
    else:
        price = option_price(option.right, underlying, option.strike, years, value)
        values = _values(option, value, price, underlying, years)
    session.send(21, request, CUSTOM, BY_PRICES, *values)


def _values(option: Instrument, volatility: float, price: float, underlying: float, years: float) -> Values:
    letters = greeks(option.right, underlying, option.strike, years, volatility)
    values = (volatility, letters.delta, price, 0.0, letters.gamma, letters.vega, letters.theta, underlying)
    return tuple(round(value, 8) for value in values)


HANDLERS: dict[int, Handler] = {
    54: calculate_volatility,
    55: calculate_price,
    56: cancel_calculation,
    57: cancel_calculation,
}
