"""What is looked up once: symbols, price steps, exchanges, families of accounts."""

from __future__ import annotations

from tasks.connections.ib.simulator.chains import CHAINED
from tasks.connections.ib.simulator.contracts import MARKET_RULE
from tasks.connections.ib.simulator.session import NO_REQUEST, Handler, Session
from tasks.connections.ib.simulator.wire import Fields

MOST_MATCHES = 16
BBO_EXCHANGE = "9c0001"
"""What a quote names as the key to its exchanges."""

EXCHANGES = (("NASDAQ", "Q"), ("NYSE", "N"), ("ARCA", "P"), ("BATS", "Z"))


def matching_symbols(session: Session, fields: Fields) -> None:
    """81: stocks, funds and indices whose symbol begins with a text, or whose name holds it."""
    request, pattern = fields.whole("request"), fields.text("pattern").upper()
    fields.end()
    listed = [item for item in session.gateway.market.instruments.values() if item.security_type != "OPT"]
    found = [item for item in listed if item.symbol.startswith(pattern) or pattern in item.name] if pattern else []
    found.sort(key=lambda item: (item.symbol != pattern, not item.symbol.startswith(pattern), item.symbol))
    rows: list[object] = []
    for item in found[:MOST_MATCHES]:
        derived = ["OPT"] if item.con_id in CHAINED else []
        rows += [item.con_id, item.symbol, item.security_type, item.listing, item.currency, len(derived), *derived]
        if session.version >= 176:
            rows += [item.name, ""]
    session.send(79, request, len(found[:MOST_MATCHES]), *rows)


def market_rule(session: Session, fields: Fields) -> None:
    """91: the price steps of a rule; every contract here follows the same one, a cent."""
    rule = fields.text("rule")
    fields.end()
    if rule != MARKET_RULE:
        session.error(NO_REQUEST, 321, f"Error validating request.-'cY' : cause - Invalid market rule id {rule}")
        return
    session.send(93, rule, 1, 0, 0.01)


def smart_components(session: Session, fields: Fields) -> None:
    """83: the exchanges behind a quote."""
    request, key = fields.whole("request"), fields.text("BBO exchange")
    fields.end()
    if key != BBO_EXCHANGE:
        session.error(request, 321, f"Error validating request.-'cX' : cause - Invalid BBO exchange {key}")
        return
    rows = [value for bit, names in enumerate(EXCHANGES) for value in (bit, *names)]
    session.send(82, request, len(EXCHANGES), *rows)


def family_codes(session: Session, fields: Fields) -> None:
    """80: no account belongs to a family."""
    fields.end()
    session.send(78, len(session.gateway.accounts), *(v for name in session.gateway.accounts for v in (name, "")))


def depth_exchanges(session: Session, fields: Fields) -> None:
    """82: nobody shows market depth here."""
    fields.end()
    session.send(80, 0)


def soft_dollar_tiers(session: Session, fields: Fields) -> None:
    """79: there are none."""
    request = fields.whole("request")
    fields.end()
    session.send(77, request, 0)


def user_info(session: Session, fields: Fields) -> None:
    """104: no white branding."""
    request = fields.whole("request")
    fields.end()
    session.send(107, request, "")


HANDLERS: dict[int, Handler] = {
    81: matching_symbols,
    91: market_rule,
    83: smart_components,
    80: family_codes,
    82: depth_exchanges,
    79: soft_dollar_tiers,
    104: user_info,
}
