"""Option chains: which expiries and strikes a stock has, and the broker's message of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.listings import FIRST_FRIDAY, UNDERLYINGS, expiry_of
from tasks.connections.ib.simulator.market import Market
from tasks.connections.ib.simulator.session import Handler, Session
from tasks.connections.ib.simulator.wire import Fields

WEEKLY, MONTHLY = 6, 9
"""Of the coming Fridays so many are expiries, and of the third Fridays of months so many."""

NEAREST, FURTHEST = 0.7, 1.3
"""Strikes reach from this share of the last session's close to that."""

STEPS = ((25.0, 0.5), (50.0, 1.0), (200.0, 2.5))
"""Distance of strikes below each close; from the last one up it is 5."""

MULTIPLIER = "100"
CHAINED = frozenset(item.con_id for item in UNDERLYINGS)


def chain(market: Market, underlying: Instrument, now: int) -> Iterator[Instrument]:
    """Every option of a chain at a moment; none where the underlying has no options."""
    if underlying.con_id in CHAINED and market.covers(now):
        for week in weeks(market, now):
            expiry = expiry_of(week)
            for strike in strikes(market, underlying, now):
                for right in "CP":
                    yield market.instruments.option(underlying, week, expiry, strike, right)


def weeks(market: Market, now: int) -> tuple[int, ...]:
    """The expiries at a moment, each as its number of weeks since the first Friday of 1990; ascending."""
    return _weeks(str(market.sessions[market.moment(now).session]))


def strikes(market: Market, underlying: Instrument, now: int) -> list[float]:
    """The strikes at a moment, ascending: around the close of the session before."""
    close = float(market.closes(underlying)[market.moment(now).session - 1])
    step = next((step for below, step in STEPS if close < below), 5.0)
    first, last = int(np.ceil(close * NEAREST / step)), int(close * FURTHEST / step)
    return [step * place for place in range(max(first, 1), last + 1)]


@lru_cache(256)
def _weeks(day: str) -> tuple[int, ...]:
    """Six Fridays from the day on, and the third Fridays of nine months."""
    today = np.datetime64(day)
    first = int(-((FIRST_FRIDAY - today).astype(int) // 7))
    coming = [first + ahead for ahead in range(5 * (MONTHLY + 2))]
    coming = [week for week in coming if expiry_of(week) >= day.replace("-", "")]
    third = [week for week in coming if 15 <= int(str(_friday(week))[8:]) <= 21]
    return tuple(sorted({*coming[:WEEKLY], *third[:MONTHLY]}))


def _friday(week: int) -> np.datetime64:
    return FIRST_FRIDAY + np.timedelta64(7 * week, "D")


def option_parameters(session: Session, fields: Fields) -> None:
    """78: expiries and strikes of a stock's options on each exchange, then the end marker."""
    request = fields.whole("request")
    symbol, _, kind = fields.text("symbol"), fields.text("exchange of futures"), fields.text("security type")
    con_id = fields.whole("contract id")
    fields.end()
    market, now = session.gateway.market, session.gateway.clock.nanoseconds()
    underlying = market.instruments.get(con_id)
    if underlying is None or (underlying.symbol, underlying.security_type) != (symbol, kind):
        session.error(request, 321, "Error validating request.-'cC' : cause - Invalid contract id")
        return
    if con_id in CHAINED and market.covers(now):
        expiries = [expiry_of(week) for week in weeks(market, now)]
        prices = strikes(market, underlying, now)
        for exchange in ("SMART", "CBOE"):
            session.send(
                *(75, request, exchange, con_id, symbol, MULTIPLIER),
                *(len(expiries), *expiries, len(prices), *prices),
            )
    session.send(76, request)


HANDLERS: dict[int, Handler] = {78: option_parameters}
