"""Bars of five seconds as they end."""

from __future__ import annotations

from tasks.connections.ib.simulator.contracts import find_one, read_query
from tasks.connections.ib.simulator.history import has_history
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.periods import Period, bars_of, shown_as
from tasks.connections.ib.simulator.permissions import BARS, NOT_SUBSCRIBED, has_line
from tasks.connections.ib.simulator.session import Handler, Session
from tasks.connections.ib.simulator.sessions import SECOND
from tasks.connections.ib.simulator.wire import Fields

LENGTH = 5 * SECOND
SHOWN = ("TRADES", "MIDPOINT", "BID", "ASK")
BETWEEN_UPDATES = 0.1
LONGEST_GAP = 3600 * SECOND
"""Where simulated time leaps further, the bars of this much before its end are sent."""


def realtime_bars(session: Session, fields: Fields) -> None:
    """50: subscribe to a contract's bars of five seconds; the last one that has ended is sent at once."""
    fields.version(3)
    request = fields.whole("request")
    query = read_query(fields)
    seconds, shown = fields.whole("bar size"), fields.text("what to show")
    fields.flag("regular hours only")
    fields.text("options")
    fields.end()
    if seconds != 5 or shown not in SHOWN:
        cause = f"real-time bars are of 5 seconds and show one of {', '.join(SHOWN)}"
        session.error(request, 321, f"Error validating request.-'bR' : cause - {cause}")
        return
    instrument = find_one(session, request, query)
    if instrument is None:
        return
    market, now = session.gateway.market, session.gateway.clock.nanoseconds()
    if instrument.permission != "live" or not has_history(instrument) or not market.covers(now):
        session.error(request, 420, f"Invalid Real-time Query:{NOT_SUBSCRIBED}")
        return
    if not has_line(session, request, BARS):
        return
    ended = min(_ended(session), int(market.hours.closes[market.moment(now).session]))
    _send(session, request, instrument, shown, ended - LENGTH, ended)
    session.stream(BARS, request, _follow(session, request, instrument, shown, ended))


def cancel_realtime_bars(session: Session, fields: Fields) -> None:
    """51: end a subscription."""
    fields.version(1)
    request = fields.whole("request")
    fields.end()
    if not session.cancel(BARS, request):
        session.error(request, 300, f"Can't find EId with tickerId:{request}")


def _ended(session: Session) -> int:
    """When the last whole five seconds ended."""
    return session.gateway.clock.nanoseconds() // LENGTH * LENGTH


def _send(session: Session, request: int, instrument: Instrument, shown: str, since: int, until: int) -> None:
    market = session.gateway.market
    first, last = max(1, market.hours.before(since + 1)), market.hours.before(until)
    for day in range(first, last + 1):
        end = min(until, int(market.hours.closes[day]))
        bars = bars_of(market, instrument.con_id, "5 secs", Period(day, day, since, end))
        bars = shown_as(bars[bars.start >= since], instrument, shown)
        opening, high, low, close, volume, average, count = (column.tolist() for column in bars.columns[1:])
        starts = (bars.start // SECOND).tolist()
        for row in zip(starts, opening, high, low, close, volume, average, count, strict=True):
            session.send(50, 3, request, *row[:6], round(row[6], 6), row[7])


async def _follow(session: Session, request: int, instrument: Instrument, shown: str, until: int) -> None:
    gateway = session.gateway
    while True:
        await gateway.pass_time(BETWEEN_UPDATES)
        now = _ended(session)
        if now <= until or session.outlet.is_full or not gateway.market.covers(now):
            continue
        if "market" not in gateway.faults.closed_farms:
            _send(session, request, instrument, shown, max(until, now - LONGEST_GAP), now)
        until = now


HANDLERS: dict[int, Handler] = {50: realtime_bars, 51: cancel_realtime_bars}
