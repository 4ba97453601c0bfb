"""Generic ticks: what a subscriber may ask for beside the quote."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tasks.connections.ib.simulator.bars import Bars
from tasks.connections.ib.simulator.chains import CHAINED
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.listings import chain_volatility
from tasks.connections.ib.simulator.market import Market
from tasks.connections.ib.simulator.noise import whole
from tasks.connections.ib.simulator.sessions import SECOND

_NUMBERS = (
    *(100, 101, 104, 105, 106, 107, 125, 162, 165, 166, 220, 221, 225, 232, 233, 236, 256, 258, 291, 292, 293, 294),
    *(295, 318, 370, 375, 377, 381, 384, 387, 388, 391, 407, 411, 428, 439, 456, 459, 460, 499, 506, 511, 512, 513),
    *(514, 515, 516, 517, 521, 545, 576, 577, 578, 585, 587, 588, 595, 614, 619, 623, 645, 657, 658, 662, 663, 787),
)
LEGAL = frozenset(("mdoff", *map(str, _NUMBERS)))
"""What the broker takes in the list. Those that this gateway has nothing for are ignored."""

SESSIONS_A_YEAR = 252
WEEKS = ((13, 15), (26, 17), (52, 19))
"""Over how many weeks, and the tick type of the low; that of the high is the next."""
LEDGER = 600_001

Message = tuple[object, ...]


class GenericError(Exception):
    """The list holds what the broker doesn't have; the text is the broker's."""


def read_generic(text: str) -> frozenset[str]:
    """The kinds of a list such as `233,236` or `mdoff,292:SIM`. Raises `GenericError`."""
    kinds = [part.split(":")[0].strip() for part in text.split(",") if part.strip()]
    unknown = [kind for kind in kinds if kind not in LEGAL]
    if unknown:
        raise GenericError(f"Error validating request.-'bP' : cause - Incorrect generic tick list of {text}")
    return frozenset(kinds)


def generic_messages(
    market: Market, instrument: Instrument, request: int, wanted: frozenset[str], now: int
) -> Iterator[tuple[object, Message]]:
    """The messages by the type of their ticks."""
    for number in sorted(wanted & KINDS.keys()):
        for kind, message_id, value in KINDS[number](market, instrument, now):
            extra = (0, 0) if message_id == PRICE else ()
            yield kind, (message_id, 6, request, kind, value, *extra)


PRICE, SIZE, GENERIC, STRING = 1, 2, 45, 46
Ticks = Iterator[tuple[int, int, object]]
"""Type of the tick, kind of message, value."""


def _day(market: Market, instrument: Instrument, now: int) -> Bars:
    return market.so_far(instrument.con_id, now // SECOND * SECOND + 1)


def _option_volume(market: Market, instrument: Instrument, now: int) -> Ticks:
    if instrument.con_id in CHAINED:
        share = market.moment(now).share
        for kind, draw in ((29, 1), (30, 2)):
            yield kind, SIZE, int(share * _drawn(market, instrument, now, draw, 40_000))


def _open_interest(market: Market, instrument: Instrument, now: int) -> Ticks:
    if instrument.con_id in CHAINED:
        for kind, draw in ((27, 3), (28, 4)):
            yield kind, SIZE, _drawn(market, instrument, now, draw, 900_000)


def _historical_volatility(market: Market, instrument: Instrument, now: int) -> Ticks:
    if instrument.series:
        session = market.moment(now).session
        returns = np.diff(np.log(market.closes(instrument)[max(0, session - 30) : session]))
        yield 23, GENERIC, round(float(returns.std() * np.sqrt(SESSIONS_A_YEAR)), 6)


def _implied_volatility(market: Market, instrument: Instrument, now: int) -> Ticks:
    if instrument.con_id in CHAINED:
        yield 24, GENERIC, chain_volatility(instrument)


def _extremes(market: Market, instrument: Instrument, now: int) -> Ticks:
    if not instrument.series:
        return
    session = market.moment(now).session
    for weeks, low in WEEKS:
        bars = market.tape.days(instrument.con_id, max(1, session - 5 * weeks), max(1, session - 1))
        yield low, PRICE, float(bars.low.min())
        yield low + 1, PRICE, float(bars.high.max())
    bars = market.tape.days(instrument.con_id, max(1, session - 90), max(1, session - 1))
    yield 21, SIZE, int(bars.volume.mean())


def _mark(market: Market, instrument: Instrument, now: int) -> Ticks:
    yield 37, PRICE, market.price(instrument, now)


def _last_in_hours(market: Market, instrument: Instrument, now: int) -> Ticks:
    yield 57, PRICE, market.price(instrument, now)


def _trades(kind: int) -> Callable[[Market, Instrument, int], Ticks]:
    def ticks(market: Market, instrument: Instrument, now: int) -> Ticks:
        quote, day = market.quote(instrument, now), _day(market, instrument, now)
        average = round(float(day.average[0]), 8)
        text = f"{quote.last};{quote.last_size};{quote.last_time * 1000};{day.volume[0]};{average};true"
        yield kind, STRING, text

    return ticks


def _shortable(market: Market, instrument: Instrument, now: int) -> Ticks:
    if instrument.security_type == "STK":
        yield 46, GENERIC, 3.0
        yield 89, SIZE, 100 * (10_000 + _drawn(market, instrument, now, 5, 100_000))


def _trade_count(market: Market, instrument: Instrument, now: int) -> Ticks:
    yield 54, GENERIC, int(_day(market, instrument, now).count[0])


def _trade_rate(market: Market, instrument: Instrument, now: int) -> Ticks:
    yield 55, GENERIC, 60 if market.moment(now).is_open else 0


def _volume_rate(market: Market, instrument: Instrument, now: int) -> Ticks:
    moment = market.moment(now)
    over = market.minutes(instrument.con_id, moment.session, now)
    yield 56, GENERIC, int(over.volume[-1]) if moment.is_open and len(over) else 0


def _drawn(market: Market, instrument: Instrument, now: int, draw: int, below: int) -> int:
    return whole(market.seed, instrument.con_id, market.moment(now).session, LEDGER + draw, below)


KINDS: dict[str, Callable[[Market, Instrument, int], Ticks]] = {
    "100": _option_volume,
    "101": _open_interest,
    "104": _historical_volatility,
    "106": _implied_volatility,
    "165": _extremes,
    "221": _mark,
    "232": _mark,
    "233": _trades(48),
    "236": _shortable,
    "293": _trade_count,
    "294": _trade_rate,
    "295": _volume_rate,
    "318": _last_in_hours,
    "375": _trades(77),
}
"""Who answers which."""
