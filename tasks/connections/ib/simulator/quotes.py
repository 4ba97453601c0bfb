"""Quotes: a snapshot, or a stream until it is cancelled."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.connections.ib.simulator.contracts import find_one, read_query
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.session import Handler, Session
from tasks.connections.ib.simulator.wire import Fields, MalformedError

NOT_SUBSCRIBED = "Requested market data is not subscribed."
PARTLY = "Part of requested market data is not subscribed. Subscription-independent ticks are still active."
NO_GENERIC = "Error validating request.-'bP' : cause - Snapshot market data is not applicable to generic ticks"
BETWEEN_UPDATES = 0.25
SIZE = 100
LINE = "market data"

LIVE, FROZEN, DELAYED, DELAYED_FROZEN = 1, 2, 3, 4
BID, ASK, LAST, CLOSE = 1, 2, 4, 9
LAST_TIME, HALTED = 45, 49
DELAYED_TYPE = {BID: 66, ASK: 67, LAST: 68, CLOSE: 75, LAST_TIME: 88}
SIZE_TYPE = {BID: 0, ASK: 3, LAST: 5}
DELAYED_SIZE_TYPE = {BID: 69, ASK: 70, LAST: 71}

Tick = tuple[object, ...]


def market_data_type(session: Session, fields: Fields) -> None:
    """59: which market the client accepts from now on: live, frozen, delayed, or delayed and frozen."""
    fields.version(1)
    kind = fields.whole("market data type")
    fields.end()
    if kind not in (LIVE, FROZEN, DELAYED, DELAYED_FROZEN):
        raise MalformedError(f"market data type {kind} is none of 1, 2, 3, 4")
    session.market_data_type = kind


def market_data(session: Session, fields: Fields) -> None:
    """1: subscribe to a contract's quotes, or take one snapshot of them."""
    fields.version(11)
    request = fields.whole("request")
    query = read_query(fields)
    if query.security_type == "BAG":
        raise MalformedError("combinations are not quoted by the simulated gateway")
    if fields.flag("delta neutral"):
        raise MalformedError("delta-neutral contracts are not quoted by the simulated gateway")
    generic, snapshot = fields.text("generic ticks"), fields.flag("snapshot")
    fields.flag("regulatory snapshot")
    fields.text("options")
    fields.end()
    instrument = find_one(session, request, query)
    if instrument is None:
        return
    if snapshot and generic:
        session.error(request, 321, NO_GENERIC)
        return
    served = _permitted(session, request, instrument)
    if served is None:
        return
    session.send(58, 1, request, served)
    session.send(81, request, instrument.minimum_tick, "9c0001", 3)
    ticks = dict(_ticks(session, request, instrument, served))
    for tick in ticks.values():
        session.send(*tick)
    if snapshot:
        session.send(57, 1, request)
    else:
        session.stream(LINE, request, _follow(session, request, instrument, served, ticks))


def cancel_market_data(session: Session, fields: Fields) -> None:
    """2: end a subscription."""
    fields.version(2)
    request = fields.whole("request")
    fields.end()
    if not session.cancel(LINE, request):
        session.error(request, 300, f"Can't find EId with tickerId:{request}")


def _permitted(session: Session, request: int, instrument: Instrument) -> int | None:
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


def _ticks(session: Session, request: int, instrument: Instrument, served: int) -> Iterator[tuple[int, Tick]]:
    """The messages of a quote by tick type."""
    quote = session.gateway.market.quote(instrument, session.gateway.clock.nanoseconds())
    is_delayed = served in (DELAYED, DELAYED_FROZEN)
    prices = {BID: quote.bid, ASK: quote.ask, LAST: quote.last, CLOSE: quote.close}
    if instrument.permission == "partial":
        prices = {CLOSE: quote.close}
    if quote.is_halted:
        prices |= {BID: -1.0, ASK: -1.0}  # the broker's word for "nobody quotes this side"
    for kind, price in prices.items():
        if price is None:
            continue
        shown = DELAYED_TYPE[kind] if is_delayed else kind
        has_size = kind in SIZE_TYPE and price > 0
        yield shown, (1, 6, request, shown, price, SIZE if has_size else 0, 0)
        if has_size:
            shown = (DELAYED_SIZE_TYPE if is_delayed else SIZE_TYPE)[kind]
            yield shown, (2, 6, request, shown, SIZE)
    if prices.get(LAST) is not None:
        shown = DELAYED_TYPE[LAST_TIME] if is_delayed else LAST_TIME
        yield shown, (46, 6, request, shown, quote.last_time)
    if quote.is_halted:
        yield HALTED, (45, 6, request, HALTED, 1)


async def _follow(session: Session, request: int, instrument: Instrument, served: int, shown: dict[int, Tick]) -> None:
    """Send what has changed, until cancelled."""
    while True:
        await session.gateway.pass_time(BETWEEN_UPDATES)
        if not session.gateway.market.covers(session.gateway.clock.nanoseconds()):
            continue
        for kind, tick in _ticks(session, request, instrument, served):
            if shown.get(kind) != tick:
                shown[kind] = tick
                session.send(*tick)
        await session.flush()


HANDLERS: dict[int, Handler] = {59: market_data_type, 1: market_data, 2: cancel_market_data}
