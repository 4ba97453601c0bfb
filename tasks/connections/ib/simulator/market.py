"""The simulated market: prices, quotes and bars at any moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.connections.ib.simulator.bars import Bars, joined
from tasks.connections.ib.simulator.black_scholes import option_price
from tasks.connections.ib.simulator.closes import load_closes
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.listings import Listings
from tasks.connections.ib.simulator.noise import whole
from tasks.connections.ib.simulator.sessions import SECOND, Moment, Sessions, instant
from tasks.connections.ib.simulator.tape import YEAR, Tape, expiry

MINUTE = 60 * SECOND
BID_SIZE, ASK_SIZE = 400_001, 400_002
"""Names of the random numbers that sizes are."""


@dataclass(frozen=True)
class MarketQuote:
    """Prices at a moment; None where there is none."""

    bid: float | None
    ask: float | None
    last: float | None
    close: float | None
    """Of the session before."""
    last_time: int
    """Of the last trade, in seconds since 1970."""
    is_halted: bool
    bid_size: int = 0
    ask_size: int = 0
    last_size: int = 0


@dataclass(frozen=True)
class Touch:
    """What an order meets: the best bid and ask and how much is shown there; None where nobody quotes."""

    bid: float | None
    ask: float | None
    last: float | None
    bid_size: int
    ask_size: int
    is_halted: bool


class Market:
    """Every instrument's prices, a pure function of (seed, contract, moment).

    In a session there is a trade a second; see `tape` for how its prices come about. After it,
    the price is the session's real close.
    """

    def __init__(self, instruments: Iterable[Instrument] = (), seed: int = 7) -> None:
        self.seed = seed
        self.hours = Sessions(load_closes().sessions)
        self.instruments = Listings(instruments)
        self.tape = Tape(seed, self.hours, self.instruments)

    @property
    def sessions(self) -> NDArray[np.datetime64]:
        """The sessions that have closes, ascending."""
        return self.hours.days

    def close_of_last_session(self) -> pd.Timestamp:
        """When the data's last session closes, UTC."""
        return instant(int(self.hours.closes[-2]))

    @property
    def span(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """When it has prices, UTC: from the opening of its second session to before the one after its last."""
        return self.hours.span

    def covers(self, now: int) -> bool:
        """Whether the market has prices then."""
        return self.hours.covers(now)

    def moment(self, now: int) -> Moment:
        """Place a moment, in nanoseconds since 1970, that the market covers."""
        return self.hours.moment(now)

    def closes(self, instrument: Instrument) -> NDArray[np.float64]:
        """Real closes, one a session; empty for what has none."""
        return self.tape.closes(instrument.con_id)

    def price(self, instrument: Instrument, now: int) -> float | None:
        """The price of the last trade."""
        moment = self.hours.moment(now)
        if instrument.underlying:
            underlying = self.price(self.instruments[instrument.underlying], now)
            return None if underlying is None else self._option_price(instrument, underlying, moment)
        if not instrument.series:
            return None
        if not moment.is_open:
            return float(self.tape.closes(instrument.con_id)[moment.session])
        minute, second = self._place(moment)
        return self.tape.trades(instrument.con_id, moment.session, minute)[0][second]

    def quote(self, instrument: Instrument, now: int) -> MarketQuote:
        """Bid and ask one tick, or one basis point, around the last price; halted: no bid and no ask."""
        moment = self.hours.moment(now)
        last = self.price(instrument, now) if instrument.is_quoted else None
        seconds = moment.last_trade // SECOND
        if last is None:
            return MarketQuote(None, None, None, None, seconds, instrument.is_halted)
        last = round(last * instrument.quote_scale, 6)
        half = half_spread(instrument, last)
        bid, ask = round(last - half, 6), round(last + half, 6)
        sizes = self.shown(instrument, seconds)
        is_bid, is_ask = bid > 0 and not instrument.is_halted, not instrument.is_halted
        return MarketQuote(
            bid if is_bid else None,
            ask if is_ask else None,
            last,
            self._close_before(instrument, moment.session),
            seconds,
            instrument.is_halted,
            sizes[0] if is_bid else 0,
            sizes[1] if is_ask else 0,
            self._last_size(instrument, moment),
        )

    def touch(self, con_id: int, nanoseconds: int) -> Touch:
        """The best bid and ask of a contract at a moment, a pure function of (seed, contract, moment).

        Empty on both sides while the market is shut or the contract halted, and for contracts that nobody
        quotes. Raises `KeyError` for a contract that isn't traded here.
        """
        instrument = self.instruments[con_id]
        quote = self.quote(instrument, nanoseconds)
        if quote.is_halted or not self.hours.moment(nanoseconds).is_open:
            return Touch(None, None, quote.last, 0, 0, quote.is_halted)
        return Touch(quote.bid, quote.ask, quote.last, quote.bid_size, quote.ask_size, False)

    def days(self, con_id: int, first: int, until: int) -> Bars:
        """Daily bars from session `first` on; where `until` lies in a session, the last one is of it so far."""
        last = self.hours.before(until)
        if first > last:
            return joined([])
        if until >= self.hours.closes[last]:
            return self.tape.days(con_id, first, last)
        whole_days = self.tape.days(con_id, first, last - 1) if first < last else joined([])
        return joined([whole_days, self.so_far(con_id, until)])

    def so_far(self, con_id: int, until: int) -> Bars:
        """The bar of the session that a moment lies in, of the trades before it."""
        session = self.hours.before(until)
        parts = joined([self.minutes(con_id, session, until), self.begun(con_id, session, until)])
        return parts.merged(np.zeros(1, np.int64))

    def minutes(self, con_id: int, session: int, until: int) -> Bars:
        """The minutes of a session that are over then."""
        over = (until - int(self.hours.opens[session])) // MINUTE
        return self.tape.minutes(con_id, session)[slice(0, max(0, over))]

    def seconds(self, con_id: int, session: int, since: int, until: int) -> Bars:
        """The trades of a session from one moment to before another."""
        opened, last = int(self.hours.opens[session]), self.hours.minutes(session)
        begin = min(last, max(0, since - opened) // MINUTE)
        end = min(last, max(0, -(-(until - opened) // MINUTE)))
        if begin >= end:
            return joined([])
        bars = self.tape.seconds(con_id, session, slice(begin, end))
        return bars[(bars.start >= since) & (bars.start < until)]

    def volume(self, con_id: int, now: int) -> int:
        """Traded so far in the session that has opened last, the trade of this second included."""
        return int(self.so_far(con_id, now // SECOND * SECOND + 1).volume[0])

    def shown(self, instrument: Instrument, second: int) -> tuple[int, int]:
        """Sizes at the bid and the ask: 100 to 2,000 shares or 1 to 50 option contracts, anew each second."""
        unit, most = (1, 50) if instrument.security_type == "OPT" else (100, 20)
        bid, ask = (whole(self.seed, instrument.con_id, second, draw, most) for draw in (BID_SIZE, ASK_SIZE))
        return unit * (1 + bid), unit * (1 + ask)

    def begun(self, con_id: int, session: int, until: int) -> Bars:
        """The trades of the minute that isn't over then."""
        opened = int(self.hours.opens[session])
        return self.seconds(con_id, session, opened + (until - opened) // MINUTE * MINUTE, until)

    def _place(self, moment: Moment) -> tuple[int, int]:
        opened, closed = int(self.hours.opens[moment.session]), int(self.hours.closes[moment.session])
        return divmod((min(moment.last_trade, closed - 1) - opened) // SECOND, 60)

    def _close_before(self, instrument: Instrument, session: int) -> float | None:
        if not instrument.underlying:
            return float(self.tape.closes(instrument.con_id)[session - 1])
        closed = int(self.hours.closes[session - 1])
        return self._option_price(
            instrument,
            float(self.tape.closes(instrument.underlying)[session - 1]),
            Moment(session - 1, False, 1.0, closed),
        )

    def _option_price(self, option: Instrument, underlying: float, moment: Moment) -> float:
        minute, _ = self._place(moment)
        started = int(self.hours.opens[moment.session]) + minute * MINUTE
        years = (expiry(option.expiry) - started) / YEAR
        price = option_price(option.right, underlying, option.strike, years, option.volatility)
        return round(round(price / option.minimum_tick) * option.minimum_tick, 6)

    def _last_size(self, instrument: Instrument, moment: Moment) -> int:
        minute, second = self._place(moment)
        return self.tape.trades(instrument.con_id, moment.session, minute)[1][second]


def half_spread(instrument: Instrument, price: float) -> float:
    """Distance of bid and ask from the last price: a tick, or a basis point where that is more."""
    tick = instrument.minimum_tick
    return max(tick, round(round(price * 1e-4 / tick) * tick, 6))
