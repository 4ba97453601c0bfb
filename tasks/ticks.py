"""Ticks of market data, whatever they are of."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pandas as pd
from pandera.typing import DataFrame

from schemas.market import Universe
from schemas.ticks import Ticks
from tasks.columns import frame_of
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.rows.ticks import FLAGS, TYPES
from tasks.connections.ib.snapshots import RunningQuote
from tasks.contracts import contracts_of
from tasks.declare import source
from tasks.run import Run
from tasks.stream import Arrival, Stream


@source
def watch_ticks(
    universe: DataFrame[Universe], broker: Broker, run: Run, generic: list[int] | None = None
) -> Stream[DataFrame[Ticks]]:
    """Every tick of the contracts' market data as it comes: prices, sizes, strings and generic ones, in one table.

    Parameters
    ----------
    universe
        The contracts; each takes one of the market-data lines that the account has, 100 by default.
    broker
        The connection to follow. Its setting `market_data` says whether delayed data will do.
    run
        Its clock says when they came.
    generic
        Numbers of the broker's groups of ticks wanted beside the usual ones: 100 option volume, 101
        option open interest, 104 historical volatility, 106 implied volatility, 165 high and low of
        13, 26 and 52 weeks, 221 mark price, 233 every trade's price, size and time, 236 shortable …

    Returns
    -------
    Stream of Ticks
        A log. The broker samples: prices come a few times a second, not each one (`watch_trades` has
        each). A contract that is refused, for want of lines or permissions, is noted and left out.
        Computations of options are `watch_option_computations`', headlines `watch_headlines`'.
    """
    contracts = {contract.con_id: contract for contract in contracts_of(universe)}
    followed = broker.follow_ticks(list(contracts.values()), ",".join(str(number) for number in generic or ()))
    is_simulated = broker.is_simulated()
    markets = {con_id: RunningQuote(con_id, is_simulated) for con_id in contracts}
    told: Counter[int] = Counter()

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        rows = []
        for con_id, time, tick in arrivals:
            markets[con_id].add(tick)
            row = _row(tick)
            if row is not None:
                rows.append((con_id, contracts[con_id].symbol, told[con_id], time, *row, markets[con_id].market_data))
                told[con_id] += 1
        columns = zip(*rows, strict=True) if rows else ((),) * len(NAMES)
        return frame_of(Ticks, dict(zip(NAMES, columns, strict=True)))

    return Stream(followed, read, Ticks, run.clock)


NAMES = ("con_id", "symbol", "number", "time", "kind", "tick", "value", "text", "flags", "market_data")


def _row(tick: tuple[Any, ...]) -> tuple[str, str, float, str, str] | None:
    """(kind, name, value, text, flags); None for what is no tick of these."""
    number, value = tick[:2]
    if isinstance(value, tuple) or not isinstance(number, int):
        return None
    unknown = "string" if isinstance(value, str) else "price" if len(tick) > 2 else "generic"
    kind, name = TYPES.get(number, (unknown, f"tick_{number}"))
    if isinstance(value, str):
        return "string", name, math.nan, value, ""
    if len(tick) == 2:
        return ("size" if kind == "size" else "generic"), name, value, "", ""
    flags = ",".join(name for bit, name in FLAGS.items() if tick[2] & bit)
    # The broker's word for a price that isn't there is -1, and once 0.
    return "price", name, value if value > 0 or kind != "price" else math.nan, "", flags
