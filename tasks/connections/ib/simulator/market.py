"""The simulated market: its sessions, daily bars and quotes at any moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.connections.calendars import exchange_calendar
from tasks.connections.ib.simulator.black_scholes import option_price
from tasks.connections.ib.simulator.closes import load_closes
from tasks.connections.ib.simulator.instruments import LISTED, Instrument
from tasks.connections.ib.simulator.noise import normals

LEVELS = 15
"""Halvings of a session in the path of its prices: 2¹⁵ steps, finer than a second."""

SIZE = 100

OPEN_SHARE = 1 / 390
"""How far the opening trade has come from the close before to the session's own: one minute's way."""


@dataclass(frozen=True)
class Bar:
    """One session of one contract."""

    session: np.datetime64
    open: float
    high: float
    low: float
    close: float
    volume: int


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


@dataclass(frozen=True)
class Touch:
    """What an order meets: the best bid and ask and how much is shown there; None where nobody quotes."""

    bid: float | None
    ask: float | None
    last: float | None
    bid_size: int
    ask_size: int
    is_halted: bool


@dataclass(frozen=True)
class Moment:
    """Where a moment lies in the market's sessions."""

    session: int
    """Index of the latest session that has opened."""
    is_open: bool
    share: float
    """How much of that session is over, 0 to 1."""
    last_trade: int
    """The moment itself or, when the market is shut, its last close; nanoseconds since 1970."""


