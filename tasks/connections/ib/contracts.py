"""What the broker tells of contracts, positions and prices, as plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

UNSET = 1.7e308
"""Numbers from here on mean "not set" on the wire (it sends the largest double)."""

UNSET_DECIMAL = float(2**127 - 1)
"""What a client of 10.x gives for a decimal that isn't set."""

MarketDataKind = Literal["live", "frozen", "delayed", "delayed_frozen", "simulated", "none"]


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract as a request names it: by its id, or by enough of the rest to be the only one."""

    con_id: int = 0
    symbol: str = ""
    security_type: str = ""
    currency: str = ""
    exchange: str = ""
    """Where to route; empty: where the broker routes this type."""
    multiplier: str = ""
    expiry: str = ""
    strike: float = 0.0
    right: str = ""
    local_symbol: str = ""
    trading_class: str = ""

    def __str__(self) -> str:
        name = " ".join(part for part in (self.local_symbol or self.symbol, self.security_type, self.currency) if part)
        return f"{name} ({self.con_id})" if self.con_id else name


@dataclass(frozen=True, slots=True)
class Position:
    """What one account holds of one contract."""

    account: str
    contract: Contract
    quantity: float
    average_cost: float
    """Of one contract; for options and futures the multiplier is in it."""


@dataclass(frozen=True, slots=True)
class ContractDetails:
    """A contract and what it is."""

    contract: Contract
    name: str
    listing: str
    """The exchange that it is listed on."""
    minimum_tick: float
    time_zone: str
    market_name: str = ""
    underlying: int = 0
    """Contract id of what it is derived from; 0 for none."""
    underlying_symbol: str = ""
    underlying_type: str = ""
    expiry: str = ""
    """The day it really expires: `yyyymmdd`."""
    last_trade_time: str = ""
    stock_type: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    order_types: str = ""
    """Kinds and attributes of orders that it takes, separated by commas."""
    exchanges: str = ""
    """Where it can be traded, separated by commas."""
    market_rules: str = ""
    """One number for each of `exchanges`: the rule of its price steps."""
    trading_hours: str = ""
    liquid_hours: str = ""
    """`yyyymmdd:hhmm-yyyymmdd:hhmm`, or `yyyymmdd:CLOSED`, separated by semicolons, in `time_zone`."""
    price_magnifier: int = 1
    """What the order's price is multiplied with against its own quotes'."""
    identifiers: tuple[tuple[str, str], ...] = ()
    """Such as its ISIN, by kind."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A snapshot of the market in one contract; NaN where a price is missing."""

    con_id: int
    bid: float = math.nan
    ask: float = math.nan
    last: float = math.nan
    close: float = math.nan
    last_time: datetime | None = None
    """When it last traded, where the broker says."""
    market_data: MarketDataKind = "none"
    is_halted: bool = False
    reason: str = ""
    """Why there is no quote; empty where there is one."""


def number(value: Any) -> float:
    """A number of the wire, whichever type the client gives it (int, float, Decimal); NaN when it isn't set."""
    converted = float(value)
    return math.nan if abs(converted) >= UNSET or converted == UNSET_DECIMAL else converted
