"""Trades, changes of bid and ask, and of their middle: every one, from history and as they happen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Annotated, Any, Literal, cast

import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.frame import Frame
from schemas.market import Universe
from schemas.ticks import BidAsks, Midpoints, Trades
from tasks.columns import frame_of
from tasks.connections.durations import Duration
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.rows.ticks import BidAsk, Midpoint, Trade
from tasks.connections.ib.services.history import TickKind
from tasks.connections.ib.services.market import EventKind
from tasks.contracts import answered, contracts_of
from tasks.declare import source, task
from tasks.run import Run
from tasks.sessions import moment_of
from tasks.stream import Arrival, Stream

Limit = Annotated[int, Field(ge=1)]


@task(reads="as_of")
def pull_trades(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    last: Duration = timedelta(minutes=5),
    limit: Limit = 100_000,
    regular_hours: bool = True,
    calendar: str = "XNYS",
) -> DataFrame[Trades]:
    """Every trade of the contracts in the latest minutes or, in a run of a past session, in its last ones.

    Parameters
    ----------
    universe
        The contracts; each is asked for once, a thousand trades an answer: liquid ones take their time.
    broker
        The connection to ask.
    run
        Its clock, or its past session's close, says up to when.
    last
        How far to reach back.
    limit
        Most trades of one contract; one that has more is left out, with a note.
    regular_hours
        Only those within them.
    calendar
        The exchange calendar of the sessions.

    Returns
    -------
    Trades
        Sorted by contract, time and place in its second. A contract without an answer isn't in it,
        and a note says why. For the `begin:` of a `watch_trades`: what overlaps has the same keys,
        as far as the broker's history and its stream hold the same trades.

    Raises
    ------
    Problem
        The first contract's, where none has an answer.
    """
    return cast(
        "DataFrame[Trades]", _pulled("TRADES", _trades, universe, broker, run, last, limit, regular_hours, calendar)
    )


@task(reads="as_of")
def pull_bid_asks(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    last: Duration = timedelta(minutes=5),
    limit: Limit = 100_000,
    regular_hours: bool = True,
    calendar: str = "XNYS",
) -> DataFrame[BidAsks]:
    """Every change of the best bid and ask in the latest minutes: as `pull_trades`.

    The broker counts each request twice against its limit of sixty in ten minutes.
    """
    return cast(
        "DataFrame[BidAsks]", _pulled("BID_ASK", _bid_asks, universe, broker, run, last, limit, regular_hours, calendar)
    )


@task(reads="as_of")
def pull_midpoints(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    last: Duration = timedelta(minutes=5),
    limit: Limit = 100_000,
    regular_hours: bool = True,
    calendar: str = "XNYS",
) -> DataFrame[Midpoints]:
    """Every change of the middle between bid and ask in the latest minutes: as `pull_trades`."""
    return cast(
        "DataFrame[Midpoints]",
        _pulled("MIDPOINT", _midpoints, universe, broker, run, last, limit, regular_hours, calendar),
    )


@source
def watch_trades(
    universe: DataFrame[Universe], broker: Broker, run: Run, include: Literal["reported", "all"] = "reported"
) -> Stream[DataFrame[Trades]]:
    """Every trade of the contracts as it happens.

    Parameters
    ----------
    universe
        The contracts. The broker gives tick-by-tick data of a few at a time: 5 % of the account's
        market-data lines, and at least 3.
    broker
        The connection to follow; it needs live data.
    run
        Its clock dates the batches.
    include
        reported: trades that are reported to the tape.  all: also odd lots, averages and the like.

    Returns
    -------
    Stream of Trades
        A log. A contract that is refused is noted and left out.
    """
    return _watched("Last" if include == "reported" else "AllLast", _trades, Trades, universe, broker, run)


@source
def watch_bid_asks(universe: DataFrame[Universe], broker: Broker, run: Run) -> Stream[DataFrame[BidAsks]]:
    """Every change of the best bid and ask of the contracts as it happens: as `watch_trades`."""
    return _watched("BidAsk", _bid_asks, BidAsks, universe, broker, run)


@source
def watch_midpoints(universe: DataFrame[Universe], broker: Broker, run: Run) -> Stream[DataFrame[Midpoints]]:
    """Every change of the middle between bid and ask of the contracts as it happens: as `watch_trades`."""
    return _watched("MidPoint", _midpoints, Midpoints, universe, broker, run)


Event = tuple[int, str, int, Any]
"""(contract id, symbol, place in its second, row)."""

Columns = Callable[[list[Event], str], pd.DataFrame]


def _pulled(
    what: TickKind,
    columns: Columns,
    universe: pd.DataFrame,
    broker: Broker,
    run: Run,
    last: timedelta,
    limit: int,
    regular_hours: bool,
    calendar: str,
) -> pd.DataFrame:
    end = moment_of(run, calendar)
    # The whole second in which it is now isn't over: what it holds may not be all.
    until = end.value // 1_000_000_000
    start = until - max(1, int(last.total_seconds()))
    contracts = contracts_of(universe)
    answers = broker.ticks_of(contracts, what, start, until, regular_hours=regular_hours, limit=limit)
    places = Places()
    events = [
        (contract.con_id, contract.symbol, places.of(contract.con_id, row.time), row)
        for contract, rows in answered(contracts, answers, "ticks").items()
        for row in rows
    ]
    return columns(events, "simulated" if broker.is_simulated() else "live")


def _watched(
    kind: EventKind, columns: Columns, model: type[Frame], universe: pd.DataFrame, broker: Broker, run: Run
) -> Stream[Any]:
    contracts = {contract.con_id: contract for contract in contracts_of(universe)}
    followed = broker.follow_events(list(contracts.values()), kind)
    market = "simulated" if broker.is_simulated() else "live"
    places = Places()

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        events = [(con_id, contracts[con_id].symbol, places.of(con_id, row.time), row) for con_id, _, row in arrivals]
        return columns(events, market)

    return Stream(followed, read, model, run.clock)


class Places:
    """Counts the events of a contract within each second, for those that come a little late too."""

    KEPT = 600
    """Seconds remembered of each contract."""

    def __init__(self) -> None:
        self._counts: dict[int, dict[int, int]] = {}

    def of(self, con_id: int, second: int) -> int:
        """The place of the next event of this second, from 0."""
        counts = self._counts.setdefault(con_id, {})
        place = counts.get(second, 0)
        counts[second] = place + 1
        if len(counts) > 2 * self.KEPT:
            for old in sorted(counts)[: -self.KEPT]:
                del counts[old]
        return place


def _trades(events: list[Event], market: str) -> pd.DataFrame:
    rows: list[Trade] = [event[3] for event in events]
    return frame_of(
        Trades,
        {
            **_keys(events, market),
            "price": [row.price for row in rows],
            "size": [row.size for row in rows],
            "exchange": [row.exchange for row in rows],
            "conditions": [row.conditions.strip() for row in rows],
            "past_limit": [row.past_limit for row in rows],
            "unreported": [row.unreported for row in rows],
        },
    )


def _bid_asks(events: list[Event], market: str) -> pd.DataFrame:
    rows: list[BidAsk] = [event[3] for event in events]
    return frame_of(
        BidAsks,
        {
            **_keys(events, market),
            "bid": _quoted((row.bid, row.bid_size) for row in rows),
            "ask": _quoted((row.ask, row.ask_size) for row in rows),
            "bid_size": [row.bid_size for row in rows],
            "ask_size": [row.ask_size for row in rows],
            "bid_past_low": [row.bid_past_low for row in rows],
            "ask_past_high": [row.ask_past_high for row in rows],
        },
    )


def _midpoints(events: list[Event], market: str) -> pd.DataFrame:
    rows: list[Midpoint] = [event[3] for event in events]
    return frame_of(Midpoints, {**_keys(events, market), "price": [row.price for row in rows]})


def _keys(events: list[Event], market: str) -> dict[str, list[Any]]:
    return {
        "con_id": [con_id for con_id, _, _, _ in events],
        "symbol": [symbol for _, symbol, _, _ in events],
        "time": [row.time * 1_000_000_000 for _, _, _, row in events],
        "number": [place for _, _, place, _ in events],
        "market_data": [market] * len(events),
    }


def _quoted(pairs: Iterable[tuple[float, float]]) -> list[float]:
    """Prices; null for the broker's words for "nobody quotes this side": -1, or 0, of no size."""
    return [math.nan if price <= 0 and size == 0 else price for price, size in pairs]