class Market:
    """Every instrument's prices, a pure function of (seed, contract, moment).

    Within a session the log price is a Brownian bridge from the close before to the session's
    real close, with the volatility of the 20 sessions before; after it, the price is that close.
    """

    def __init__(self, instruments: Iterable[Instrument] = (), seed: int = 7) -> None:
        self.seed = seed
        self.instruments: Mapping[int, Instrument] = {item.con_id: item for item in (*LISTED, *instruments)}
        self._closes = load_closes()

    @property
    def sessions(self) -> NDArray[np.datetime64]:
        """The sessions that have closes, ascending."""
        return self._closes.sessions

    @cached_property
    def _schedule(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Opening and closing times of every session and of the one after the last, nanoseconds since 1970."""
        first, last = (pd.Timestamp(day) for day in self.sessions[[0, -1]])
        calendar = exchange_calendar("XNYS", first, last + pd.Timedelta(days=14))
        count = len(self.sessions) + 1
        opens = calendar.opens.loc[first:].iloc[:count].to_numpy("datetime64[ns]").astype(np.int64)
        closes = calendar.closes.loc[first:].iloc[:count].to_numpy("datetime64[ns]").astype(np.int64)
        return opens, closes

    def close_of_last_session(self) -> pd.Timestamp:
        """When the data's last session closes, UTC."""
        return pd.Timestamp(int(self._schedule[1][-2]), unit="ns", tz="UTC")

    @property
    def span(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """When it has prices, UTC: from the opening of its second session to before the one after its last."""
        opens, _ = self._schedule
        return pd.Timestamp(int(opens[1]), unit="ns", tz="UTC"), pd.Timestamp(int(opens[-1]), unit="ns", tz="UTC")

    def covers(self, now: int) -> bool:
        """Whether the market has prices then."""
        opens, _ = self._schedule
        return bool(opens[1] <= now < opens[-1])

    def moment(self, now: int) -> Moment:
        """Place a moment, in nanoseconds since 1970, that the market covers."""
        opens, closes = self._schedule
        session = int(np.searchsorted(opens, now, side="right")) - 1
        opened, closed = int(opens[session]), int(closes[session])
        share = min(1.0, (now - opened) / (closed - opened))
        return Moment(session, now < closed, share, min(now, closed))

    def closes(self, instrument: Instrument) -> NDArray[np.float64]:
        """Real closes, one a session; empty for what has none."""
        if not instrument.series:
            return np.empty(0)
        values = self._closes.series[instrument.series]
        return values if instrument.scale == 1.0 else np.round(values * instrument.scale, 4)

    def price(self, instrument: Instrument, now: int) -> float | None:
        """The price of the last trade."""
        if instrument.underlying:
            return self._option_price(instrument, now)
        closes = self.closes(instrument)
        if not len(closes):
            return None
        moment = self.moment(now)
        close = float(closes[moment.session])
        if not moment.is_open:
            return close
        return self._on_tick(instrument, self._path(instrument, moment.session, moment.share))

    def quote(self, instrument: Instrument, now: int) -> MarketQuote:
        """Bid and ask one tick, or one basis point, around the last price; halted: no bid and no ask."""
        moment = self.moment(now)
        last = self.price(instrument, now) if instrument.is_quoted else None
        seconds = moment.last_trade // 1_000_000_000
        if last is None:
            return MarketQuote(None, None, None, None, seconds, instrument.is_halted)
        last *= instrument.quote_scale
        half = max(instrument.minimum_tick, self._on_tick(instrument, last * 1e-4))
        close = self._close_before(instrument, moment)
        quote = MarketQuote(round(last - half, 6), round(last + half, 6), last, close, seconds, instrument.is_halted)
        if quote.bid is not None and quote.bid <= 0:
            quote = replace(quote, bid=None)
        return replace(quote, bid=None, ask=None) if instrument.is_halted else quote

    def touch(self, con_id: int, nanoseconds: int) -> Touch:
        """The best bid and ask of a contract at a moment, a pure function of (seed, contract, moment).

        Empty on both sides while the market is shut, and for contracts that nobody quotes. Raises
        `KeyError` for a contract that isn't traded here.
        """
        instrument = self.instruments[con_id]
        quote = self.quote(instrument, nanoseconds)
        if quote.is_halted or not self.moment(nanoseconds).is_open:
            return Touch(None, None, quote.last, 0, 0, quote.is_halted)
        return Touch(quote.bid, quote.ask, quote.last, SIZE if quote.bid else 0, SIZE if quote.ask else 0, False)

    def bars(self, instrument: Instrument, now: int, first: int) -> list[Bar]:
        """Daily bars from session index `first` on; in a session the last one is partial, its close the last price."""
        moment = self.moment(now)
        closes = self.closes(instrument)
        index = np.arange(max(first, 1), moment.session + 1)
        if not len(closes) or not len(index):
            return []
        close = closes[index].copy()
        opening = closes[index - 1] + (close - closes[index - 1]) * OPEN_SHARE
        if moment.is_open:
            close[-1] = self.price(instrument, now)
        spread = np.abs(normals(self.seed, instrument.con_id, index[:, None], np.array([[1, 2]]))) * 0.005
        high = np.maximum(opening, close) * (1 + spread[:, 0])
        low = np.minimum(opening, close) * (1 - spread[:, 1])
        volume = np.exp(14 + 0.3 * normals(self.seed, instrument.con_id, index, 3))
        if moment.is_open:
            volume[-1] *= moment.share
        return [
            Bar(self.sessions[i], round(o, 4), round(h, 4), round(lo, 4), c, int(v))
            for i, o, h, lo, c, v in zip(index, *(x.tolist() for x in (opening, high, low, close, volume)), strict=True)
        ]

    def _close_before(self, instrument: Instrument, moment: Moment) -> float | None:
        if instrument.underlying:
            _, closes = self._schedule
            return self._option_price(instrument, int(closes[moment.session - 1]))
        return float(self.closes(instrument)[moment.session - 1])

    def _option_price(self, option: Instrument, now: int) -> float | None:
        underlying = self.price(self.instruments[option.underlying], now)
        if underlying is None:
            return None
        years = option.years_to_expiry(pd.Timestamp(now, unit="ns", tz="UTC").to_pydatetime(warn=False))
        return self._on_tick(option, option_price(option.right, underlying, option.strike, years, option.volatility))

    def _path(self, instrument: Instrument, session: int, share: float) -> float:
        """The price when this share of a session is over, before rounding."""
        closes = self.closes(instrument)
        recent = np.diff(np.log(closes[max(0, session - 21) : session]))
        volatility = float(recent.std()) if len(recent) > 1 else 0.01
        before, after = np.log(closes[session - 1]), np.log(closes[session])
        noise = volatility * self._bridge(instrument.con_id, session, share)
        return float(np.exp(before + (after - before) * share + noise))

    def _bridge(self, con_id: int, session: int, share: float) -> float:
        """A Brownian bridge on [0, 1], zero at both ends, by Lévy's construction: each midpoint is the mean
        of its neighbours plus a normal number of variance (a quarter of the interval)."""
        levels = np.arange(LEVELS)
        position = min(share, 1.0 - 2.0**-LEVELS)
        index = np.floor(position * 2.0**levels)
        bends = normals(self.seed, con_id, session, 2.0**levels + index + 8) * 0.5 * 2.0 ** (-levels / 2)
        low, high, left, width = 0.0, 0.0, 0.0, 1.0
        for bend in bends:
            middle = (low + high) / 2 + float(bend)
            width /= 2
            if share >= left + width:
                left, low = left + width, middle
            else:
                high = middle
        return low + (high - low) * (share - left) / width

    def _on_tick(self, instrument: Instrument, price: float) -> float:
        return round(round(price / instrument.minimum_tick) * instrument.minimum_tick, 6)
