"""The requests about orders and executions, as clients send them."""

from __future__ import annotations

from tasks.connections.ib.simulator.session import NO_REQUEST, Handler, Session
from tasks.connections.ib.simulator.trading.arrival import arrive
from tasks.connections.ib.simulator.trading.desk import Trading
from tasks.connections.ib.simulator.trading.executions import Execution
from tasks.connections.ib.simulator.trading.forms import PLACE_ORDER
from tasks.connections.ib.simulator.trading.grammar import read
from tasks.connections.ib.simulator.trading.notices import (
    MASTER,
    ZONE,
    commission_report,
    completed_order,
    execution_details,
    open_order,
    order_status,
)
from tasks.connections.ib.simulator.trading.order import MANUAL, Order
from tasks.connections.ib.simulator.trading.times import parse_time
from tasks.connections.ib.simulator.wire import Fields, MalformedError

READ_ONLY = "Error validating request.-'bW' : cause - The API interface is currently in Read-Only mode."
ONLY_MASTER = "Error validating request.-'bG' : cause - Only the default client (i.e 0) can auto bind orders."


def _desk(session: Session) -> Trading:
    """The trading side, as of now."""
    session.gateway.advance()
    return session.gateway.trading


def _client(session: Session) -> int:
    return session.client_id or 0


def place_order(session: Session, fields: Fields) -> None:
    """3: a new order, a change of one, or the question of what one would do to the margins."""
    values = read(PLACE_ORDER, fields, session.version)
    if session.gateway.read_only:
        session.error(values["orderId"], 321, READ_ONLY)
        return
    arrive(session, _desk(session), values, _client(session))


def cancel_order(session: Session, fields: Fields) -> None:
    """4: cancel one of the client's own orders."""
    fields.version(1)
    number = fields.whole("order")
    if session.version >= 169:
        fields.text("manual order cancel time")
    fields.end()
    if session.gateway.read_only:
        session.error(number, 321, READ_ONLY)
        return
    order = _desk(session).registry.find(_client(session), number)
    if order is None and _client(session) == MASTER:
        order = _desk(session).registry.find(MANUAL, number)
    if order is None:
        session.error(number, 10147, f"OrderId {number} that needs to be cancelled is not found.")
    elif not order.is_live:
        text = f"OrderId {number} that needs to be cancelled can not be cancelled, state: {order.status}."
        session.error(number, 10148, text)
    else:
        _desk(session).cancel(order)


def cancel_all(session: Session, fields: Fields) -> None:
    """58: cancel every live order, whoever has sent it."""
    fields.version(1)
    fields.end()
    if session.gateway.read_only:
        session.error(NO_REQUEST, 321, READ_ONLY)
        return
    for order in _desk(session).registry.live():
        _desk(session).cancel(order)


def own_orders(session: Session, fields: Fields) -> None:
    """5: the client's own open orders; client 0 gets those entered by hand too, and is bound to them."""
    fields.version(1)
    fields.end()
    if session.gateway.read_only:
        session.error(NO_REQUEST, 321, READ_ONLY)
        return
    if _client(session) == MASTER:
        _desk(session).bind_manual()
    mine = (_client(session), MANUAL) if _client(session) == MASTER else (_client(session),)
    _list(session, [order for order in _desk(session).registry.live() if order.client_id in mine])


def all_orders(session: Session, fields: Fields) -> None:
    """16: every open order."""
    fields.version(1)
    fields.end()
    if session.gateway.read_only:
        session.error(NO_REQUEST, 321, READ_ONLY)
        return
    _list(session, _desk(session).registry.live())


def _list(session: Session, orders: list[Order]) -> None:
    for order in orders:
        open_order(order)(session)
        order_status(order)(session)
    session.send(53, 1)


def bind_orders(session: Session, fields: Fields) -> None:
    """15: from now on client 0 is bound to orders entered by hand."""
    fields.version(1)
    binds = fields.flag("auto bind")
    fields.end()
    if session.gateway.read_only:
        session.error(NO_REQUEST, 321, READ_ONLY)
    elif _client(session) != MASTER:
        session.error(NO_REQUEST, 321, ONLY_MASTER)
    else:
        _desk(session).is_binding = binds
        if binds:
            _desk(session).bind_manual()


def completed_orders(session: Session, fields: Fields) -> None:
    """99: what is done of every client, then the end marker."""
    only_clients = fields.flag("from the API only")
    fields.end()
    if session.gateway.read_only:
        session.error(NO_REQUEST, 321, READ_ONLY)
        return
    for order in _desk(session).registry.done():
        if not (only_clients and order.client_id == MANUAL):
            completed_order(order)(session)
    session.send(102)


def executions(session: Session, fields: Fields) -> None:
    """7: the executions since midnight that fit, each with its commission, then the end marker.

    A client sees its own; client 0 sees everybody's.
    """
    fields.version(3)
    request, client_id = fields.whole("request"), fields.whole("client id")
    account, since = fields.text("account"), fields.text("time")
    symbol, security_type, exchange, side = (
        fields.text(name) for name in ("symbol", "security type", "exchange", "side")
    )
    fields.end()
    now = session.gateway.clock.now()
    earliest = now.tz_convert(ZONE).normalize().tz_convert("UTC").value
    if since:
        try:
            earliest = max(earliest, parse_time(since))
        except ValueError:
            raise MalformedError(f"the field time is no time: {since[:40]!r}") from None

    def fits(item: Execution) -> bool:
        order = item.order
        asked = (
            (client_id, max(order.client_id, 0)),
            (account, order.account),
            (symbol, item.instrument.symbol if item.instrument else order.values["symbol"]),
            (security_type, item.instrument.security_type if item.instrument else "BAG"),
            (exchange, item.exchange),
            (side.upper()[:1], "B" if item.is_buy else "S"),
        )
        is_visible = _client(session) in (MASTER, order.client_id)
        return is_visible and item.time >= earliest and all(not said or said == real for said, real in asked)

    for item in _desk(session).clearing.executions():
        if fits(item):
            execution_details(item, request)(session)
            if item.instrument is not None and not _desk(session).reports.is_late(item):
                commission_report(item)(session)
    session.send(55, 1, request)


HANDLERS: dict[int, Handler] = {
    3: place_order,
    4: cancel_order,
    5: own_orders,
    7: executions,
    15: bind_orders,
    16: all_orders,
    58: cancel_all,
    99: completed_orders,
}
