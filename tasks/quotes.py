"""The market now, from the broker."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Literal, cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame

from schemas.frame import empty
from schemas.market import Quotes, Universe
from tasks.connections.durations import Duration
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Quote
from tasks.connections.scope import note
from tasks.contracts import contracts_of, with_benchmark
from tasks.declare import task
from tasks.run import Run
from tasks.sessions import close_before
from tasks.wording import listed

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
    rows = [quotes[contract.con_id] for contract in asked]
    chosen = [_choose(quote, price) for quote in rows]
    for contract, quote, (kind, _) in zip(asked, rows, chosen, strict=True):
        if kind == "none":
            note(f"{contract} has no price. {quote.reason or 'The broker sent neither bid and ask, last nor close.'}")
    if halted := [contract for contract, quote in zip(asked, rows, strict=True) if quote.is_halted]:
        note(f"Trading is halted in {listed(halted)}.")
    frame = pd.DataFrame(
        {
            "con_id": np.array([contract.con_id for contract in asked], dtype=np.int64),
            "symbol": pd.Categorical([contract.symbol for contract in asked]),
            "security_type": pd.Categorical([contract.security_type for contract in asked]),
            "currency": pd.Categorical([contract.currency for contract in asked]),
            "multiplier": [float(contract.multiplier or 1) for contract in asked],
            "bid": [quote.bid for quote in rows],
            "ask": [quote.ask for quote in rows],
            "last": [quote.last for quote in rows],
            "close": [quote.close for quote in rows],
            "price": [value for _, value in chosen],
            "price_kind": pd.Categorical([kind for kind, _ in chosen]),
            "market_data": pd.Categorical([quote.market_data for quote in rows]),
            "time": pd.to_datetime(
                [_seen(quote, kind, now, calendar) for quote, (kind, _) in zip(rows, chosen, strict=True)], utc=True
            ).as_unit("ns"),
        }
    )
    return cast("DataFrame[Quotes]", frame)


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
