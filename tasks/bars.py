"""Bars of history, of any length."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandera.typing import DataFrame
from pydantic import Field

from schemas.bars import Bars, DailyBars
from schemas.market import Universe
from tasks.columns import frame_of
from tasks.connections.durations import Duration
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.bars import Bar, days_of, moments_of
from tasks.connections.problems import DataProblem
from tasks.contracts import answered, contracts_of
from tasks.declare import task
from tasks.run import Run
from tasks.sessions import have_closed, moment_of

What = Literal["TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "AGGTRADES", "HISTORICAL_VOLATILITY"]
DailyWhat = Literal[
    "TRADES",
    "ADJUSTED_LAST",
    "MIDPOINT",
    "BID",
    "ASK",
    "BID_ASK",
    "AGGTRADES",
    "HISTORICAL_VOLATILITY",
    "OPTION_IMPLIED_VOLATILITY",
]
Size = Literal[
    "1 secs",
    "5 secs",
    "10 secs",
    "15 secs",
    "30 secs",
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
DailySize = Literal["1 day", "1 week", "1 month"]
Count = Annotated[int, Field(ge=1)]

SECONDS = {"sec": 1, "min": 60, "hour": 3600}
PERIODS = {"1 day": "D", "1 week": "W", "1 month": "M"}
"""Of pandas: what a bar of each length is of."""


@task(reads="as_of")
def pull_bars(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    size: Size = "1 min",
    sessions: Count = 1,
    last: Duration | None = None,
    what: What = "TRADES",
    regular_hours: bool = True,
    calendar: str = "XNYS",
) -> DataFrame[Bars]:
    """Bars of seconds, minutes or hours of each contract, up to now or to the close of a past session.

    Parameters
    ----------
    universe
        The contracts; each is asked for once.
    broker
        The connection to ask. The broker allows sixty requests in ten minutes for bars of 30 seconds and less.
    run
        Its clock, or its past session's close, says up to when.
    size
        How long each bar is.
    sessions
        How many trading days to reach back, the running one too.
    last
        How far to reach back instead; a day at most. The shorter the bars, the less the broker allows.
    what
        Of which prices. BID_ASK: open and close are the averages of bid and of ask.
    regular_hours
        Only what is within them.
    calendar
        The exchange calendar of the sessions.

    Returns
    -------
    Bars
        Sorted by contract and start; in each contract's own currency, per unit. `complete` is false
        for a bar that is still running. A contract without an answer isn't in it, and a note says why.

    Raises
    ------
    DataProblem
        `last` is no whole number of seconds up to a day.
    Problem
        The first contract's, where none has an answer.
    """
    duration = f"{sessions} D" if last is None else _seconds(last)
    moment = moment_of(run, calendar)
    contracts = contracts_of(universe)
    answers = broker.bars(contracts, duration, size, what, _end(run, moment), regular_hours)
    found = answered(contracts, answers, f"bars of {size}")
    return cast("DataFrame[Bars]", bars_of(found, size, what, moment, market_of(broker)))


@task(reads="as_of")
def pull_daily_bars(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    size: DailySize = "1 day",
    count: Count = 252,
    what: DailyWhat = "TRADES",
    regular_hours: bool = True,
    calendar: str = "XNYS",
) -> DataFrame[DailyBars]:
    """Bars of days, weeks or months of each contract, up to now or to the close of a past session.

    Parameters
    ----------
    universe
        The contracts; each is asked for once.
    broker
        The connection to ask.
    run
        Its clock, or its past session's close, says up to when.
    size
        How long each bar is.
    count
        How many bars, the running one too; fewer where there are no more.
    what
        Of which prices. TRADES are adjusted for splits, ADJUSTED_LAST for dividends too: the broker
        adjusts up to today only.
    regular_hours
        Only what is within them.
    calendar
        The exchange calendar of the sessions.

    Returns
    -------
    DailyBars
        Sorted by contract and session. `complete` is false for a bar whose period isn't over. A
        contract without an answer isn't in it, and a note says why.

    Raises
    ------
    DataProblem
        ADJUSTED_LAST in a run of a past session.
    Problem
        The first contract's, where none has an answer.
    """
    if what == "ADJUSTED_LAST" and run.past:
        raise DataProblem(
            "The broker adjusts prices up to today only: ADJUSTED_LAST can't be had as of a past session.",
            "Keep what a run of that session pulled, or take `what: TRADES`.",
        )
    moment = moment_of(run, calendar)
    end = "" if what == "ADJUSTED_LAST" else _end(run, moment)
    contracts = contracts_of(universe)
    answers = broker.bars(contracts, _duration(size, count), size, what, end, regular_hours)
    found = {contract: rows[-count:] for contract, rows in answered(contracts, answers, f"bars of {size}").items()}
    rows, keys = _joined(found)
    days = days_of([row.date for row in rows])
    frame = frame_of(
        DailyBars,
        {
            **keys,
            "what": [what] * len(rows),
            "size": [size] * len(rows),
            "session": days,
            **prices_of(rows),
            "complete": have_closed(calendar, _last_days(days, size), moment),
            "market_data": [market_of(broker)] * len(rows),
        },
    )
    return cast("DataFrame[DailyBars]", frame)


def bars_of(
    found: Mapping[Contract, Sequence[Bar]], size: str, what: str, now: pd.Timestamp, market: str
) -> pd.DataFrame:
    """Bars shorter than a day; one whose time isn't over by `now` isn't complete."""
    rows, keys = _joined(found)
    starts = moments_of([row.date for row in rows])
    return frame_of(
        Bars,
        {
            **keys,
            "what": [what] * len(rows),
            "size": [size] * len(rows),
            "time": starts,
            **prices_of(rows),
            "complete": starts + seconds_of(size) * 1_000_000_000 <= now.value,
            "market_data": [market] * len(rows),
        },
    )


def prices_of(rows: Sequence[Any]) -> dict[str, list[float]]:
    """The columns of prices and volumes of bars; null for what makes no sense: the broker says -1."""
    return {
        **{name: [getattr(row, name) for row in rows] for name in ("open", "high", "low", "close")},
        "volume": [row.volume if row.volume >= 0 else math.nan for row in rows],
        "average": [row.average if row.average > 0 else math.nan for row in rows],
        "trades": [row.trades if row.trades >= 0 else math.nan for row in rows],
    }


def seconds_of(size: str) -> int:
    """The length of a bar."""
    count, unit = size.split()
    return int(count) * SECONDS[unit.removesuffix("s")]


def market_of(broker: Broker) -> str:
    """Whose market the broker's history and live events are of."""
    return "simulated" if broker.is_simulated() else "live"


