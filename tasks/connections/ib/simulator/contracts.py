"""Which contract is meant, and its details."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.connections.ib.simulator.chains import chain
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.market import Market
from tasks.connections.ib.simulator.session import Handler, Session
from tasks.connections.ib.simulator.sessions import ZONE
from tasks.connections.ib.simulator.tape import expiry
from tasks.connections.ib.simulator.wire import Fields

UNKNOWN = "No security definition has been found for the request"
DAYS_OF_HOURS = 6
"""Calendar days of trading hours in a contract's details."""

BAG = "BAG"


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
        return self.exchange in ("", *instrument.exchanges) and all(not asked or asked == real for asked, real in said)


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


def read_legs(fields: Fields) -> list[tuple[int, int, str, str]]:
    """The legs of a combination in a request for data: contract id, ratio, side and exchange of each."""
    return [
        (fields.whole("leg's contract id"), fields.whole("ratio"), fields.text("side"), fields.text("leg's exchange"))
        for _ in range(fields.count("legs"))
    ]


def find(market: Market, query: Query, now: int) -> list[Instrument]:
    """Every contract that fits: those listed by name and, where options are asked for, those of the chains of then."""
    if query.con_id:
        known = market.instruments.get(query.con_id)
        return [known] if known is not None and query.fits(known) else []
    candidates: Iterable[Instrument] = market.instruments.called(query.symbol or query.local_symbol[:6].strip())
    found = [item for item in candidates if query.fits(item)]
    if query.security_type == "OPT" or (not query.security_type and len(query.local_symbol) > 6):
        underlyings = [item for item in candidates if not item.underlying]
        found += [option for item in underlyings for option in chain(market, item, now) if query.fits(option)]
    return list(dict.fromkeys(found))


def find_one(session: Session, request: int, query: Query) -> Instrument | None:
    """The one instrument that a data request means; where there is none, the error has been sent."""
    if not query.exchange:
        session.error(request, 321, "Error validating request.-'bN' : cause - Please enter exchange")
        return None
    found = find(session.gateway.market, query, session.gateway.clock.nanoseconds())
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
    with_expired = fields.flag("expired ones too")
    id_kind, _ = fields.text("kind of security id"), fields.text("security id")
    if session.version >= 176:
        fields.text("issuer")
    fields.end()
    market, now = session.gateway.market, session.gateway.clock.nanoseconds()
    found = [] if id_kind or query.security_type == BAG else find(market, query, now)
    found = [item for item in found if with_expired or not item.expiry or expiry(item.expiry) > now]
    if not found:
        session.error(request, 200, UNKNOWN)
        return
    hours = _hours(market, now)
    for instrument in found:
        session.send(*_details(session.version, request, instrument, market, hours))
    session.send(52, 1, request)


def _hours(market: Market, now: int) -> str:
    """Trading hours of the next days, as the broker writes them."""
    today = pd.Timestamp(now, unit="ns", tz="UTC").tz_convert(ZONE).normalize().tz_localize(None)
    written = []
    for day in (today + pd.Timedelta(days=ahead) for ahead in range(DAYS_OF_HOURS)):
        place = int(np.searchsorted(market.sessions, np.datetime64(day.date())))
        if place < len(market.sessions) and market.sessions[place] == np.datetime64(day.date()):
            ends = pd.to_datetime([market.hours.opens[place], market.hours.closes[place]], utc=True).tz_convert(ZONE)
            written.append("-".join(ends.strftime("%Y%m%d:%H%M")))
        else:
            written.append(f"{day:%Y%m%d}:CLOSED")
    return ";".join(written)


def _details(version: int, request: int, item: Instrument, market: Market, hours: str) -> list[object]:
    is_old = version < 164
    under = market.instruments.get(item.underlying)
    return [
        *([10, 8] if is_old else [10]),
        *(request, item.symbol, item.security_type, item.expiry, item.strike, item.right, item.exchange, item.currency),
        *(item.local_symbol, item.trading_class, item.trading_class, item.con_id, item.minimum_tick),
        *([100] if is_old else []),
        *(item.multiplier, "ACTIVETIM,LMT,MKT,STP", ",".join(item.exchanges)),
        *(1, item.underlying, item.name, item.listing, item.expiry[:6], "", "", "", "US/Eastern", hours, hours, "", 0),
        *(0, 1, under.symbol if under else "", under.security_type if under else ""),
        *(",".join([MARKET_RULE] * len(item.exchanges)), item.expiry, item.stock_type),
        *([] if is_old else [1, 1, 100]),
    ]


MARKET_RULE = "26"
"""Number of the rule of price steps that every contract follows."""

HANDLERS: dict[int, Handler] = {9: contract_details}
