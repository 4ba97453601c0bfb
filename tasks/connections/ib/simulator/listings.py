"""Every contract of the simulated market, the options of its chains among them.

The chains hold more contracts than anybody wants to list: they are made when somebody names one,
and their contract ids say which they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from tasks.connections.ib.simulator.instruments import LISTED, SPY, STOCKS, Instrument
from tasks.connections.ib.simulator.noise import whole

OPTIONS = 1_000_000_000
"""Contract ids from here up are options of chains."""

UNDERLYINGS = (*STOCKS, SPY)
WEEKS, STRIKES, RIGHTS = 2048, 2048, 2
FIRST_FRIDAY = np.datetime64("1990-01-05")
STRIKE_UNIT = 0.5
VOLATILITY_DRAW = 500_001


class Listings(dict[int, Instrument]):
    """Contracts by id. Iterates over those listed by name; an option of a chain is found by its id as well."""

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        super().__init__({item.con_id: item for item in (*LISTED, *instruments)})
        self._named = {_terms(item): item for item in self.values() if item.security_type == "OPT"}
        self._called: dict[str, list[Instrument]] = {}
        for item in self.values():
            self._called.setdefault(item.symbol, []).append(item)

    def __missing__(self, con_id: int) -> Instrument:
        return _decoded(con_id)

    def get(self, con_id: int, default: Instrument | None = None) -> Instrument | None:  # type: ignore[override]  # one default is enough
        """The contract of this id, or the default."""
        try:
            return self[con_id]
        except KeyError:
            return default

    def called(self, symbol: str) -> list[Instrument]:
        """Those listed by name that have this symbol; all of them where it is empty."""
        return self._called.get(symbol, []) if symbol else list(self.values())

    def option(self, underlying: Instrument, week: int, expiry: str, strike: float, right: str) -> Instrument:
        """The option of these terms; `week` counts Fridays from the first of 1990."""
        named = self._named.get((underlying.con_id, expiry, strike, right))
        return named or self[option_id(underlying, week, strike, right)]


def option_id(underlying: Instrument, week: int, strike: float, right: str) -> int:
    """The contract id of an option of a chain: underlying, week, strike and right, packed."""
    place = next(place for place, item in enumerate(UNDERLYINGS) if item.con_id == underlying.con_id)
    packed = (place * WEEKS + week) * STRIKES + round(strike / STRIKE_UNIT)
    return OPTIONS + packed * RIGHTS + (right == "P")


def expiry_of(week: int) -> str:
    """The expiry of a week, yyyymmdd: its Friday, or Thursday where that Friday is Good Friday."""
    friday = FIRST_FRIDAY + np.timedelta64(7 * week, "D")
    year = int(str(friday)[:4])
    return str(friday - np.timedelta64(int(friday == _good_friday(year)), "D")).replace("-", "")


def chain_volatility(underlying: Instrument) -> float:
    """The volatility that prices a chain, the same for all its strikes: 20 % to 45 %, SPY's 18 %."""
    return 0.18 if underlying.con_id == SPY.con_id else (20 + whole(0, underlying.con_id, 0, VOLATILITY_DRAW, 26)) / 100


@lru_cache(1 << 16)
def _decoded(con_id: int) -> Instrument:
    packed, is_put = divmod(con_id - OPTIONS, RIGHTS)
    rest, strike = divmod(packed, STRIKES)
    place, week = divmod(rest, WEEKS)
    if not (0 <= place < len(UNDERLYINGS) and strike):
        raise KeyError(con_id)
    underlying = UNDERLYINGS[place]
    return replace(
        underlying,
        con_id=con_id,
        security_type="OPT",
        exchange="SMART",
        listing="",
        series="",
        scale=1.0,
        multiplier="100",
        expiry=expiry_of(week),
        strike=strike * STRIKE_UNIT,
        right="P" if is_put else "C",
        underlying=underlying.con_id,
        volatility=chain_volatility(underlying),
    )


def _terms(option: Instrument) -> tuple[int, str, float, str]:
    return option.underlying, option.expiry, option.strike, option.right


def _good_friday(year: int) -> np.datetime64:
    """By the Gregorian computus (Meeus, Astronomical Algorithms, 1991, chapter 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 19 * m) // 433
    month = (h + m - 7 * n + 90) // 25
    day = (h + m - 7 * n + 33 * month + 19) % 32
    return np.datetime64(f"{year}-{month:02d}-{day:02d}") - np.timedelta64(2, "D")
