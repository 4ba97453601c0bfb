"""Quotes: a snapshot, or a stream until it is cancelled."""

from __future__ import annotations

from tasks.connections.ib.simulator import news
from tasks.connections.ib.simulator.contracts import BAG, find_one, read_legs, read_query
from tasks.connections.ib.simulator.faces import Face, Message, Messages, messages
from tasks.connections.ib.simulator.generic import GenericError, read_generic
from tasks.connections.ib.simulator.permissions import (
    DELAYED,
    DELAYED_FROZEN,
    FROZEN,
    LIVE,
    QUOTES,
    has_line,
    permitted,
)
from tasks.connections.ib.simulator.reference import BBO_EXCHANGE
from tasks.connections.ib.simulator.session import Handler, Session
from tasks.connections.ib.simulator.sessions import SECOND
from tasks.connections.ib.simulator.wire import Fields, MalformedError

NO_GENERIC = "Error validating request.-'bP' : cause - Snapshot market data is not applicable to generic ticks"
NO_REGULATORY = "Error validating request.-'bP' : cause - The simulated gateway has no regulatory snapshots"
PRICE, PRICED = 1, 5
"""The kind of message that has a price and a size, and how many of its fields come before the size."""

BETWEEN_UPDATES = 0.25
"""Seconds between two looks at a subscribed quote, as at the broker; a stream tells what has changed since."""


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
    if query.security_type == BAG:
        read_legs(fields)
    if fields.flag("delta neutral"):
        raise MalformedError("delta-neutral contracts are not quoted by the simulated gateway")
    wanted, snapshot = fields.text("generic ticks"), fields.flag("snapshot")
    regulatory = fields.flag("regulatory snapshot")
    fields.text("options")
    fields.end()
    if query.security_type == BAG:
        raise MalformedError("combinations are not quoted by the simulated gateway")
    if (snapshot and wanted) or regulatory:
        session.error(request, 321, NO_REGULATORY if regulatory else NO_GENERIC)
        return
    instrument = find_one(session, request, query)
    if instrument is None:
        return
    try:
        generic = read_generic(wanted)
    except GenericError as error:
        session.error(request, 321, str(error))
        return
    served = permitted(session, request, instrument)
    if served is None or (not snapshot and not has_line(session, request, QUOTES)):
        return
    session.send(58, 1, request, served)
    session.send(81, request, instrument.minimum_tick, BBO_EXCHANGE, 3)
    face = Face(request, instrument, served in (DELAYED, DELAYED_FROZEN), generic)
    shown = _tell(session, face, {})
    if snapshot:
        session.send(57, 1, request)
    else:
        session.stream(QUOTES, request, _follow(session, face, shown))


def cancel_market_data(session: Session, fields: Fields) -> None:
    """2: end a subscription."""
    fields.version(2)
    request = fields.whole("request")
    fields.end()
    if not session.cancel(QUOTES, request):
        session.error(request, 300, f"Can't find EId with tickerId:{request}")


def _tell(session: Session, face: Face, shown: Messages) -> Messages:
    """Send what differs from what was shown; what is shown from now on."""
    gateway = session.gateway
    if "market" in gateway.faults.closed_farms:
        return shown
    current = messages(gateway.market, face, gateway.clock.nanoseconds())
    for kind, message in current.items():
        if _news_of(message) != _news_of(shown.get(kind)):
            session.send(*message)
    return current


def _news_of(message: Message | None) -> Message | None:
    """What makes a message worth sending: a size that changes under the same price has a message of its own."""
    return message[:PRICED] if message and message[0] == PRICE else message


async def _follow(session: Session, face: Face, shown: Messages) -> None:
    """Send what has changed, until cancelled; to a client that is behind, nothing."""
    gateway = session.gateway
    told = gateway.clock.nanoseconds()
    while True:
        await gateway.pass_time(BETWEEN_UPDATES)
        now = gateway.clock.nanoseconds()
        if session.outlet.is_full or not gateway.market.covers(now):
            continue
        shown = _tell(session, face, shown)
        if "292" in face.generic:
            for item in news.between(gateway.market, face.instrument, told // SECOND, now // SECOND):
                session.send(84, face.request, item.moment * 1000, item.provider, item.article, item.headline, "")
        told = now


HANDLERS: dict[int, Handler] = {59: market_data_type, 1: market_data, 2: cancel_market_data}
