"""A quote out of the ticks of a snapshot.

Tick types are named one by one: 1 bid, 2 ask, 4 last, 9 close, 45 time of the last trade, 49 halted; and
delayed 66, 67, 68, 75, 88, 90. The broker sends -1, or 0, for a price that isn't there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tasks.connections.ib.contracts import MarketDataKind, Quote
from tasks.connections.ib.rows.ticks import MARKET_DATA_TYPE

if TYPE_CHECKING:
    from tasks.connections.ib.latest import LatestQuote

PRICES = {1: "bid", 2: "ask", 4: "last", 9: "close"}
DELAYED_PRICES = {66: "bid", 67: "ask", 68: "last", 75: "close"}
TIMES = (45, 88)
HALTED = (49, 90)
KINDS: dict[int, MarketDataKind] = {1: "live", 2: "frozen", 3: "delayed", 4: "delayed_frozen"}


def read_quote(con_id: int, ticks: Iterable[tuple[Any, ...]], is_simulated: bool) -> Quote:
    """The quote that the ticks make up; a live price is never overwritten by a delayed one."""
    running = RunningQuote(con_id, is_simulated)
    for tick in ticks:
        running.add(tick)
    return running.quote()


def quote_of(con_id: int, latest: LatestQuote, is_simulated: bool) -> Quote:
    """The quote that the latest prices make up."""
    prices = {name: _price(getattr(latest, name)) for name in ("bid", "ask", "last", "close")}
    is_halted = latest.halted > 0
    if all(math.isnan(getattr(latest, name)) for name in prices):
        return Quote(con_id, is_halted=is_halted, reason="no quote: the broker sent no price")
    kind = KINDS.get(int(latest.market_data_type), "live") if latest.market_data_type > 0 else "live"
    if latest.is_delayed == 1 and kind in ("live", "frozen"):
        kind = "delayed"
    return Quote(
        con_id,
        bid=prices["bid"],
        ask=prices["ask"],
        last=prices["last"],
        close=prices["close"],
        last_time=datetime.fromtimestamp(latest.last_time, UTC) if latest.last_time > 0 else None,
        market_data="simulated" if is_simulated else kind,
        is_halted=is_halted,
    )


class RunningQuote:
    """A quote as tick follows tick."""

    def __init__(self, con_id: int, is_simulated: bool) -> None:
        self._con_id, self._is_simulated = con_id, is_simulated
        self._live: dict[str, float] = {}
        self._delayed: dict[str, float] = {}
        self._kind: MarketDataKind = "live"
        self._time: datetime | None = None
        self._is_halted = False

    def add(self, tick: tuple[Any, ...]) -> None:
        """Take a tick; see `tasks.connections.ib.rows.ticks`."""
        what, value = tick[:2]
        if what in PRICES:
            self._live[PRICES[what]] = _price(value)
        elif what in DELAYED_PRICES:
            self._delayed[DELAYED_PRICES[what]] = _price(value)
        elif what in TIMES and str(value).isdigit() and int(value) > 0:
            self._time = datetime.fromtimestamp(int(value), UTC)
        elif what in HALTED:
            self._is_halted = value > 0
        elif what == MARKET_DATA_TYPE:
            self._kind = KINDS.get(value, "live")

    def quote(self) -> Quote:
        """The quote now."""
        live, delayed = self._live, self._delayed
        if not live and not delayed:
            return Quote(self._con_id, is_halted=self._is_halted, reason="no quote: the broker sent no price")
        prices = delayed | {name: price for name, price in live.items() if not math.isnan(price)}
        return Quote(
            self._con_id,
            bid=prices.get("bid", math.nan),
            ask=prices.get("ask", math.nan),
            last=prices.get("last", math.nan),
            close=prices.get("close", math.nan),
            last_time=self._time,
            market_data=self.market_data,
            is_halted=self._is_halted,
        )

    @property
    def market_data(self) -> MarketDataKind:
        """Whose market it is."""
        if self._is_simulated:
            return "simulated"
        is_late = bool(self._delayed) and self._kind in ("live", "frozen")
        return "delayed" if is_late else self._kind  # the ticks themselves say so


def _price(value: float) -> float:
    return value if math.isfinite(value) and value > 0 else math.nan
