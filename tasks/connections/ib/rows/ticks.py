"""Ticks as the broker sends them.

Source: the broker's list of tick types.

A tick of market data is a plain tuple, since there are hundreds of thousands a second of them:

- `(type, price, flags)` of a price; the bits of `flags` are those of `FLAGS`;
- `(type, size)` of a size, `(type, text)` of a string, `(type, number)` of a generic one;
- `(type, Greeks)` of an option's computation, `(NEWS, Headline)` of a headline;
- `(MARKET_DATA_TYPE, number)` when the market that is shown changes: live, frozen, delayed, both.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

MARKET_DATA_TYPE = "market data type"
NEWS = "news"

FLAGS = {1: "can_auto_execute", 2: "past_limit", 4: "pre_open"}
"""What the bits of a price's flags say."""

Kind = Literal["price", "size", "string", "generic", "option"]

_PRICES = """
1 bid, 2 ask, 4 last, 6 high, 7 low, 9 close, 14 open, 15 low_13_week, 16 high_13_week, 17 low_26_week,
18 high_26_week, 19 low_52_week, 20 high_52_week, 35 auction_price, 37 mark_price, 50 bid_yield, 51 ask_yield,
52 last_yield, 57 last_regular_trade, 66 bid, 67 ask, 68 last, 72 high, 73 low, 75 close, 76 open,
78 creditman_mark_price, 79 creditman_slow_mark_price, 92 etf_nav_close, 93 etf_nav_prior_close, 94 etf_nav_bid,
95 etf_nav_ask, 96 etf_nav_last, 97 etf_frozen_nav_last, 98 etf_nav_high, 99 etf_nav_low,
101 estimated_ipo_midpoint, 102 final_ipo_price, 103 bid_yield, 104 ask_yield
"""
_SIZES = """
0 bid_size, 3 ask_size, 5 last_size, 8 volume, 21 average_volume, 22 open_interest, 27 call_open_interest,
28 put_open_interest, 29 call_volume, 30 put_volume, 34 auction_volume, 36 auction_imbalance,
61 regulatory_imbalance, 63 volume_3_minutes, 64 volume_5_minutes, 65 volume_10_minutes, 69 bid_size, 70 ask_size,
71 last_size, 74 volume, 86 futures_open_interest, 87 average_option_volume, 89 shortable_shares
"""
_STRINGS = """
25 option_bid_exchange, 26 option_ask_exchange, 32 bid_exchange, 33 ask_exchange, 45 last_time,
47 fundamental_ratios, 48 rt_volume, 59 dividends, 62 news_tick, 77 rt_trade_volume, 84 last_exchange,
85 last_regulatory_time, 88 last_time, 91 mutual_fund_nav, 100 social_market_analytics
"""
_GENERICS = """
23 historical_volatility, 24 implied_volatility, 31 index_future_premium, 46 shortable, 49 halted, 54 trade_count,
55 trade_rate, 56 volume_rate, 58 real_time_historical_volatility, 60 bond_factor_multiplier, 90 halted
"""
_OPTIONS = "10 bid, 11 ask, 12 last, 13 model, 53 custom, 80 bid, 81 ask, 82 last, 83 model"


def _table(kind: Kind, text: str) -> dict[int, tuple[Kind, str]]:
    pairs = (item.split() for item in text.replace("\n", " ").split(","))
    return {int(number): (kind, name) for number, name in pairs}


TYPES: dict[int, tuple[Kind, str]] = {
    **_table("price", _PRICES),
    **_table("size", _SIZES),
    **_table("string", _STRINGS),
    **_table("generic", _GENERICS),
    **_table("option", _OPTIONS),
}
"""What a tick type is a tick of, and its name; a delayed one has the name of its live one."""

DELAYED = frozenset({*range(66, 77), *range(80, 84), 88, 90, 103, 104})
"""Types that only delayed data has."""


class Greeks(NamedTuple):
    """An option's computation by the broker; NaN where it isn't computed."""

    implied_volatility: float
    delta: float
    price: float
    dividends: float
    """Present value of the dividends until it expires."""
    gamma: float
    vega: float
    theta: float
    underlying_price: float


class Trade(NamedTuple):
    """One trade of tick-by-tick data, as it happened or from history."""

    time: int
    """In seconds since 1970: the broker tells no finer."""
    price: float
    size: float
    exchange: str
    conditions: str
    past_limit: bool
    unreported: bool


class BidAsk(NamedTuple):
    """One change of the best bid and ask."""

    time: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    bid_past_low: bool
    ask_past_high: bool


class Midpoint(NamedTuple):
    """One change of the middle of bid and ask."""

    time: int
    price: float