def _joined(found: Mapping[Contract, Sequence[Bar]]) -> tuple[list[Bar], dict[str, list[Any]]]:
    """(all bars, each once, one contract after the other, oldest first; their columns of contract)."""
    rows: list[Bar] = []
    contracts: list[Contract] = []
    for contract, bars in found.items():
        each = {bar.date: bar for bar in bars}
        rows += [each[key] for key in sorted(each)]
        contracts += [contract] * len(each)
    return rows, {
        "con_id": [contract.con_id for contract in contracts],
        "symbol": [contract.symbol for contract in contracts],
    }


def _last_days(days: NDArray[np.datetime64], size: str) -> NDArray[np.datetime64]:
    """The last day of the period that each day is in."""
    periods = pd.DatetimeIndex(days.astype("datetime64[ns]")).to_period(PERIODS[size])
    return periods.to_timestamp(how="end").to_numpy().astype("datetime64[D]")


def _seconds(last: timedelta) -> str:
    seconds = last.total_seconds()
    if not 1 <= seconds <= 86400 or seconds != int(seconds):
        raise DataProblem(f"`last: {last}` is no whole number of seconds up to a day.", "Give `sessions:` for more.")
    return f"{int(seconds)} S"


def _duration(size: DailySize, count: int) -> str:
    from tasks.connections.ib.histories import duration

    if size == "1 day":
        return duration(count)
    return f"{count} {'W' if size == '1 week' else 'M'}"


def _end(run: Run, moment: pd.Timestamp) -> str:
    """Where history ends, as the broker takes it: now, said by nothing, or a past session's close."""
    return moment.strftime("%Y%m%d-%H:%M:%S") if run.past else ""
