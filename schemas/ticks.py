"""What happens in a market, one row an event.

The broker tells times of trades in whole seconds. `number` tells apart events of one second, so that
what was pulled from history and what came live have the same key.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame, Instant

MARKETS = ["live", "frozen", "delayed", "delayed_frozen", "simulated", "none"]


class Ticks(Frame):
    """Ticks of market data of every kind, one row a tick, as they came."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "number")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    number: np.int64 = pa.Field(ge=0, description="Its place among the contract's ticks since the stream began, from 0")
    time: Instant = pa.Field(description="When it came, by the run's clock")
    kind: Category = pa.Field(isin=["price", "size", "string", "generic"])
    tick: Category = pa.Field(description="What it is a tick of: bid, last_size, halted …; tick_N for one unknown")
    value: np.float64 = pa.Field(nullable=True, description="Null for text, and for a number that isn't there")
    text: object = pa.Field(description="Of a string; empty for the others")
    flags: Category = pa.Field(description="Of a price: can_auto_execute, past_limit, pre_open, separated by commas")
    market_data: Category = pa.Field(isin=MARKETS, description="Whose market it is")


class Trades(Frame):
    """Trades, one row each."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "time", "number")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    time: Instant = pa.Field(description="When it traded, to the second")
    number: np.int64 = pa.Field(ge=0, description="Its place among the contract's trades of that second, from 0")
    price: np.float64
    size: np.float64 = pa.Field(ge=0)
    exchange: Category
    conditions: Category = pa.Field(description="The exchange's codes of special conditions; empty for none")
    past_limit: bool
    unreported: bool = pa.Field(description="Not reported to the tape: odd lots, averages and the like")
    market_data: Category = pa.Field(isin=MARKETS, description="Whose market it is")


class BidAsks(Frame):
    """Changes of the best bid and ask, one row each."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "time", "number")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    time: Instant = pa.Field(description="When it changed, to the second")
    number: np.int64 = pa.Field(ge=0, description="Its place among the contract's changes of that second, from 0")
    bid: np.float64 = pa.Field(nullable=True, description="Null where nobody bids")
    ask: np.float64 = pa.Field(nullable=True, description="Null where nobody asks")
    bid_size: np.float64 = pa.Field(ge=0)
    ask_size: np.float64 = pa.Field(ge=0)
    bid_past_low: bool = pa.Field(description="Whether the bid is below the day's low")
    ask_past_high: bool = pa.Field(description="Whether the ask is above the day's high")
    market_data: Category = pa.Field(isin=MARKETS, description="Whose market it is")


class Midpoints(Frame):
    """Changes of the middle between bid and ask, one row each."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "time", "number")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    time: Instant = pa.Field(description="When it changed, to the second")
    number: np.int64 = pa.Field(ge=0, description="Its place among the contract's changes of that second, from 0")
    price: np.float64
    market_data: Category = pa.Field(isin=MARKETS, description="Whose market it is")
