"""Bars as they come."""

from __future__ import annotations

import math
import time
from typing import Literal

import numpy as np
import pandas as pd
from pandera.typing import DataFrame

from schemas.bars import Bars
from schemas.market import Universe
from tasks.bars import Count, Size, What, bars_of, market_of, prices_of, seconds_of
from tasks.columns import frame_of
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.rows.bars import Bar, RealTimeBar
from tasks.contracts import contracts_of
from tasks.declare import source
from tasks.run import Run
from tasks.stream import Arrival, Stream

GRACE = pd.Timedelta(seconds=5)
"""How long after its end a bar may still change."""

QUIET = 1.0
"""Seconds without a message of it after which a bar whose time is over has ended."""

WAKE = 1.0


@source
def watch_bars(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    size: Size = "1 min",
    sessions: Count = 1,
    what: What = "TRADES",
    regular_hours: bool = True,
    running: bool = False,
) -> Stream[DataFrame[Bars]]:
    """Bars of the contracts since some sessions ago, then each as it ends.

    Parameters
    ----------
    universe
        The contracts. The broker holds at most fifty such requests open.
    broker
        The connection to follow.
    run
        Its clock says when a bar has ended.
    size
        How long each bar is; the broker follows bars of 5 seconds and more.
    sessions
        How many trading days of history come first, the running one too.
    what
        Of which prices.
    regular_hours
        Only what is within them.
    running
        Whether to tell of a bar while it runs too, whenever it changes, with `complete` false: for
        `keep: latest`. In a log each bar is to come once, when it has ended.

    Returns
    -------
    Stream of Bars
        A contract that is refused is noted and left out. After a dropped connection the bars
        missed come late.
    """
    contracts = {contract.con_id: contract for contract in contracts_of(universe)}
    followed = broker.follow_bars(list(contracts.values()), f"{sessions} D", size, what, regular_hours)
    market = market_of(broker)
    series = {con_id: _Series(seconds_of(size)) for con_id in contracts}
    heard = dict.fromkeys(contracts, -math.inf)

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        now = pd.Timestamp(arrivals[-1].time, unit="ns", tz="UTC") if arrivals else run.now()
        changed = {con_id for con_id, _, _ in arrivals}
        moment = time.monotonic()
        for con_id, _, bar in arrivals:
            series[con_id].add(bar)
            heard[con_id] = moment
        found = {
            contracts[con_id]: each.ended(now if moment - heard[con_id] >= QUIET else None)
            for con_id, each in series.items()
        }
        still: set[tuple[int, int]] = set()
        for con_id in sorted(changed) if running else ():
            if (bar := series[con_id].current) is not None:
                found[contracts[con_id]].append(bar)
                still.add((con_id, int(bar.date) * 1_000_000_000))
        frame = bars_of(found, size, what, now, market)
        keys = zip(frame["con_id"], frame["time"].astype("int64"), strict=True)
        return frame.assign(complete=np.array([key not in still for key in keys], dtype=bool))

    return Stream(followed, read, Bars, run.clock, wake=WAKE)


class _Series:
    """The bars of one contract: which have ended and not been told, and which one is running."""

    def __init__(self, seconds: int) -> None:
        self.current: Bar | None = None
        self._seconds = seconds
        self._ended: list[Bar] = []
        self._told = 0
        """Start of the latest bar that has ended, seconds since 1970."""

    def add(self, bar: Bar) -> None:
        """Take a bar: a new one ends the one before, an old one is known."""
        start = int(bar.date)
        if start <= self._told:
            return
        if self.current is not None and start > int(self.current.date):
            self._end(self.current)
        self.current = bar

    def ended(self, now: pd.Timestamp | None) -> list[Bar]:
        """The bars that have ended since last asked; by the clock too, where the moment is given."""
        if self.current is not None and now is not None:
            end = pd.Timestamp(int(self.current.date) + self._seconds, unit="s", tz="UTC")
            if now >= end + GRACE:
                self._end(self.current)
        ended, self._ended = self._ended, []
        return ended

    def _end(self, bar: Bar) -> None:
        self._ended.append(bar)
        self._told = int(bar.date)
        self.current = None


@source
def watch_real_time_bars(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    what: Literal["TRADES", "MIDPOINT", "BID", "ASK"] = "TRADES",
    regular_hours: bool = True,
) -> Stream[DataFrame[Bars]]:
    """Bars of five seconds of the contracts, each as it ends.

    Parameters
    ----------
    universe
        The contracts; each takes one of the market-data lines that the account has, 100 by default.
    broker
        The connection to follow; it needs live data.
    run
        Its clock dates the batches.
    what
        Of which prices.
    regular_hours
        Only what is within them.

    Returns
    -------
    Stream of Bars
        A log. A contract that is refused is noted and left out.
    """
    contracts = {contract.con_id: contract for contract in contracts_of(universe)}
    followed = broker.follow_real_time_bars(list(contracts.values()), what, regular_hours)
    market = market_of(broker)

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        latest: dict[tuple[int, int], RealTimeBar] = {(con_id, bar.time): bar for con_id, _, bar in arrivals}
        keys, rows = list(latest), list(latest.values())
        return frame_of(
            Bars,
            {
                "con_id": [con_id for con_id, _ in keys],
                "symbol": [contracts[con_id].symbol for con_id, _ in keys],
                "what": [what] * len(rows),
                "size": ["5 secs"] * len(rows),
                "time": [start * 1_000_000_000 for _, start in keys],
                **prices_of(rows),
                "complete": [True] * len(rows),
                "market_data": [market] * len(rows),
            },
        )

    return Stream(followed, read, Bars, run.clock)
