"""Orders and executions: a read-only gateway has none, takes none, and says so."""

from __future__ import annotations

from tasks.connections.ib.simulator.session import NO_REQUEST, Handler, Session
from tasks.connections.ib.simulator.wire import Fields

READ_ONLY = "Error validating request.-'bW' : cause - The API interface is currently in Read-Only mode."


def open_orders(session: Session, fields: Fields) -> None:
    """5 and 16: none, then the end marker."""
    fields.version(1)
    fields.end()
    session.send(53, 1)


def completed_orders(session: Session, fields: Fields) -> None:
    """99: none, then the end marker."""
    fields.flag("from the API only")
    fields.end()
    session.send(102)


def executions(session: Session, fields: Fields) -> None:
    """7: none, then the end marker."""
    fields.version(3)
    request = fields.whole("request")
    fields.whole("client id")
    for name in ("account", "time", "symbol", "security type", "exchange", "side"):
        fields.text(name)
    fields.end()
    session.send(55, 1, request)


def place_order(session: Session, fields: Fields) -> None:
    """3: refused."""
    session.error(fields.whole("order"), 321, READ_ONLY)


def cancel_order(session: Session, fields: Fields) -> None:
    """4: refused."""
    fields.version(1)
    session.error(fields.whole("order"), 321, READ_ONLY)


def refuse(session: Session, fields: Fields) -> None:
    """15 and 58: refused."""
    session.error(NO_REQUEST, 321, READ_ONLY)


HANDLERS: dict[int, Handler] = {
    3: place_order,
    4: cancel_order,
    5: open_orders,
    16: open_orders,
    99: completed_orders,
    7: executions,
    15: refuse,
    58: refuse,
}
