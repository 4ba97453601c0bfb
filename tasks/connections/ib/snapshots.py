"""A quote out of the ticks of a snapshot.

Tick types are named one by one: 1 bid, 2 ask, 4 last, 9 close, 45 time of the last trade, 49 halted; and
delayed 66, 67, 68, 75, 88. The broker sends -1, or 0, for a price that isn't there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tasks.connections.ib.contracts import MarketDataKind, Quote

PRICES = {1: "bid", 2: "ask", 4: "last", 9: "close"}
DELAYED_PRICES = {66: "bid", 67: "ask", 68: "last", 75: "close"}
TIMES = (45, 88)
HALTED = 49
KINDS: dict[int, MarketDataKind] = {1: "live", 2: "frozen", 3: "delayed", 4: "delayed_frozen"}


def read_quote(con_id: int, ticks: Iterable[tuple[Any, ...]], is_simulated: bool) -> Quote:
    """The quote that the ticks make up; a live price is never overwritten by a delayed one."""
    live: dict[str, float] = {}
    delayed: dict[str, float] = {}
    kind: MarketDataKind = "live"
    time: datetime | None = None
    is_halted = False
    for tick, value, *_ in ticks:
        if tick in PRICES:
            live[PRICES[tick]] = _price(value)
        elif tick in DELAYED_PRICES:
            delayed[DELAYED_PRICES[tick]] = _price(value)
        elif tick in TIMES and str(value).isdigit() and int(value) > 0:
            time = datetime.fromtimestamp(int(value), UTC)
        elif tick == HALTED:
            is_halted = value > 0
        elif tick == "market data type":
            kind = KINDS.get(value, "live")
    if delayed and kind in ("live", "frozen"):
        kind = "delayed"  # the ticks themselves say so
    if not live and not delayed:
        return Quote(con_id, is_halted=is_halted, reason="no quote: the broker sent no price")
    prices = delayed | {name: price for name, price in live.items() if not math.isnan(price)}
    return Quote(
        con_id,
        bid=prices.get("bid", math.nan),
        ask=prices.get("ask", math.nan),
        last=prices.get("last", math.nan),
        close=prices.get("close", math.nan),
        last_time=time,
        market_data="simulated" if is_simulated else kind,
        is_halted=is_halted,
    )


def _price(value: float) -> float:
    return value if math.isfinite(value) and value > 0 else math.nan
