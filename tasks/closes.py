"""Quotes without a market: the latest closes that are stored."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame

from schemas.frame import empty
from schemas.market import Prices, Quotes, Universe
from tasks.connections.calendars import exchange_calendar
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.run import Run
from tasks.wording import counted, listed


@task
def quote_closes(
    universe: DataFrame[Universe],
    prices: DataFrame[Prices],
    run: Run,
    benchmark: str | None = None,
    calendar: str = "XNYS",
) -> DataFrame[Quotes]:
    """The latest close of every contract and the benchmark, as its quote: for a desk that asks no market.

    Parameters
    ----------
    universe
        The contracts.
    prices
        Daily closes, adjusted so that the latest is what was paid that day.
    run
        Its clock says which sessions are over; of a past session, those up to it are.
    benchmark
        Symbol of a US stock or fund to add, found among the prices.
    calendar
        The exchange calendar that says when sessions close, by its ISO 10383 code.

    Returns
    -------
    Quotes
        One row a contract, sorted by con_id. The price is the close of the latest session that is over,
        `close` the one before it, `time` when that session closed; `price_kind` is close and `market_data`
        stored. A contract that isn't among the prices has price null and kind none, and a note names it, as
        one does contracts whose latest close is older than the others'.

    Raises
    ------
    DataProblem
        The benchmark isn't one contract of the prices, or a price is of a day that is no session.
    """
    wanted = _contracts(universe)
    if benchmark is not None:
        wanted = _with_benchmark(wanted, prices, benchmark)
    if wanted.empty:
        return cast("DataFrame[Quotes]", empty(Quotes))
    wanted = wanted.sort_values("con_id", ignore_index=True)
    ended = _ended(prices, run, calendar)
    known = prices[prices["session"].isin(ended.index)].sort_values(["con_id", "session"])
    by_contract = known.groupby("con_id")
    latest = by_contract.nth(-1).set_index("con_id").reindex(wanted["con_id"])
    before = by_contract.nth(-2).set_index("con_id").reindex(wanted["con_id"])
    _tell(wanted["symbol"], latest["session"])
    price = latest["close"].to_numpy()
    nothing = np.full(len(wanted), np.nan)
    frame = pd.DataFrame(
        {
            "con_id": wanted["con_id"],
            **{name: wanted[name].astype("category") for name in ("symbol", "security_type", "currency")},
            "multiplier": wanted["multiplier"],
            **dict.fromkeys(("bid", "ask", "last"), nothing),
            "close": before["close"].to_numpy(),
            "price": price,
            "price_kind": pd.Categorical(np.where(np.isnan(price), "none", "close")),
            "market_data": pd.Categorical(np.where(np.isnan(price), "none", "stored")),
            "time": ended.reindex(latest["session"]).reset_index(drop=True).astype("datetime64[ns, UTC]"),
        }
    )
    return cast("DataFrame[Quotes]", frame)


def _contracts(universe: pd.DataFrame) -> pd.DataFrame:
    columns = ["con_id", "symbol", "security_type", "currency", "multiplier"]
    texts = dict.fromkeys(("symbol", "security_type", "currency"), object)
    return universe[columns].drop_duplicates("con_id").astype(texts)


def _with_benchmark(wanted: pd.DataFrame, prices: pd.DataFrame, benchmark: str) -> pd.DataFrame:
    found = prices.loc[prices["symbol"] == benchmark, "con_id"].unique()
    if len(found) != 1:
        raise DataProblem(
            f"The benchmark {benchmark} is {counted(len(found), 'contract')} among the prices.",
            "Store its closes with those of the book." if not len(found) else "Keep the closes of only one of them.",
        )
    if found[0] in wanted["con_id"].to_numpy():
        return wanted
    own = {"con_id": found, "symbol": benchmark, "security_type": "STK", "currency": "USD", "multiplier": 1.0}
    return pd.concat([wanted, pd.DataFrame(own)], ignore_index=True)


def _ended(prices: pd.DataFrame, run: Run, calendar: str) -> pd.Series[Any]:
    """When each session of the prices closed, of those that are over for the run."""
    sessions = pd.DatetimeIndex(prices["session"].unique()).sort_values()
    if not len(sessions):
        return pd.Series([], index=sessions, dtype="datetime64[ns, UTC]")
    closes = exchange_calendar(calendar, sessions[0], sessions[-1]).closes
    strange = sessions.difference(closes.index)
    if len(strange):
        days = listed(f"{day:%Y-%m-%d}" for day in strange)
        raise DataProblem(f"{days}: no sessions of the calendar {calendar}.", "Give the exchange's own by `calendar:`.")
    closes = closes.reindex(sessions)
    over: pd.Series[Any] = closes[(sessions <= pd.Timestamp(run.session)) & (closes <= run.now())]
    return over


def _tell(symbols: pd.Series[str], sessions: pd.Series[Any]) -> None:
    absent = symbols[sessions.isna().to_numpy()]
    if len(absent):
        note(f"No stored close of {listed(absent)}.")
    newest = sessions.max()
    old = symbols[(sessions < newest).to_numpy()]
    if len(old):
        note(f"The latest close of {listed(old)} is older than {newest:%Y-%m-%d}, which others have.")
