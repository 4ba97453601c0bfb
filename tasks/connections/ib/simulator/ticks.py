"""Every trade and quote one by one: as they come, and those of the past."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.connections.ib.simulator.bars import Bars, joined
from tasks.connections.ib.simulator.contracts import find_one, read_query
from tasks.connections.ib.simulator.history import has_history, read_moment
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.market import Market, half_spread
from tasks.connections.ib.simulator.permissions import TICKS, has_line
from tasks.connections.ib.simulator.session import Handler, Session
from tasks.connections.ib.simulator.sessions import SECOND
from tasks.connections.ib.simulator.sizes import InvalidError
from tasks.connections.ib.simulator.wire import Fields

KINDS = {"Last": 1, "AllLast": 2, "BidAsk": 3, "MidPoint": 4}
"""Kinds of tick-by-tick data and their numbers on the wire."""

PAST = {"TRADES": 98, "BID_ASK": 97, "MIDPOINT": 96}
"""Kinds of past ticks and the messages they come in."""

KIND_OF_PAST = {"TRADES": "Last", "BID_ASK": "BidAsk", "MIDPOINT": "MidPoint"}
MOST = 1000
BETWEEN_UPDATES = 0.1
LONGEST_GAP = 3600 * SECOND
"""Where simulated time leaps further, the ticks of this much before its end are sent."""

Row = tuple[object, ...]


def tick_by_tick(session: Session, fields: Fields) -> None:
    """97: subscribe to a contract's trades, quotes or midpoints, one by one; there is one of each a second."""
    request = fields.whole("request")
    query = read_query(fields)
    kind, count = fields.text("kind"), fields.whole("number of ticks")
    ignores_size = fields.flag("ignore size")
    fields.end()
    if kind not in KINDS or not 0 <= count <= MOST:
        cause = f"tick-by-tick data is one of {', '.join(KINDS)}, with up to {MOST} past ticks"
        session.error(request, 321, f"Error validating request.-'dD' : cause - {cause}")
        return
    instrument = find_one(session, request, query)
    if instrument is None:
        return
    if not _is_served(session, instrument):
        text = f"No market data permissions for {instrument.listing} {instrument.security_type}"
        session.error(request, 10189, f"Failed to request tick-by-tick data.{text}")
        return
    if not has_line(session, request, TICKS):
        return
    until = _now(session)
    if count:
        rows = _before(session.gateway.market, instrument, kind, until, count)
        past = next(name for name, number in KIND_OF_PAST.items() if number == kind.replace("AllLast", "Last"))
        _send_past(session, request, past, instrument, rows)
    for row in _before(session.gateway.market, instrument, kind, until, 1):
        session.send(99, request, KINDS[kind], *_live(kind, instrument, row))
    session.stream(TICKS, request, _follow(session, request, instrument, kind, ignores_size, until))


def cancel_tick_by_tick(session: Session, fields: Fields) -> None:
    """98: end a subscription."""
    request = fields.whole("request")
    fields.end()
    if not session.cancel(TICKS, request):
        session.error(request, 300, f"Can't find EId with tickerId:{request}")


def historical_ticks(session: Session, fields: Fields) -> None:
    """96: up to 1,000 ticks from a moment on, or before one."""
    request = fields.whole("request")
    query = read_query(fields)
    fields.flag("expired ones too")
    start, end, count = fields.text("start"), fields.text("end"), fields.whole("number of ticks")
    shown = fields.text("what to show")
    fields.flag("regular hours only")
    fields.flag("ignore size")
    fields.text("options")
    fields.end()
    instrument = find_one(session, request, query)
    if instrument is None:
        return
    try:
        rows = _past(session, instrument, start, end, count, shown)
    except InvalidError as error:
        session.error(request, 321, f"Error validating request.-'cK' : cause - {error}")
        return
    if rows is None:
        text = f"HMDS query returned no data: {instrument.local_symbol}@SMART {shown}"
        session.error(request, 162, f"Historical Market Data Service error message:{text}")
        return
    _send_past(session, request, shown, instrument, rows)


