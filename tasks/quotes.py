"""The market now, from the broker."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, NamedTuple, cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.frame import empty
from schemas.market import Quotes, Universe
from tasks.columns import frame_of
from tasks.connections.durations import Duration
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract, Quote
from tasks.connections.ib.snapshots import quote_of
from tasks.connections.problems import Problem
from tasks.connections.scope import note
from tasks.contracts import contracts_of, with_benchmark
from tasks.declare import source, task
from tasks.run import Run
from tasks.sessions import close_before
from tasks.stream import Arrival, Stream
from tasks.wording import listed

GRACE = 1.0
"""Seconds that the first prices of a contract are waited for, so that its first row isn't half a quote."""

PATIENCE = 5.0
"""Seconds that every contract has for its first price before those of the others are given on: a book of which
only a part is priced would be hedged as if that were all of it."""

WAKE = 0.2

PriceKind = Literal["mid", "last", "close", "none"]


@task(reads="now")
def read_quotes(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    benchmark: str | None = None,
    price: Literal["mid", "last"] = "mid",
    timeout: Duration = timedelta(seconds=20),
    calendar: str = "XNYS",
) -> DataFrame[Quotes]:
    """A snapshot of the market in every contract and the benchmark.

    Parameters
    ----------
    universe
        The contracts; each is asked for once.
    broker
        The connection to ask. Its setting `market_data` says whether delayed data will do.
    run
        Its clock says when the quotes were taken.
    benchmark
        Symbol of a US stock or fund to add.
    price
        mid: (bid + ask) / 2 where both are above zero and not crossed, else the last trade, else
        the previous session's close.  last: the last trade, else mid, else close.
    timeout
        How long to wait for each quote.
    calendar
        The exchange calendar that says when the previous session closed.

    Returns
    -------
    Quotes
        One row a contract, sorted by con_id; prices per unit in the contract's own currency.
        `price_kind` says which price was taken, `market_data` whose market it is (live, delayed,
        simulated …), `time` when the price was seen: of a last trade, and of any delayed price,
        the time that the broker tells; of a close, when its session closed; else now. A contract
        without a quote has price null and kind none, and a note says why.

    Raises
    ------
    DataProblem
        The benchmark is unknown or ambiguous.
    ConnectionProblem
        No contract at all was answered.
    """
    asked, _ = with_benchmark(contracts_of(universe), broker, benchmark)
    if not asked:
        return cast("DataFrame[Quotes]", empty(Quotes))
    quotes = broker.quotes(asked, timeout.total_seconds())
    now = run.now()
    rows = [Seen(contract, quotes[contract.con_id], now) for contract in asked]
    frame = _frame(rows, price, calendar)
    for (contract, quote, _), kind in zip(rows, frame["price_kind"], strict=True):
        if kind == "none":
            note(f"{contract} has no price. {quote.reason or 'The broker sent neither bid and ask, last nor close.'}")
    if halted := [contract for contract, quote, _ in rows if quote.is_halted]:
        note(f"Trading is halted in {listed(halted)}.")
    return cast("DataFrame[Quotes]", frame)


