"""Starting, accounts and positions."""

from __future__ import annotations

from tasks.connections.ib.simulator.session import NO_REQUEST, START_API, Handler, Session
from tasks.connections.ib.simulator.trading.statements import POSITIONS, send_position
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
    """49: the market's time, in seconds since 1970."""
    fields.version(1)
    fields.end()
    session.send(49, 1, session.gateway.clock.nanoseconds() // 1_000_000_000)


def log_level(session: Session, fields: Fields) -> None:
    """14: taken note of; nothing is answered."""
    fields.version(1)
    fields.whole("level")
    fields.end()


def positions(session: Session, fields: Fields) -> None:
    """61: every position, then the end marker; from then on every change, until cancelled."""
    fields.version(1)
    fields.end()
    trading = session.gateway.trading
    for position in trading.ledger.positions():
        if position.quantity:
            send_position(session, position)
    session.send(62, 1)
    trading.followers.add(session, POSITIONS, 0, "")


def cancel_positions(session: Session, fields: Fields) -> None:
    """64: no more updates."""
    fields.version(1)
    fields.end()
    session.gateway.trading.followers.remove(session, POSITIONS, 0)


def account_updates(session: Session, fields: Fields) -> None:
    """6: account values; the simulated accounts have none, so the end marker comes at once."""
    fields.version(2)
    subscribe = fields.flag("subscribe")
    account = fields.text("account")
    fields.end()
    if subscribe:
        session.send(54, 1, account)


def account_updates_multi(session: Session, fields: Fields) -> None:
    """76: account values by request; likewise only the end marker."""
    fields.version(1)
    request = fields.whole("request")
    fields.text("account")
    fields.text("model")
    fields.flag("ledger and NLV")
    fields.end()
    session.send(74, 1, request)


def cancel_account_updates_multi(session: Session, fields: Fields) -> None:
    """77: nothing runs, so nothing ends."""
    fields.version(1)
    fields.whole("request")
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
    61: positions,
    64: cancel_positions,
    6: account_updates,
    76: account_updates_multi,
    77: cancel_account_updates_multi,
}
