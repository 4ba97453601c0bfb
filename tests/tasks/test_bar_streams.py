"""Bars as they come: history first, then each once as it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from schemas.bars import Bars
from tasks.bar_streams import _Series, watch_bars, watch_real_time_bars
from tasks.bars import pull_bars
from tasks.connections.ib.rows.bars import Bar
from tasks.connections.ib.simulator.instruments import Instrument, listed

AAPL, KO = listed("AAPL"), listed("KO")

Opened = Callable[..., Any]
Taking = Callable[..., Any]


def test_history_then_each_bar_once_as_it_ended(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL, KO, speed=120.0)
    until = pd.Timestamp("2022-12-28T20:47Z")
    batches = taking(
        watch_bars(market.held, market.broker, market.run),
        enough=lambda rows: rows.groupby("con_id")["time"].max().min() >= until,
    )
    rows = pd.concat([batch.rows for batch in batches])
    for batch in batches:
        Bars.validate(batch.rows)
    assert not rows.duplicated(["con_id", "time"]).any()
    assert rows["complete"].all()
    one = rows[rows["symbol"] == "AAPL"]
    assert one["time"].iloc[0] == pd.Timestamp("2022-12-28T14:30Z")
    assert (one["time"].diff().dropna() == pd.Timedelta("1min")).all()
    pulled = pull_bars(market.held, market.broker, market.run)
    both = rows.merge(pulled[pulled["complete"]], on=["con_id", "time"], suffixes=("", "_pulled"))
    assert len(both) == len(rows)
    assert both["close"].tolist() == both["close_pulled"].tolist()
    assert both["volume"].tolist() == both["volume_pulled"].tolist()


def test_the_running_bar_too_when_asked_for(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL, KO, speed=30.0)
    batches = taking(
        watch_bars(market.held, market.broker, market.run, running=True),
        enough=lambda rows: (rows["time"] >= pd.Timestamp("2022-12-28T20:45Z")).sum() > 8,
    )
    for batch in batches:
        Bars.validate(batch.rows)
    rows = pd.concat([batch.rows for batch in batches])
    running = rows[~rows["complete"]]
    assert running.groupby("con_id")["time"].count().min() > 1
    assert rows[rows["time"] < pd.Timestamp("2022-12-28T20:44Z")]["complete"].all()


def test_five_seconds(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL, KO, speed=60.0)
    batches = taking(watch_real_time_bars(market.held, market.broker, market.run), rows=12)
    rows = pd.concat([batch.rows for batch in batches])
    for batch in batches:
        Bars.validate(batch.rows)
    assert set(rows["size"]) == {"5 secs"}
    assert (rows["time"].dt.second % 5 == 0).all()
    assert not rows.duplicated(["con_id", "time"]).any()
    assert set(rows["symbol"]) == {"AAPL", "KO"}


def test_a_contract_that_is_refused_is_noted(opened: Opened, taking: Taking, notes: list[str]) -> None:
    hidden = Instrument(900000902, "HIDE", series="KO", permission="none")
    market = opened(AAPL, hidden, speed=120.0)
    batches = taking(watch_bars(market.held, market.broker, market.run), enough=lambda rows: bool(notes))
    assert {symbol for batch in batches for symbol in batch.rows["symbol"]} == {"AAPL"}
    assert any("Not covered: Bars of 1 min of HIDE" in line for line in notes)


def bar(start: int, close: float = 1.0) -> Bar:
    return Bar(str(start), 1.0, 2.0, 0.5, close, 10.0, 1.0, 1.0)


def at(second: int) -> pd.Timestamp:
    return pd.Timestamp(second, unit="s", tz="UTC")


def test_a_bar_has_ended_when_the_next_begins_or_a_moment_after_its_time() -> None:
    series = _Series(60)
    for each in (bar(600), bar(660), bar(660, 1.5)):
        series.add(each)
    assert [each.date for each in series.ended(at(700))] == ["600"]
    assert series.ended(at(724)) == series.ended(None) == []
    (ended,) = series.ended(at(725))
    assert (ended.date, ended.close) == ("660", 1.5)
    series.add(bar(660, 9.0))  # it was told
    assert series.ended(at(9999)) == []


def test_history_that_is_sent_again_tells_only_what_was_missed() -> None:
    series = _Series(60)
    for each in (bar(600), bar(660), bar(720)):
        series.add(each)
    assert [each.date for each in series.ended(at(730))] == ["600", "660"]
    for each in (bar(600), bar(660), bar(720, 1.1), bar(780), bar(840)):
        series.add(each)
    assert [(each.date, each.close) for each in series.ended(at(850))] == [("720", 1.1), ("780", 1.0)]
