"""Which contract is meant, and its details."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.session import Handler, Session
from tasks.connections.ib.simulator.wire import Fields

UNKNOWN = "No security definition has been found for the request"


@dataclass(frozen=True)
class Query:
    """A contract as a request describes it; empty fields leave it open."""

    con_id: int
    symbol: str
    security_type: str
    expiry: str
    strike: float
    right: str
    multiplier: str
    exchange: str
    listing: str
    currency: str
    local_symbol: str
    trading_class: str

    def fits(self, instrument: Instrument) -> bool:
        """Whether nothing that was said contradicts the instrument."""
        said = (
            (self.con_id, instrument.con_id),
            (self.symbol, instrument.symbol),
            (self.security_type, instrument.security_type),
            (self.expiry, instrument.expiry[: len(self.expiry)]),
            (self.strike, instrument.strike),
            (self.right[:1], instrument.right),
            (self.multiplier, instrument.multiplier),
            (self.listing, instrument.listing),
            (self.currency, instrument.currency),
            (self.local_symbol, instrument.local_symbol),
            (self.trading_class, instrument.trading_class),
        )
        return self.exchange in ("", instrument.exchange, instrument.listing) and all(
            not asked or asked == real for asked, real in said
        )


def read_query(fields: Fields) -> Query:
    """The twelve fields of a contract in a request."""
    return Query(
        con_id=fields.whole("contract id"),
        symbol=fields.text("symbol"),
        security_type=fields.text("security type"),
        expiry=fields.text("expiry"),
        strike=fields.number("strike"),
        right=fields.text("right"),
        multiplier=fields.text("multiplier"),
        exchange=fields.text("exchange"),
        listing=fields.text("primary exchange"),
        currency=fields.text("currency"),
        local_symbol=fields.text("local symbol"),
        trading_class=fields.text("trading class"),
    )


def find_one(session: Session, request: int, query: Query) -> Instrument | None:
    """The one instrument that a data request means; where there is none, the error has been sent."""
    if not query.exchange:
        session.error(request, 321, "Error validating request.-'bN' : cause - Please enter exchange")
        return None
    found = [item for item in session.gateway.market.instruments.values() if query.fits(item)]
    if len(found) == 1:
        return found[0]
    ambiguous = f"The contract description specified for {query.symbol} is ambiguous."
    session.error(request, 200, ambiguous if found else UNKNOWN)
    return None


def contract_details(session: Session, fields: Fields) -> None:
    """9: every contract that fits, then the end marker; 200 where none does."""
    fields.version(8)
    request = fields.whole("request")
    query = read_query(fields)
    fields.flag("expired ones too")
    fields.text("kind of security id")
    fields.text("security id")
    if session.version >= 176:
        fields.text("issuer")
    fields.end()
    found = [item for item in session.gateway.market.instruments.values() if query.fits(item)]
    if not found:
        session.error(request, 200, UNKNOWN)
        return
    for instrument in found:
        session.send(*_details(session.version, request, instrument))
    session.send(52, 1, request)


def _details(version: int, request: int, item: Instrument) -> list[object]:
    is_old = version < 164
    return [
        *([10, 8] if is_old else [10]),
        *(request, item.symbol, item.security_type, item.expiry, item.strike, item.right, item.exchange, item.currency),
        *(item.local_symbol, item.trading_class, item.trading_class, item.con_id, item.minimum_tick),
        *([100] if is_old else []),
        *(item.multiplier, "ACTIVETIM,LMT,MKT,STP", ",".join(dict.fromkeys([item.exchange, item.listing]))),
        *(1, item.underlying, item.name, item.listing, item.expiry[:6], "", "", "", "US/Eastern", "", "", "", 0),
        *(0, 1, item.symbol if item.underlying else "", "STK" if item.underlying else "", "26", item.expiry),
        "COMMON" if item.security_type == "STK" else "",
        *([] if is_old else [1, 1, 100]),
    ]


HANDLERS: dict[int, Handler] = {9: contract_details}
