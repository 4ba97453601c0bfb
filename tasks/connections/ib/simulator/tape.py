"""Every trade of the simulated market, generated level by level: days, their minutes, their seconds.

A day ends at its real close. Its swing is drawn; its minutes are a path that has just this swing;
the trades of a minute, one a second, are a path that has the minute's. So a level can be had without
the one below, and all agree: the high of five minutes is the highest of their minutes', and of their
trades.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from tasks.connections.ib.simulator.bars import Bars, Floats, joined
from tasks.connections.ib.simulator.black_scholes import option_prices
from tasks.connections.ib.simulator.closes import load_closes
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.noise import normals, uniforms
from tasks.connections.ib.simulator.paths import Stretch, bridge, shares, swings
from tasks.connections.ib.simulator.sessions import SECOND, ZONE, Sessions

OPEN_SHARE = 1 / 390
"""How far the opening trade has come from the close before to the session's own: one minute's way."""

RECENT = 20
"""Sessions whose volatility a session has."""

TRADES_A_MINUTE = 60
YEAR = 365 * 86400 * SECOND

# Each kind of random number has a range of names of its own.
DAY_UP, DAY_DOWN, DAY_VOLUME = 1, 2, 3
MINUTE_PATH, MINUTE_UP, MINUTE_DOWN, MINUTE_WEIGHT = 1_000, 2_000, 3_000, 4_000
SECOND_PATH, SECOND_WEIGHT = 100_000, 200_000

STOCK_VOLUME, OPTION_VOLUME = 14.0, 11.0
"""Logarithm of a day's typical volume."""


