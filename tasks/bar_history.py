"""Bars of sessions that are over, from the store, and from the broker where the store lacks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.bars import Bars, DailyBars
from schemas.market import Universe
from tasks.bars import DailyWhat, What
from tasks.bars_store import NUMBERS, BarStore, no_bars
from tasks.closed_bars import ClosedBars
from tasks.columns import frame_of
from tasks.connections.arctic import FrameStore
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.contracts import answered, contracts_of
from tasks.declare import task
from tasks.run import Run
from tasks.stored_history import tell_pulled_before

Count = Annotated[int, Field(ge=1)]
Size = Literal[
    "1 min",
    "2 mins",
    "3 mins",
    "5 mins",
    "10 mins",
    "15 mins",
    "20 mins",
    "30 mins",
    "1 hour",
    "2 hours",
    "3 hours",
    "4 hours",
    "8 hours",
]


@task(reads="as_of")
def pull_daily_history(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    store: FrameStore,
    sessions: Count = 252,
    what: DailyWhat = "TRADES",
    calendar: str = "XNYS",
    library: str = "history",
    refresh: bool = False,
) -> DataFrame[DailyBars]:
    """Daily bars of the latest sessions that are over; what the store has isn't asked for again.

    As `pull_history` does it, whose bars these are where `what` is ADJUSTED_LAST: the session before those that
    are lacking is asked for again, and where it differs, the contract is pulled whole.

    Parameters
    ----------
    universe
        The contracts; each is asked for once.
    broker
        The connection to ask.
    run
        Its clock says which sessions are over.
    store
        Where bars are kept.
    sessions
        How many, by the calendar.
    what
        Of which prices.
    calendar
        The exchange calendar of the sessions.
    library
        Of the store.
    refresh
        Pull all anew.

    Returns
    -------
    DailyBars
        Sorted by contract and session; all of them complete. A contract without any isn't in it, and a note
        says why. In a run of a past session: from the store alone, as known then.

    Raises
    ------
    Problem
        The first contract's, where none has bars.
    """
    closed = ClosedBars(broker, BarStore(store, library), run, calendar)
    contracts = contracts_of(universe)
    found = answered(contracts, closed.daily(contracts, closed.sessions(sessions), what, refresh=refresh), "daily bars")
    tell_pulled_before(found.values(), run)
    frame, keys = _rows(found)
    columns = {**keys, "what": [what] * len(frame), "session": frame["session"].to_numpy(), **_numbers(frame)}
    return cast("DataFrame[DailyBars]", frame_of(DailyBars, {**columns, **closed.said(len(frame), "1 day")}))


@task(reads="as_of")
def pull_bar_history(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    store: FrameStore,
    size: Size = "1 min",
    sessions: Count = 20,
    what: What = "TRADES",
    calendar: str = "XNYS",
    library: str = "history",
) -> DataFrame[Bars]:
    """Bars of minutes or hours of the latest sessions that are over; what the store has isn't asked for again.

    A split changes all bars of before. So the daily closes of the same sessions are pulled first, in the same
    way: a session whose close isn't what it was when its bars were pulled is asked for again.

    Parameters
    ----------
    universe
        The contracts; each is asked for once a session, or for as many sessions as the broker gives at once.
    broker
        The connection to ask.
    run
        Its clock says which sessions are over.
    store
        Where bars are kept, session by session as they come.
    size
        How long each bar is.
    sessions
        How many, by the calendar.
    what
        Of which prices, within regular hours.
    calendar
        The exchange calendar of the sessions.
    library
        Of the store.

    Returns
    -------
    Bars
        Sorted by contract and start; all of them complete. A contract without any isn't in it, and a note
        says why. In a run of a past session: from the store alone, as known then.

    Raises
    ------
    Problem
        The first contract's, where none has bars.
    """
    closed = ClosedBars(broker, BarStore(store, library), run, calendar)
    contracts, wanted = contracts_of(universe), closed.sessions(sessions)
    bars = closed.known(contracts, wanted, size, what) if run.past else closed.fine(contracts, wanted, size, what)
    found = answered(contracts, bars, f"bars of {size}")
    tell_pulled_before(found.values(), run)
    frame, keys = _rows(found)
    columns = {**keys, "what": [what] * len(frame), "time": pd.DatetimeIndex(frame["time"]), **_numbers(frame)}
    return cast("DataFrame[Bars]", frame_of(Bars, {**columns, **closed.said(len(frame), size)}))


def _rows(found: Mapping[Contract, pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, list[Any]]]:
    """(all bars, one contract after the other; their columns of contract)."""
    frames = {contract: frame for contract, frame in found.items() if len(frame)}
    joined = pd.concat(frames.values(), ignore_index=True) if frames else no_bars()
    each = [contract for contract, frame in frames.items() for _ in range(len(frame))]
    return joined, {"con_id": [one.con_id for one in each], "symbol": [one.symbol for one in each]}


def _numbers(frame: pd.DataFrame) -> dict[str, Any]:
    """Prices and volumes; null for what makes no sense: the broker says -1."""
    columns = {name: frame[name].to_numpy() for name in NUMBERS}
    columns["volume"] = frame["volume"].where(frame["volume"] >= 0).to_numpy()
    columns["average"] = frame["average"].where(frame["average"] > 0).to_numpy()
    columns["trades"] = frame["trades"].where(frame["trades"] >= 0).to_numpy()
    return columns
