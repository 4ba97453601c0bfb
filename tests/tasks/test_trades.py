"""Trades, bids and asks, and midpoints: pulled pages and live events, and how their keys meet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from schemas.ticks import BidAsks, Midpoints, Trades
from tasks.connections.ib.rows.ticks import BidAsk, Trade
from tasks.connections.ib.simulator.instruments import Instrument, listed
from tasks.connections.problems import DataProblem
from tasks.trades import (
    Places,
    _bid_asks,
    _trades,
    pull_bid_asks,
    pull_midpoints,
    pull_trades,
    watch_bid_asks,
    watch_midpoints,
    watch_trades,
)

AAPL, KO = listed("AAPL"), listed("KO")

Opened = Callable[..., Any]
Taking = Callable[..., Any]


def test_trades_of_the_latest_time_up_to_now(opened: Opened) -> None:
    market = opened(AAPL, KO)
    frame = pull_trades(market.held, market.broker, market.run, last=timedelta(seconds=30))
    Trades.validate(frame)
    assert set(frame["symbol"]) == {"AAPL", "KO"}
    assert frame["time"].min() >= market.run.now() - pd.Timedelta("30s")
    assert frame["time"].max() < market.run.now()
    assert frame.sort_values(["con_id", "time", "number"]).index.tolist() == list(range(len(frame)))
    assert set(frame["market_data"]) == {"simulated"}


def test_more_than_a_page_comes_whole(opened: Opened) -> None:
    """An answer has a thousand trades; the simulated market has about one a second."""
    market = opened(AAPL)
    frame = pull_trades(market.held, market.broker, market.run, last=timedelta(minutes=50))
    assert len(frame) > 2000
    Trades.validate(frame)
    whole = frame.groupby("time").size()
    assert len(whole) > 2000
    part = pull_trades(market.held, market.broker, market.run, last=timedelta(minutes=3))
    tail = frame[frame["time"] >= part["time"].min()].reset_index(drop=True)
    assert tail[["time", "number", "price", "size"]].equals(part[["time", "number", "price", "size"]])


def test_a_past_session_ends_at_its_close(opened: Opened) -> None:
    market = opened(AAPL, now="2022-12-29T03:00Z", past=True)
    frame = pull_trades(market.held, market.broker, market.run, last=timedelta(seconds=20))
    assert frame["time"].max() < pd.Timestamp("2022-12-28T21:00Z")
    assert frame["time"].min() >= pd.Timestamp("2022-12-28T20:59:40Z")


def test_a_contract_with_too_many_or_none_at_all_is_noted(opened: Opened, notes: list[str]) -> None:
    hidden = Instrument(900000902, "HIDE", series="KO", permission="none")
    market = opened(AAPL, hidden)
    frame = pull_trades(market.held, market.broker, market.run, last=timedelta(seconds=10))
    assert set(frame["symbol"]) == {"AAPL"}
    assert any("No ticks of HIDE STK USD" in line for line in notes)
    alone = opened(AAPL)
    with pytest.raises(DataProblem, match=r"more than 3 ticks in that time\. Ask for a shorter time"):
        pull_trades(alone.held, alone.broker, alone.run, last=timedelta(seconds=10), limit=3)


def test_bids_asks_and_midpoints_agree(opened: Opened) -> None:
    market = opened(AAPL)
    span = timedelta(seconds=20)
    sides = pull_bid_asks(market.held, market.broker, market.run, last=span)
    middles = pull_midpoints(market.held, market.broker, market.run, last=span)
    BidAsks.validate(sides)
    Midpoints.validate(middles)
    both = sides.merge(middles, on=["con_id", "time", "number"])
    assert len(both) > 5
    assert np.allclose((both["bid"] + both["ask"]) / 2, both["price"])


def test_no_contracts_give_empty_frames(opened: Opened) -> None:
    market = opened(AAPL)
    none = market.held.iloc[:0]
    for pull, model in ((pull_trades, Trades), (pull_bid_asks, BidAsks), (pull_midpoints, Midpoints)):
        frame = pull(none, market.broker, market.run)
        model.validate(frame)
        assert frame.empty


@pytest.mark.parametrize(
    ("watch", "model"),
    [(watch_trades, Trades), (watch_bid_asks, BidAsks), (watch_midpoints, Midpoints)],
    ids=["trades", "bids and asks", "midpoints"],
)
def test_events_come_as_they_happen_each_once(opened: Opened, taking: Taking, watch: Any, model: Any) -> None:
    market = opened(AAPL, KO, speed=60.0)
    batches = taking(watch(market.held, market.broker, market.run), rows=60)
    rows = pd.concat([batch.rows for batch in batches])
    for batch in batches:
        model.validate(batch.rows)
    assert len(rows) >= 60
    assert not rows.duplicated(["con_id", "time", "number"]).any()
    assert set(rows["symbol"]) == {"AAPL", "KO"}


def test_what_was_pulled_and_what_came_live_have_the_same_keys(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL, speed=30.0)
    batches = taking(watch_trades(market.held, market.broker, market.run), rows=40)
    live = pd.concat([batch.rows for batch in batches])
    now = market.run.now().floor("1s")  # the second in which it is now isn't pulled
    pulled = pull_trades(market.held, market.broker, market.run, last=timedelta(minutes=5))
    second = live["time"].min() + pd.Timedelta("1s")  # the stream may begin within a second
    live = live[(live["time"] >= second) & (live["time"] < now)]
    assert len(live) > 30
    both = live.merge(pulled, on=["con_id", "time", "number"], suffixes=("", "_pulled"))
    assert len(both) == len(live)
    assert both["price"].tolist() == both["price_pulled"].tolist()
    assert both["size"].tolist() == both["size_pulled"].tolist()


def test_a_contract_without_tick_by_tick_data_is_noted(opened: Opened, taking: Taking, notes: list[str]) -> None:
    hidden = Instrument(900000902, "HIDE", series="KO", permission="none")
    market = opened(AAPL, hidden, speed=60.0)
    batches = taking(watch_trades(market.held, market.broker, market.run), rows=20)
    assert {symbol for batch in batches for symbol in batch.rows["symbol"]} == {"AAPL"}
    assert any("Not covered" in line and "HIDE" in line for line in notes)


def test_trades_of_one_second_are_numbered_and_a_late_one_goes_on_where_its_second_was() -> None:
    places = Places()
    assert [places.of(1, second) for second in (10, 10, 11, 10, 11, 12)] == [0, 1, 0, 2, 1, 0]
    assert places.of(2, 10) == 0


def test_memory_of_seconds_is_bounded() -> None:
    places = Places()
    for second in range(5000):
        places.of(1, second)
    assert len(places._counts[1]) <= 2 * Places.KEPT
    assert places.of(1, 4999) == 1


def test_a_side_that_nobody_quotes_is_null_and_a_price_below_zero_is_one() -> None:
    rows = [BidAsk(1, -1.0, 126.5, 0.0, 100.0, False, False), BidAsk(1, -0.35, -0.3, 10.0, 5.0, True, False)]
    frame = _bid_asks([(1, "X", place, row) for place, row in enumerate(rows)], "live")
    BidAsks.validate(frame)
    assert frame["bid"].fillna(-99).tolist() == [-99, -0.35]
    assert frame["ask"].tolist() == [126.5, -0.3]


def test_conditions_and_flags_of_a_trade() -> None:
    frame = _trades([(1, "X", 0, Trade(1672260300, 126.5, 0.25, "FINRA", " I ", True, True))], "live")
    (row,) = frame.to_dict("records")
    assert (row["time"], row["size"], row["conditions"]) == (pd.Timestamp("2022-12-28T20:45Z"), 0.25, "I")
    assert row["past_limit"]
    assert row["unreported"]
