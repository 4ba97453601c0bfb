"""Bars of history: what they say of each other, which are complete, and how they end in a past session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from schemas.bars import Bars, DailyBars
from tasks.bars import bars_of, pull_bars, pull_daily_bars, seconds_of
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.bars import Bar
from tasks.connections.ib.simulator.instruments import Instrument, listed
from tasks.connections.problems import DataProblem

AAPL, KO = listed("AAPL"), listed("KO")
CONTRACT = Contract(265598, "AAPL", "STK", "USD")

Opened = Callable[..., Any]


def test_minutes_of_the_session_so_far_the_last_of_them_still_running(opened: Opened) -> None:
    market = opened(AAPL, KO, now="2022-12-28T20:45:30Z")
    frame = pull_bars(market.held, market.broker, market.run)
    Bars.validate(frame)
    one = frame[frame["symbol"] == "AAPL"]
    # 9:30 to 15:45 are 375 whole minutes and a half.
    assert len(one) == 376
    assert one["time"].iloc[0] == pd.Timestamp("2022-12-28T14:30Z")
    assert one["complete"].tolist() == [True] * 375 + [False]
    assert (one["high"] >= one[["open", "close"]].max(axis=1)).all()
    assert (one["low"] <= one[["open", "close"]].min(axis=1)).all()
    assert frame["con_id"].is_monotonic_increasing


def test_five_minutes_are_their_minutes(opened: Opened) -> None:
    market = opened(AAPL)
    one = pull_bars(market.held, market.broker, market.run, last=timedelta(minutes=30))
    five = pull_bars(market.held, market.broker, market.run, size="5 mins", last=timedelta(minutes=30))
    joined = one.groupby(one["time"].dt.floor("5min")).agg(
        {"high": "max", "low": "min", "close": "last", "volume": "sum"}
    )
    assert five["time"].tolist() == joined.index.tolist()
    for column in ("high", "low", "close", "volume"):
        assert five[column].tolist() == pytest.approx(joined[column].tolist())


def test_midpoints_have_no_volume(opened: Opened) -> None:
    market = opened(AAPL)
    frame = pull_bars(market.held, market.broker, market.run, what="MIDPOINT", last=timedelta(minutes=5))
    Bars.validate(frame)
    assert frame["complete"].sum() == 5
    assert frame["volume"].isna().all()
    assert set(frame["what"]) == {"MIDPOINT"}


def test_a_past_session_has_its_own_bars_whatever_time_it_is(opened: Opened) -> None:
    market = opened(AAPL, now="2022-12-28T20:45Z")
    run = type(market.run)("r", "p", date(2022, 12, 27), clock=market.gateway.clock, past=True)
    frame = pull_bars(market.held, market.broker, run, size="1 hour")
    assert frame["time"].dt.date.unique().tolist() == [date(2022, 12, 27)]
    assert frame["close"].iloc[-1] == 129.652  # the day's close
    assert frame["complete"].all()


def test_days_up_to_the_running_one(opened: Opened) -> None:
    market = opened(AAPL, KO)
    frame = pull_daily_bars(market.held, market.broker, market.run, count=3)
    DailyBars.validate(frame)
    one = frame[frame["symbol"] == "AAPL"]
    assert one["session"].dt.strftime("%m-%d").tolist() == ["12-23", "12-27", "12-28"]
    assert one["close"].tolist()[:2] == [131.477, 129.652]
    assert one["complete"].tolist() == [True, True, False]
    assert len(frame) == 6


def test_days_of_a_past_session_end_with_it(opened: Opened) -> None:
    market = opened(AAPL)
    run = type(market.run)("r", "p", date(2022, 12, 23), clock=market.gateway.clock, past=True)
    frame = pull_daily_bars(market.held, market.broker, run, count=2)
    assert frame["session"].dt.strftime("%m-%d").tolist() == ["12-22", "12-23"]
    assert frame["close"].iloc[-1] == 131.477
    assert frame["complete"].tolist() == [True, True]


def test_adjusted_prices_of_a_past_session_can_not_be_had(opened: Opened) -> None:
    market = opened(AAPL, past=True)
    with pytest.raises(DataProblem, match=r"adjusts prices up to today only"):
        pull_daily_bars(market.held, market.broker, market.run, what="ADJUSTED_LAST")


@pytest.mark.parametrize(("size", "days"), [("1 week", 7), ("1 month", 31)])
def test_weeks_and_months_are_complete_when_their_last_session_is(opened: Opened, size: Any, days: int) -> None:
    market = opened(AAPL, now="2022-12-28T22:00Z")
    frame = pull_daily_bars(market.held, market.broker, market.run, size=size, count=3)
    DailyBars.validate(frame)
    assert frame["complete"].tolist() == [True, True, False]
    assert (frame["session"].diff().dropna() <= pd.Timedelta(days=days)).all()


def test_a_contract_without_bars_is_noted(opened: Opened, notes: list[str]) -> None:
    hidden = Instrument(900000902, "HIDE", series="KO", permission="none")
    market = opened(AAPL, hidden)
    frame = pull_bars(market.held, market.broker, market.run, last=timedelta(minutes=5))
    assert set(frame["symbol"]) == {"AAPL"}
    assert any("No bars of 1 min of HIDE STK USD (900000902), which is left out" in line for line in notes)
    alone = opened(hidden)
    with pytest.raises(DataProblem, match="HIDE"):
        pull_bars(alone.held, alone.broker, alone.run)


@pytest.mark.parametrize("last", [timedelta(days=2), timedelta(seconds=0.5), timedelta(seconds=1.5)])
def test_a_time_that_the_broker_does_not_take_is_refused_with_what_to_do(opened: Opened, last: timedelta) -> None:
    market = opened(AAPL)
    with pytest.raises(DataProblem, match=r"no whole number of seconds up to a day\. Give `sessions:`"):
        pull_bars(market.held, market.broker, market.run, last=last)


def test_no_contracts_give_an_empty_frame(opened: Opened) -> None:
    market = opened(AAPL)
    none = market.held.iloc[:0]
    Bars.validate(pull_bars(none, market.broker, market.run))
    DailyBars.validate(pull_daily_bars(none, market.broker, market.run))


def test_a_bar_told_twice_counts_once_as_last_told_and_an_unset_number_is_null() -> None:
    early = Bar("1672260300", 1.0, 2.0, 0.5, 1.5, 100.0, 1.2, 7.0)
    late = early._replace(close=1.6, average=float("nan"), volume=-1.0)
    frame = bars_of({CONTRACT: [early, late]}, "1 min", "TRADES", pd.Timestamp("2022-12-28T20:46Z"), "live")
    Bars.validate(frame)
    (row,) = frame.to_dict("records")
    assert (row["close"], row["time"]) == (1.6, pd.Timestamp("2022-12-28T20:45Z"))
    assert np.isnan(row["average"])
    assert np.isnan(row["volume"])
    assert row["complete"]


@pytest.mark.parametrize(("size", "seconds"), [("1 secs", 1), ("30 secs", 30), ("1 min", 60), ("8 hours", 28800)])
def test_lengths(size: str, seconds: int) -> None:
    assert seconds_of(size) == seconds