class Tape:
    """Trades and bars of every contract: a pure function of (seed, contract, moment)."""

    def __init__(self, seed: int, sessions: Sessions, instruments: Mapping[int, Instrument]) -> None:
        self._seed = seed
        self._sessions = sessions
        self._instruments = instruments
        self._series = load_closes().series
        self.closes = lru_cache(4096)(self._closes)
        self.minutes = lru_cache(2048)(self._minutes)
        self.trades = lru_cache(4096)(self._trades)
        self._volatility = lru_cache(64)(self._volatility_of)

    def days(self, con_id: int, first: int, last: int) -> Bars:
        """Bars of whole sessions, by index from `first` to `last`."""
        instrument = self._instruments[con_id]
        if instrument.underlying:
            whole = [self.minutes(con_id, session) for session in range(first, last + 1)]
            return joined([bars.merged(np.zeros(1, np.int64)) for bars in whole])
        index = np.arange(first, last + 1)
        closes = self.closes(con_id)
        before, close = closes[index - 1], closes[index]
        tick = instrument.minimum_tick
        opening = _on_tick(before + (close - before) * OPEN_SHARE, tick)
        up, down = (uniforms(self._seed, con_id, index, draw) for draw in (DAY_UP, DAY_DOWN))
        high, low = swings(opening, close, self._volatility(instrument.series)[index], up, down)
        high = np.round(np.ceil(high / tick - 1e-9) * tick, 6)
        low = np.round(np.maximum(np.floor(low / tick + 1e-9), 1) * tick, 6)
        minutes = (self._sessions.closes[index] - self._sessions.opens[index]) // (60 * SECOND)
        volume = np.exp(STOCK_VOLUME + 0.3 * normals(self._seed, con_id, index, DAY_VOLUME)).astype(np.int64)
        average = np.round((opening + high + low + close) / 4, 4)
        return Bars(self._sessions.opens[index], opening, high, low, close, volume, average, minutes * TRADES_A_MINUTE)

    def seconds(self, con_id: int, session: int, minutes: slice) -> Bars:
        """The trades of some minutes of a session, one a second, each as a bar of its own."""
        chosen = self.minutes(con_id, session)[minutes]
        prices, sizes = self._path(con_id, session, np.arange(self._sessions.minutes(session))[minutes], chosen)
        start = (chosen.start[:, None] + np.arange(TRADES_A_MINUTE) * SECOND).ravel()
        price, size = prices.ravel(), sizes.ravel()
        return Bars(start, price, price, price, price, size, price, np.ones(len(price), np.int64))

    def _closes(self, con_id: int) -> Floats:
        instrument = self._instruments[con_id]
        if not instrument.series:
            return np.empty(0)
        values = self._series[instrument.series]
        return values if instrument.scale == 1.0 else np.round(values * instrument.scale, 4)

    def _volatility_of(self, series: str) -> Floats:
        """Of each session: the standard deviation of the logarithmic returns of the 20 before it."""
        returns = np.diff(np.log(self._series[series]))
        windows = np.lib.stride_tricks.sliding_window_view(returns, RECENT)
        volatility = np.full(len(returns) + 1, 0.01)
        volatility[RECENT + 1 :] = windows[:-1].std(axis=1)
        return volatility

    def _minutes(self, con_id: int, session: int) -> Bars:
        """The minutes of a session."""
        instrument = self._instruments[con_id]
        if instrument.underlying:
            return self._option_minutes(instrument, session)
        day = self.days(con_id, session, session)
        count = self._sessions.minutes(session)
        volatility = float(self._volatility(instrument.series)[session])
        minute = np.arange(count)
        noise = bridge(normals(self._seed, con_id, session, MINUTE_PATH + minute))
        a, b = np.log(day.open), np.log(day.close)
        close = np.exp(a + (b - a) * ((minute + 1) / count) + volatility * noise)
        opening = np.concatenate([day.open, close[:-1]])
        up, down = (uniforms(self._seed, con_id, session, draw + minute) for draw in (MINUTE_UP, MINUTE_DOWN))
        high, low = swings(opening, close, volatility / np.sqrt(count), up, down)
        top, bottom = int(high.argmax()), int(low.argmin())
        stretch = Stretch((day.open, day.close), high[top], low[bottom], day.high, day.low)
        high, low, close = (stretch(prices) for prices in (high, low, close))
        high[top], low[bottom] = day.high[0], day.low[0]
        high, low, close = (_on_tick(prices, instrument.minimum_tick) for prices in (high, low, close))
        close[-1] = day.close[0]
        high[-1], low[-1] = max(high[-1], close[-1]), min(low[-1], close[-1])
        opening = np.concatenate([day.open, close[:-1]])
        return self._finished(con_id, session, opening, high, low, close, int(day.volume[0]))

    def _option_minutes(self, option: Instrument, session: int) -> Bars:
        """What follows from the underlying's minutes: a call is highest where that is, a put lowest."""
        under = self.minutes(option.underlying, session)
        years = (expiry(option.expiry) - under.start) / YEAR
        opening, high, low, close = (
            _on_tick(option_prices(option.right, prices, option.strike, years, option.volatility), option.minimum_tick)
            for prices in (under.open, under.high, under.low, under.close)
        )
        if option.right == "P":
            high, low = low, high
        draw = normals(self._seed, option.con_id, session, DAY_VOLUME)
        return self._finished(
            option.con_id, session, opening, high, low, close, int(np.exp(OPTION_VOLUME + 0.3 * draw))
        )

    def _finished(
        self, con_id: int, session: int, opening: Floats, high: Floats, low: Floats, close: Floats, volume: int
    ) -> Bars:
        """Minutes with their volumes: more at the opening and the close than between."""
        count = len(close)
        minute = np.arange(count)
        shape = 1 + 3 * (2 * minute / count - 1) ** 2
        weights = shape * np.exp(0.4 * normals(self._seed, con_id, session, MINUTE_WEIGHT + minute))
        least = count * (TRADES_A_MINUTE - 1)
        volumes = shares(np.array([volume - least]), weights[None])[0] + TRADES_A_MINUTE - 1
        start = self._sessions.opens[session] + minute * 60 * SECOND
        average = np.round((opening + high + low + close) / 4, 4)
        return Bars(start, opening, high, low, close, volumes, average, np.full(count, TRADES_A_MINUTE))

    def _trades(self, con_id: int, session: int, minute: int) -> tuple[list[float], list[int]]:
        """Prices and sizes of the sixty trades of a minute."""
        prices, sizes = self._path(
            con_id, session, np.array([minute]), self.minutes(con_id, session)[slice(minute, minute + 1)]
        )
        return prices[0].tolist(), sizes[0].tolist()

    def _path(
        self, con_id: int, session: int, minutes: NDArray[np.int64], bars: Bars
    ) -> tuple[Floats, NDArray[np.int64]]:
        instrument = self._instruments[con_id]
        second = minutes[:, None] * TRADES_A_MINUTE + np.arange(TRADES_A_MINUTE)
        weights = np.exp(normals(self._seed, con_id, session, SECOND_WEIGHT + second))
        sizes = shares(bars.volume, weights)
        if instrument.underlying:
            under = self.minutes(instrument.underlying, session)[_mask(minutes, self._sessions.minutes(session))]
            prices, _ = self._path(instrument.underlying, session, minutes, under)
            years = ((expiry(instrument.expiry) - bars.start) / YEAR)[:, None]
            values = option_prices(instrument.right, prices, instrument.strike, years, instrument.volatility)
            return _on_tick(values, instrument.minimum_tick), sizes
        volatility = float(self._volatility(instrument.series)[session]) / np.sqrt(self._sessions.minutes(session))
        noise = bridge(normals(self._seed, con_id, session, SECOND_PATH + second[:, 1:]))
        noise = np.concatenate([np.zeros((len(minutes), 1)), noise], axis=1)
        opening, closing = bars.open[:, None], bars.close[:, None]
        along = np.arange(TRADES_A_MINUTE) / (TRADES_A_MINUTE - 1)
        a, b = np.log(opening), np.log(closing)
        raw = np.exp(a + (b - a) * along + volatility * noise)
        ends = raw.max(axis=1, keepdims=True), raw.min(axis=1, keepdims=True)
        stretch = Stretch((opening, closing), *ends, bars.high[:, None], bars.low[:, None])
        prices = _on_tick(stretch(raw), instrument.minimum_tick)
        row, inner = np.arange(len(minutes)), raw[:, 1:-1]
        prices[row, inner.argmax(axis=1) + 1] = bars.high
        prices[row, inner.argmin(axis=1) + 1] = bars.low
        prices[:, 0], prices[:, -1] = bars.open, bars.close
        return prices, sizes


@lru_cache(1024)
def expiry(date: str) -> int:
    """When an option of this date (yyyymmdd) ends: 16:00 in New York, nanoseconds since 1970."""
    end = datetime.strptime(date + " 16:00", "%Y%m%d %H:%M").replace(tzinfo=ZoneInfo(ZONE))
    return int(end.timestamp()) * SECOND


def _mask(minutes: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, bool)
    mask[minutes] = True
    return mask


def _on_tick(prices: Floats, tick: float) -> Floats:
    return np.round(np.round(prices / tick) * tick, 6)
