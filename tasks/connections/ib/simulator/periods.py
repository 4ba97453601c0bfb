"""The bars of a contract over a period, of any size and kind."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.connections.ib.simulator.bars import Bars, changes, joined
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.market import Market
from tasks.connections.ib.simulator.sessions import SECOND
from tasks.connections.ib.simulator.sizes import DAYS, SECONDS, Duration

OPENING = 9 * 3600 + 30 * 60
"""When sessions open in New York, in seconds of the day: hours' bars begin at full hours, the first at the opening."""

LIFE = pd.Timedelta(days=365)
"""How long before its expiry an option is listed."""


@dataclass(frozen=True)
class Period:
    """From where to where: the sessions, the moment in the first of them, and the end, which is not within."""

    first: int
    last: int
    since: int
    until: int


def period(market: Market, duration: Duration, until: int) -> Period:
    """What a duration reaches back to. `N D` counts sessions, the running one too; `N S` counts seconds of trading."""
    last = market.hours.before(until)
    until = min(until, int(market.hours.closes[last]))
    if duration.unit == "S":
        return _seconds_back(market, duration.count, last, until)
    if duration.unit == "D":
        first = last - duration.count + 1
    else:
        months = {"W": 0, "M": 1, "Y": 12}[duration.unit] * duration.count
        weeks = duration.count if duration.unit == "W" else 0
        start = pd.Timestamp(market.sessions[last]) - pd.DateOffset(months=months, weeks=weeks)
        first = int(np.searchsorted(market.sessions, np.datetime64(start.date()), side="right"))
    first = max(1, min(first, last))
    return Period(first, last, int(market.hours.opens[first]), until)


def lived(market: Market, instrument: Instrument, over: Period) -> Period | None:
    """The part of a period in which a contract is traded: None where none is.

    Options are, for a year before their expiry.
    """
    if not instrument.expiry:
        return over
    ends = pd.Timestamp(instrument.expiry)
    first = max(over.first, int(np.searchsorted(market.sessions, np.datetime64((ends - LIFE).date()))))
    last = min(over.last, int(np.searchsorted(market.sessions, np.datetime64(ends.date()), side="right")) - 1)
    if first > last:
        return None
    since, until = max(over.since, int(market.hours.opens[first])), min(over.until, int(market.hours.closes[last]))
    return Period(first, last, since, until)


def bars_of(market: Market, con_id: int, size: str, over: Period) -> Bars:
    """Bars of one size, oldest first; the last one may be unfinished."""
    if size in DAYS:
        return _days(market, con_id, size, over)
    seconds = SECONDS[size]
    parts = []
    for session in range(over.first, over.last + 1):
        opened, closed = int(market.hours.opens[session]), int(market.hours.closes[session])
        until = min(over.until, closed)
        since = opened + _floor(max(over.since, opened) - opened, seconds)
        parts.append(_session(market, con_id, session, since, until, seconds))
    return joined(parts)


def shown_as(bars: Bars, instrument: Instrument, kind: str) -> Bars:
    """The bars of trades as those of another kind: bid and ask keep the quote's distance from the last price.

    BID_ASK has the average bid as its opening, the highest ask, the lowest bid, and the average ask as its close.
    """
    if kind in ("TRADES", "ADJUSTED_LAST"):
        return bars
    none = np.full(len(bars), -1)
    bars = replace(bars, volume=none, count=none, average=none.astype(float))
    if kind == "MIDPOINT":
        return bars
    prices = (bars.open, bars.high, bars.low, bars.close)
    bids, asks = ([_away(price, instrument, sign) for price in prices] for sign in (-1, 1))
    if kind == "BID_ASK":
        middle = (bars.open + bars.high + bars.low + bars.close) / 4
        low, high = _away(middle, instrument, -1), _away(middle, instrument, 1)
        return replace(bars, open=low, high=asks[1], low=bids[2], close=high)
    opening, high, low, close = bids if kind == "BID" else asks
    return replace(bars, open=opening, high=high, low=low, close=close)


def dates(market: Market, bars: Bars, size: str) -> list[str]:
    """The dates of bars of a day and more, yyyymmdd: of the last session within."""
    last = market.hours.before(market.hours.span[1].value) if len(bars) else 0
    sessions = np.searchsorted(market.hours.opens, bars.start)
    if size != "1 day":
        ends = _keys(market.sessions, size)
        sessions = np.minimum(np.searchsorted(ends, ends[sessions], side="right") - 1, last)
    return [str(day).replace("-", "") for day in market.sessions[sessions]]


def _days(market: Market, con_id: int, size: str, over: Period) -> Bars:
    if size == "1 day":
        return market.days(con_id, over.first, over.until)
    keys = _keys(market.sessions, size)
    first = max(1, int(np.searchsorted(keys, keys[over.first])))
    bars = market.days(con_id, first, over.until)
    return bars.merged(changes(keys[first : first + len(bars)]))


def _keys(sessions: NDArray[np.datetime64], size: str) -> NDArray[np.int64]:
    """The week, from Monday on, or month of each session."""
    if size == "1 week":
        return np.asarray((sessions.astype("datetime64[D]").astype(np.int64) + 3) // 7)
    if size == "1 month":
        return sessions.astype("datetime64[M]").astype(np.int64)
    return sessions.astype("datetime64[D]").astype(np.int64)


def _session(market: Market, con_id: int, session: int, since: int, until: int, seconds: int) -> Bars:
    opened = int(market.hours.opens[session])
    if seconds < 60:
        fine = market.seconds(con_id, session, since, until)
    else:
        minutes = market.minutes(con_id, session, until)
        fine = joined([minutes[minutes.start >= since], market.begun(con_id, session, max(until, since))])
    return fine.merged(changes((OPENING + (fine.start - opened) // SECOND) // seconds))


def _floor(since_opening: int, seconds: int) -> int:
    """The beginning of the bar that a moment lies in, as nanoseconds since the opening."""
    of_day = OPENING + since_opening // SECOND
    return max(0, of_day // seconds * seconds - OPENING) * SECOND


def _seconds_back(market: Market, count: int, last: int, until: int) -> Period:
    left, session, end = count * SECOND, last, until
    while True:
        opened = int(market.hours.opens[session])
        if end - opened >= left or session == 1:
            return Period(session, last, max(opened, end - left), until)
        left -= end - opened
        session -= 1
        end = int(market.hours.closes[session])


def _away(prices: NDArray[np.float64], instrument: Instrument, sign: int) -> NDArray[np.float64]:
    tick = instrument.minimum_tick
    half = np.maximum(tick, np.round(np.round(prices * 1e-4 / tick) * tick, 6))
    return np.asarray(np.round(prices + sign * half, 6))