def _past(session: Session, instrument: Instrument, start: str, end: str, count: int, shown: str) -> list[Row] | None:
    market = session.gateway.market
    if shown not in PAST:
        raise InvalidError(f"What to show is one of {', '.join(PAST)}, not {shown!r}")
    if bool(start) == bool(end):
        raise InvalidError("Give a start or an end, and not both")
    if not 1 <= count <= MOST:
        raise InvalidError(f"The number of ticks is 1 to {MOST}, not {count}")
    moment = read_moment(start or end)
    if not has_history(instrument) or instrument.permission == "none" or not market.covers(moment):
        return None
    if end:
        return _before(market, instrument, KIND_OF_PAST[shown], min(moment, _now(session)), count)
    return _after(market, instrument, KIND_OF_PAST[shown], moment, _now(session), count)


def _before(market: Market, instrument: Instrument, kind: str, until: int, count: int) -> list[Row]:
    """The latest ticks before a moment, oldest first."""
    parts: list[Bars] = []
    session, left = market.hours.before(until), count
    while left > 0 and session >= 1:
        last = min(until, int(market.hours.closes[session]))
        since = max(int(market.hours.opens[session]), last - left * SECOND)
        parts.insert(0, market.seconds(instrument.con_id, session, since, last))
        left -= len(parts[0])
        session -= 1
    return list(_rows(market, instrument, kind, joined(parts)))[-count:]


def _after(market: Market, instrument: Instrument, kind: str, since: int, until: int, count: int) -> list[Row]:
    """The first ticks from one moment on and before another, oldest first."""
    parts: list[Bars] = []
    session, left = max(1, market.hours.before(since + 1)), count
    while left > 0 and session <= market.hours.before(until):
        first = max(since, int(market.hours.opens[session]))
        parts.append(market.seconds(instrument.con_id, session, first, min(until, first + left * SECOND)))
        left -= len(parts[-1])
        session += 1
    return list(_rows(market, instrument, kind, joined(parts)))[:count]


def _rows(market: Market, instrument: Instrument, kind: str, trades: Bars) -> Iterator[Row]:
    """Each trade as its second, attributes, price and size; a quote as its second, attributes, prices and sizes."""
    for start, price, size in zip(trades.start.tolist(), trades.close.tolist(), trades.volume.tolist(), strict=True):
        second = start // SECOND
        if kind in ("Last", "AllLast"):
            yield second, 0, price, size
            continue
        half = half_spread(instrument, price)
        bid, ask = round(price - half, 6), round(price + half, 6)
        if kind == "MidPoint":
            yield second, 0, round((bid + ask) / 2, 6), 0
        else:
            yield second, 0, bid, ask, *market.shown(instrument, second)


def _live(kind: str, instrument: Instrument, row: Row) -> Row:
    """A tick in the order of the streaming message."""
    if kind == "MidPoint":
        return row[0], row[2]
    if kind == "BidAsk":
        second, mask, *prices = row
        return second, *prices, mask
    second, mask, price, size = row
    return second, price, size, mask, instrument.exchanges[-1], ""


def _send_past(session: Session, request: int, shown: str, instrument: Instrument, rows: list[Row]) -> None:
    where: Row = (instrument.exchanges[-1], "") if shown == "TRADES" else ()
    values = [value for row in rows for value in (*row, *where)]
    session.send(PAST[shown], request, len(rows), *values, True)


async def _follow(
    session: Session, request: int, instrument: Instrument, kind: str, ignores_size: bool, until: int
) -> None:
    """Send what has come since, until cancelled; a client that is behind waits and gets all of it."""
    gateway, before = session.gateway, None
    while True:
        await gateway.pass_time(BETWEEN_UPDATES)
        now = _now(session)
        if now <= until or session.outlet.is_full or not gateway.market.covers(now):
            continue
        if "market" not in gateway.faults.closed_farms:
            for row in _after(gateway.market, instrument, kind, max(until, now - LONGEST_GAP), now, LONGEST_GAP):
                tick = _live(kind, instrument, row)
                if not (ignores_size and kind == "BidAsk" and before == tick[1:3]):
                    session.send(99, request, KINDS[kind], *tick)
                before = tick[1:3]
        until = now


def _is_served(session: Session, instrument: Instrument) -> bool:
    is_seen = instrument.permission == "live" and has_history(instrument) and instrument.is_quoted
    return is_seen and session.gateway.market.covers(session.gateway.clock.nanoseconds())


def _now(session: Session) -> int:
    """Just after the trade of this second."""
    return session.gateway.clock.nanoseconds() // SECOND * SECOND + 1


HANDLERS: dict[int, Handler] = {97: tick_by_tick, 98: cancel_tick_by_tick, 96: historical_ticks}