@source
def watch_quotes(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    benchmark: str | None = None,
    price: Literal["mid", "last"] = "mid",
    calendar: str = "XNYS",
) -> Stream[DataFrame[Quotes]]:
    """The market in every contract and the benchmark, a row whenever the broker tells of it.

    Parameters
    ----------
    universe
        The contracts; each takes one of the market-data lines that the account has, 100 by default.
    broker
        The connection to follow. Its setting `market_data` says whether delayed data will do.
    run
        Its clock says when the quotes came.
    benchmark
        Symbol of a US stock or fund to add.
    price
        mid: (bid + ask) / 2 where both are above zero and not crossed, else the last trade, else
        the previous session's close.  last: the last trade, else mid, else close.
    calendar
        The exchange calendar that says when the previous session closed.

    Returns
    -------
    Stream of Quotes
        With `keep: latest`, the market now. What comes faster than it is taken is drawn together:
        a batch has one row a contract, its latest; the first waits a few seconds for a price of each of them.
        A contract that the broker refuses, for want of
        lines or permissions, has one row with price null and kind none, and a note says why.

    Raises
    ------
    DataProblem
        The benchmark is unknown or ambiguous.
    """
    asked, _ = with_benchmark(contracts_of(universe), broker, benchmark)
    contracts = {contract.con_id: contract for contract in asked}
    followed = broker.follow_quotes(asked)
    is_simulated = broker.is_simulated()
    waiting: dict[int, Seen] = {}
    until = dict.fromkeys(contracts, math.inf)
    begins, has_begun = time.monotonic() + PATIENCE, False

    def refuse(con_id: int, problem: Problem) -> None:
        until[con_id] = 0.0
        waiting[con_id] = Seen(contracts[con_id], Quote(con_id, reason=str(problem)), run.now())

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        nonlocal has_begun
        now = time.monotonic()
        for con_id, moment, latest in arrivals:
            quote = quote_of(con_id, latest, is_simulated)
            waiting[con_id] = Seen(contracts[con_id], quote, pd.Timestamp(moment, unit="ns", tz="UTC"))
            is_whole = quote.bid > 0 and quote.ask > 0
            until[con_id] = 0.0 if is_whole else min(until[con_id], now + GRACE)
        has_begun = has_begun or now >= begins or all(moment <= now for moment in until.values())
        ready = sorted(con_id for con_id in waiting if until[con_id] <= now) if has_begun else []
        return _frame([waiting.pop(con_id) for con_id in ready], price, calendar)

    return Stream(followed, read, Quotes, run.clock, wake=WAKE, refused=refuse)


class Seen(NamedTuple):
    """A quote, and when it came."""

    contract: Contract
    quote: Quote
    time: pd.Timestamp


def _frame(rows: Sequence[Seen], price: Literal["mid", "last"], calendar: str) -> pd.DataFrame:
    contracts = [row.contract for row in rows]
    quotes = [row.quote for row in rows]
    chosen = [_choose(quote, price) for quote in quotes]
    return frame_of(
        Quotes,
        {
            "con_id": [contract.con_id for contract in contracts],
            "symbol": [contract.symbol for contract in contracts],
            "security_type": [contract.security_type for contract in contracts],
            "currency": [contract.currency for contract in contracts],
            "multiplier": [float(contract.multiplier or 1) for contract in contracts],
            "bid": [quote.bid for quote in quotes],
            "ask": [quote.ask for quote in quotes],
            "last": [quote.last for quote in quotes],
            "close": [quote.close for quote in quotes],
            "price": [value for _, value in chosen],
            "price_kind": [kind for kind, _ in chosen],
            "market_data": [quote.market_data for quote in quotes],
            "time": [
                _seen(quote, kind, row.time, calendar)
                for row, quote, (kind, _) in zip(rows, quotes, chosen, strict=True)
            ],
        },
    )


def _choose(quote: Quote, price: Literal["mid", "last"]) -> tuple[PriceKind, float]:
    """(which price, the price): the first that there is."""
    mid = (quote.bid + quote.ask) / 2 if 0 < quote.bid <= quote.ask else math.nan
    first: list[tuple[PriceKind, float]] = [("mid", mid), ("last", quote.last)]
    if price == "last":
        first.reverse()
    for kind, value in [*first, ("close", quote.close)]:
        if value > 0:
            return kind, value
    return "none", math.nan


def _seen(quote: Quote, kind: PriceKind, now: pd.Timestamp, calendar: str) -> pd.Timestamp:
    """When the price was last seen to be so; never later than now."""
    if kind == "none":
        return cast("pd.Timestamp", pd.NaT)
    if kind == "close":
        return close_before(calendar, now)
    is_old = kind == "last" or quote.market_data in ("delayed", "delayed_frozen", "frozen")
    if is_old and quote.last_time is not None:
        return min(pd.Timestamp(quote.last_time), now)
    return now
