"""What a client may see, and how much at once."""

from __future__ import annotations

from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.session import Session

NOT_SUBSCRIBED = "Requested market data is not subscribed."
PARTLY = "Part of requested market data is not subscribed. Subscription-independent ticks are still active."
TOO_MANY = "Max number of tickers has been reached"

LIVE, FROZEN, DELAYED, DELAYED_FROZEN = 1, 2, 3, 4

QUOTES, TICKS, BARS = "market data", "tick by tick", "real-time bars"
KEPT = "historical bars"
"""Bars that are kept up to date take no line."""

LINES = (QUOTES, TICKS, BARS)
"""Kinds of subscription that take a market-data line each, of those that the login has."""

TICKS_AT_ONCE = 5
"""Tick-by-tick subscriptions of a login."""


def has_line(session: Session, request: int, kind: str) -> bool:
    """Whether one more subscription may run; where not, the client has been told."""
    if request in session.requests(kind):
        session.error(request, 322, "Error processing request.-'bS' : cause - Duplicate ticker id")
        return False
    gateway = session.gateway
    taken = {of: sum(len(client.requests(of)) for client in gateway.clients) for of in LINES}
    if sum(taken.values()) >= gateway.lines:
        session.error(request, 101, TOO_MANY)
        return False
    if kind == TICKS and taken[TICKS] >= TICKS_AT_ONCE:
        session.error(request, 10190, "Max number of tick-by-tick requests has been reached")
        return False
    return True


def permitted(session: Session, request: int, instrument: Instrument) -> int | None:
    """Whose market the client gets to see; None where it is refused, and has been told."""
    market = session.gateway.market
    now = session.gateway.clock.nanoseconds()
    if not market.covers(now):
        ended = f"The simulated market's data ended with the session of {market.sessions[-1]}."
        session.error(request, 354, f"{NOT_SUBSCRIBED} {ended}")
        return None
    accepts_delayed = session.market_data_type in (DELAYED, DELAYED_FROZEN)
    accepts_frozen = session.market_data_type in (FROZEN, DELAYED_FROZEN) and not market.moment(now).is_open
    if instrument.permission == "none" or (instrument.permission == "delayed" and not accepts_delayed):
        hint = "Delayed market data is available." if instrument.permission == "delayed" else ""
        session.error(request, 354, f"{NOT_SUBSCRIBED}{hint}")
        return None
    if instrument.permission == "delayed":
        session.error(request, 10167, f"{NOT_SUBSCRIBED} Displaying delayed market data.")
        return DELAYED_FROZEN if accepts_frozen else DELAYED
    if instrument.permission == "partial":
        session.error(request, 10090, PARTLY)
    return FROZEN if accepts_frozen else LIVE
