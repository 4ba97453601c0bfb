"""A contract as a subscriber sees it: the messages that say its quote, by type of tick."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.connections.ib.simulator import options
from tasks.connections.ib.simulator.generic import generic_messages
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.market import Market, MarketQuote
from tasks.connections.ib.simulator.sessions import SECOND

Message = tuple[object, ...]
Messages = dict[object, Message]
"""The messages of a quote; each replaces what was said before under the same key."""

BID, ASK, LAST, CLOSE, HIGH, LOW, OPEN = 1, 2, 4, 9, 6, 7, 14
BID_SIZE, ASK_SIZE, LAST_SIZE, VOLUME = 0, 3, 5, 8
LAST_TIME, HALTED = 45, 49
BID_OPTION, ASK_OPTION, LAST_OPTION, MODEL_OPTION = 10, 11, 12, 13
SIZE_OF = {BID: BID_SIZE, ASK: ASK_SIZE, LAST: LAST_SIZE}
DELAYED_TYPE = {
    BID: 66,
    ASK: 67,
    LAST: 68,
    BID_SIZE: 69,
    ASK_SIZE: 70,
    LAST_SIZE: 71,
    HIGH: 72,
    LOW: 73,
    VOLUME: 74,
    CLOSE: 75,
    OPEN: 76,
    BID_OPTION: 80,
    ASK_OPTION: 81,
    LAST_OPTION: 82,
    MODEL_OPTION: 83,
    LAST_TIME: 88,
    HALTED: 90,
}
CAN_AUTO_EXECUTE = 1


@dataclass(frozen=True)
class Face:
    """One subscription: of what, under which number, and how."""

    request: int
    instrument: Instrument
    is_delayed: bool
    generic: frozenset[str]

    def type(self, kind: int) -> int:
        """The type of a tick as this subscriber gets it."""
        return DELAYED_TYPE[kind] if self.is_delayed else kind


def messages(market: Market, face: Face, now: int) -> Messages:
    """Everything that the subscriber can know at a moment."""
    if "mdoff" in face.generic:
        return {}
    quote = market.quote(face.instrument, now)
    said = dict(_quoted(market, face, quote, now))
    if face.instrument.underlying and quote.last is not None:
        said.update(_computed(market, face, quote, now))
    if face.generic and quote.last is not None and face.instrument.permission == "live":
        said.update(generic_messages(market, face.instrument, face.request, face.generic, now))
    return said


def _quoted(market: Market, face: Face, quote: MarketQuote, now: int) -> Iterator[tuple[object, Message]]:
    prices = {BID: quote.bid, ASK: quote.ask, LAST: quote.last, CLOSE: quote.close}
    sizes = {BID: quote.bid_size, ASK: quote.ask_size, LAST: quote.last_size}
    is_whole = quote.last is not None and face.instrument.permission != "partial"
    if face.instrument.permission == "partial":
        prices = {CLOSE: quote.close}
    if quote.is_halted:
        prices |= {BID: -1.0, ASK: -1.0}  # the broker's word for "nobody quotes this side"
    for kind, price in prices.items():
        if price is None:
            continue
        size = sizes.get(kind, 0) if price > 0 else 0
        attributes = CAN_AUTO_EXECUTE if kind in (BID, ASK) and size else 0
        yield kind, (1, 6, face.request, face.type(kind), price, size, attributes)
        if size:
            shown = face.type(SIZE_OF[kind])
            yield SIZE_OF[kind], (2, 6, face.request, shown, size)
    if is_whole:
        # Of the session that opened last; the trade of this second is in it.
        day = market.so_far(face.instrument.con_id, now // SECOND * SECOND + 1)
        for kind, price in ((OPEN, day.open[0]), (HIGH, day.high[0]), (LOW, day.low[0])):
            yield kind, (1, 6, face.request, face.type(kind), float(price), 0, 0)
        yield VOLUME, (2, 6, face.request, face.type(VOLUME), int(day.volume[0]))
        yield LAST_TIME, (46, 6, face.request, face.type(LAST_TIME), quote.last_time)
    if quote.is_halted:
        yield HALTED, (45, 6, face.request, face.type(HALTED), 1)


def _computed(market: Market, face: Face, quote: MarketQuote, now: int) -> Iterator[tuple[object, Message]]:
    option = face.instrument
    underlying = market.price(market.instruments[option.underlying], now)
    if underlying is None:
        return
    at = market.moment(now).last_trade
    prices = {BID_OPTION: quote.bid, ASK_OPTION: quote.ask, LAST_OPTION: quote.last}
    for kind, price in prices.items():
        if price is not None:
            values = options.computation(option, price, underlying, at)
            yield kind, (21, face.request, face.type(kind), options.BY_PRICES, *values)
    values = options.model(option, underlying, at)
    yield MODEL_OPTION, (21, face.request, face.type(MODEL_OPTION), options.BY_PRICES, *values)
