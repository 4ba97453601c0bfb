"""Starting, and what a client asks first: which accounts, which order number, what time it is."""

from __future__ import annotations

from tasks.connections.ib.simulator.session import NO_REQUEST, START_API, Handler, Session
from tasks.connections.ib.simulator.trading import account_requests
from tasks.connections.ib.simulator.wire import Fields

FARM = "simulated"
"""Name of every data farm: by it a client knows that the market isn't real."""


def start_api(session: Session, fields: Fields) -> None:
    """71: take the client in, or refuse an id that is in use and hang up."""
    fields.version(2)
    client_id = fields.whole("client id")
    fields.text("optional capabilities")
    fields.end()
    if not session.gateway.enter(session, client_id):
        session.error(
            NO_REQUEST, 326, "Unable to connect as the client id is already in use. Retry with a unique client id."
        )
        session.hang_up()
        return
    _send_accounts(session)
    _send_next_id(session)
    session.error(NO_REQUEST, 2104, f"Market data farm connection is OK:{FARM}")
    session.error(NO_REQUEST, 2106, f"HMDS data farm connection is OK:{FARM}")
    session.error(NO_REQUEST, 2158, f"Sec-def data farm connection is OK:{FARM}")


def managed_accounts(session: Session, fields: Fields) -> None:
    """17: the accounts."""
    fields.version(1)
    fields.end()
    _send_accounts(session)


def next_id(session: Session, fields: Fields) -> None:
    """8: the next order id."""
    fields.version(1)
    fields.whole("number of ids")
    fields.end()
    _send_next_id(session)


def current_time(session: Session, fields: Fields) -> None:
    """49: the market's time, in seconds since 1970; what it has brought has been told before."""
    fields.version(1)
    fields.end()
    session.gateway.advance()
    session.send(49, 1, session.gateway.clock.nanoseconds() // 1_000_000_000)


def log_level(session: Session, fields: Fields) -> None:
    """14: taken note of; nothing is answered."""
    fields.version(1)
    fields.whole("level")
    fields.end()


def _send_accounts(session: Session) -> None:
    session.send(15, 1, ",".join(session.gateway.trading.ledger.accounts))


def _send_next_id(session: Session) -> None:
    session.send(9, 1, session.gateway.trading.registry.next_number())


HANDLERS: dict[int, Handler] = {
    START_API: start_api,
    17: managed_accounts,
    8: next_id,
    49: current_time,
    14: log_level,
    **account_requests.HANDLERS,
}
