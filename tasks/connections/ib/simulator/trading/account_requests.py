"""The requests about positions, account values and profits, as clients send them."""

from __future__ import annotations

from tasks.connections.ib.simulator.session import Handler, Session
from tasks.connections.ib.simulator.trading.account_values import LEDGER
from tasks.connections.ib.simulator.trading.desk import Trading
from tasks.connections.ib.simulator.trading.followers import Follow
from tasks.connections.ib.simulator.trading.statements import (
    POSITIONS,
    POSITIONS_MULTI,
    PROFIT,
    PROFIT_SINGLE,
    SUMMARY,
    UPDATES,
    UPDATES_MULTI,
    send_position,
)
from tasks.connections.ib.simulator.wire import Fields

MOST_SUMMARIES = 2
TOO_MANY = "Error processing request.-'bT' : cause - Maximum number of account summary requests exceeded"


def _desk(session: Session) -> Trading:
    """The trading side, as of now."""
    session.gateway.advance()
    return session.gateway.trading


def _is_known(session: Session, request: int, account: str) -> bool:
    """Whether an account exists; where it doesn't, the error has been sent."""
    is_known = account in session.gateway.trading.ledger.accounts
    if not is_known:
        session.error(request, 321, f"Error validating request.-'bC' : cause - Invalid account code '{account[:20]}'.")
    return is_known


def _follow(session: Session, follow: Follow) -> None:
    trading = _desk(session)
    trading.followers.add(follow)
    trading.statements.tell(follow, session.gateway.clock.nanoseconds())


def positions(session: Session, fields: Fields) -> None:
    """61: every position, then the end marker; from then on every change, until cancelled."""
    fields.version(1)
    fields.end()
    trading = _desk(session)
    for position in trading.ledger.positions():
        if position.is_shown:
            send_position(session, position)
    session.send(62, 1)
    trading.followers.add(Follow(session, POSITIONS, 0))


def cancel_positions(session: Session, fields: Fields) -> None:
    """64: no more updates."""
    fields.version(1)
    fields.end()
    session.gateway.trading.followers.remove(session, POSITIONS)


def positions_multi(session: Session, fields: Fields) -> None:
    """74: the positions of one account, or of all, by request; from then on every change, until cancelled."""
    fields.version(1)
    request, account = fields.whole("request"), fields.text("account")
    fields.text("model")
    fields.end()
    account = "" if account == "All" else account
    if account and not _is_known(session, request, account):
        return
    trading = _desk(session)
    for position in trading.ledger.positions(account):
        if position.is_shown:
            send_position(session, position, request)
    session.send(72, 1, request)
    trading.followers.add(Follow(session, POSITIONS_MULTI, request, account))


def cancel_positions_multi(session: Session, fields: Fields) -> None:
    """75: no more updates."""
    fields.version(1)
    request = fields.whole("request")
    fields.end()
    session.gateway.trading.followers.remove(session, POSITIONS_MULTI, request)


def account_updates(session: Session, fields: Fields) -> None:
    """6: an account's values and positions, the end marker, then what changes; a client follows one account."""
    fields.version(2)
    subscribe, account = fields.flag("subscribe"), fields.text("account")
    fields.end()
    account = account or session.gateway.trading.ledger.accounts[0]
    session.gateway.trading.followers.remove(session, UPDATES)
    if subscribe and _is_known(session, -1, account):
        _follow(session, Follow(session, UPDATES, 0, account))
        session.send(54, 1, account)


def account_updates_multi(session: Session, fields: Fields) -> None:
    """76: an account's values by request, the end marker, then what changes."""
    fields.version(1)
    request, account = fields.whole("request"), fields.text("account")
    fields.text("model")
    is_ledger = fields.flag("ledger and NLV")
    fields.end()
    account = "" if account == "All" else account
    if account and not _is_known(session, request, account):
        return
    names = LEDGER | {"NetLiquidation"} if is_ledger else frozenset[str]()
    _follow(session, Follow(session, UPDATES_MULTI, request, account, names))
    session.send(74, 1, request)


def cancel_account_updates_multi(session: Session, fields: Fields) -> None:
    """77: no more updates."""
    fields.version(1)
    request = fields.whole("request")
    fields.end()
    session.gateway.trading.followers.remove(session, UPDATES_MULTI, request)


def account_summary(session: Session, fields: Fields) -> None:
    """62: the values asked for of all accounts, the end marker, then what changes; two at a time."""
    fields.version(1)
    request, group, tags = fields.whole("request"), fields.text("group"), fields.text("tags")
    fields.end()
    followers = session.gateway.trading.followers
    if group != "All":
        session.error(request, 321, f"Error validating request.-'bT' : cause - Unknown group '{group[:20]}'.")
    elif followers.count(session, SUMMARY) >= MOST_SUMMARIES:
        session.error(request, 322, TOO_MANY)
    else:
        asked = {tag.strip() for tag in tags.split(",")} - {""}
        names = {name for tag in asked for name in (LEDGER if tag.startswith("$LEDGER") else {tag})}
        _follow(session, Follow(session, SUMMARY, request, names=frozenset(names or {"nothing"})))
        session.send(64, 1, request)


def cancel_account_summary(session: Session, fields: Fields) -> None:
    """63: no more updates."""
    fields.version(1)
    request = fields.whole("request")
    fields.end()
    session.gateway.trading.followers.remove(session, SUMMARY, request)


def profit(session: Session, fields: Fields) -> None:
    """92: the profit of an account, and every change of it, at most one a second."""
    request, account = fields.whole("request"), fields.text("account")
    fields.text("model")
    fields.end()
    if _is_known(session, request, account):
        _follow(session, Follow(session, PROFIT, request, account))


def cancel_profit(session: Session, fields: Fields) -> None:
    """93: no more updates."""
    request = fields.whole("request")
    fields.end()
    session.gateway.trading.followers.remove(session, PROFIT, request)


def profit_single(session: Session, fields: Fields) -> None:
    """94: the profit of a position, and every change of it, at most one a second."""
    request, account = fields.whole("request"), fields.text("account")
    fields.text("model")
    con_id = fields.whole("contract id")
    fields.end()
    if _is_known(session, request, account):
        _follow(session, Follow(session, PROFIT_SINGLE, request, account, con_id=con_id))


def cancel_profit_single(session: Session, fields: Fields) -> None:
    """95: no more updates."""
    request = fields.whole("request")
    fields.end()
    session.gateway.trading.followers.remove(session, PROFIT_SINGLE, request)


HANDLERS: dict[int, Handler] = {
    6: account_updates,
    61: positions,
    62: account_summary,
    63: cancel_account_summary,
    64: cancel_positions,
    74: positions_multi,
    75: cancel_positions_multi,
    76: account_updates_multi,
    77: cancel_account_updates_multi,
    92: profit,
    93: cancel_profit,
    94: profit_single,
    95: cancel_profit_single,
}
