"""Stored closes as quotes: the latest that is over, never one from the future."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from schemas.frame import schema_of
from schemas.market import Quotes
from tasks.closes import quote_closes
from tasks.connections.clock import ManualClock
from tasks.connections.problems import DataProblem
from tasks.run import Run


@pytest.fixture
def run():
    return Run("r", "p", date(2022, 12, 28), clock=ManualClock("2022-12-28 14:00"))


@pytest.fixture
def history(prices):
    """Two contracts and SPY; the last rows are of sessions that aren't over yet."""
    days = ["2022-12-23", "2022-12-27", "2022-12-28", "2022-12-29"]
    closes = {1: [10.0, 11.0, 12.0, 13.0], 2: [20.0, 21.0, 22.0, 23.0], 900: [380.0, 382.0, 376.0, 383.0]}
    symbols = {1: "A", 2: "B", 900: "SPY"}
    return prices(
        *(
            {"con_id": con_id, "symbol": symbols[con_id], "session": pd.Timestamp(day), "close": close}
            for con_id, values in closes.items()
            for day, close in zip(days, values, strict=True)
        )
    )


def quoted(*arguments, **named) -> pd.DataFrame:
    return schema_of(Quotes).validate(quote_closes(*arguments, **named)).set_index("con_id")


@pytest.fixture
def book(positions):
    return positions(
        {"con_id": 1, "symbol": "A", "quantity": 5}, {"con_id": 2, "symbol": "B", "quantity": -1, "multiplier": 100.0}
    )


def test_the_price_is_the_close_of_the_latest_session_that_is_over(book, history, run):
    found = quoted(book, history, run, "SPY")
    assert found["price"].to_dict() == {1: 11.0, 2: 21.0, 900: 382.0}
    assert found["close"].to_dict() == {1: 10.0, 2: 20.0, 900: 380.0}
    assert set(found["time"]) == {pd.Timestamp("2022-12-27 21:00", tz="UTC")}
    assert set(found["price_kind"]) == {"close"}
    assert set(found["market_data"]) == {"stored"}
    assert found["multiplier"].to_dict() == {1: 1.0, 2: 100.0, 900: 1.0}


def test_a_session_counts_from_its_close_on(book, history, run):
    assert quoted(book, history, replace(run, clock=ManualClock("2022-12-28 20:59:59")))["price"][1] == 11.0
    assert quoted(book, history, replace(run, clock=ManualClock("2022-12-28 21:00")))["price"][1] == 12.0


def test_a_past_session_sees_its_own_close_and_none_after_it(book, history, run):
    past = replace(run, session=date(2022, 12, 27), clock=ManualClock("2023-03-01"), past=True)
    assert quoted(book, history, past)["price"].to_dict() == {1: 11.0, 2: 21.0}


def test_a_contract_without_closes_has_no_price_and_is_named(positions, history, run, notes):
    found = quoted(
        positions({"con_id": 1, "symbol": "A", "quantity": 1}, {"con_id": 3, "symbol": "C", "quantity": 1}),
        history,
        run,
    )
    assert np.isnan(found.loc[3, "price"])
    assert pd.isna(found.loc[3, "time"])
    assert found.loc[3, ["price_kind", "market_data"]].tolist() == ["none", "none"]
    assert notes == ["No stored close of C."]


def test_a_contract_that_stopped_trading_is_marked_at_its_last_close_and_named(book, history, run, notes):
    stopped = history[(history["con_id"] != 2) | (history["session"] < "2022-12-27")].reset_index(drop=True)
    found = quoted(book, stopped, run)
    assert found.loc[2, "price"] == 20.0
    assert found.loc[2, "time"] == pd.Timestamp("2022-12-23 21:00", tz="UTC")
    assert np.isnan(found.loc[2, "close"])
    assert notes == ["The latest close of B is older than 2022-12-27, which others have."]


def test_the_order_of_prices_does_not_matter(book, history, run):
    pd.testing.assert_frame_equal(
        quoted(book, history.sample(frac=1.0, random_state=1), run, "SPY"), quoted(book, history, run, "SPY")
    )


def test_a_benchmark_that_is_held_is_quoted_once(positions, history, run):
    held = positions(
        {"con_id": 900, "symbol": "SPY", "quantity": 3},
        {"con_id": 900, "symbol": "SPY", "quantity": 4, "account": "DU2"},
    )
    assert quoted(held, history, run, "SPY")["price"].to_dict() == {900: 382.0}


def test_a_benchmark_without_closes_is_refused(book, history, run):
    with pytest.raises(DataProblem, match="The benchmark QQQ is 0 contracts among the prices"):
        quote_closes(book, history, run, "QQQ")


def test_a_price_on_a_holiday_is_refused(book, history, run):
    wrong = history.assign(session=history["session"].replace(pd.Timestamp("2022-12-23"), pd.Timestamp("2022-12-26")))
    with pytest.raises(DataProblem, match="2022-12-26: no sessions of the calendar XNYS"):
        quote_closes(book, wrong, run)


def test_nothing_held_or_nothing_stored_is_no_quote_or_no_price(positions, prices, history, run):
    assert quoted(positions(), history, run).empty
    found = quoted(positions({"con_id": 1, "symbol": "A", "quantity": 1}), prices(), run)
    assert found["price_kind"].tolist() == ["none"]
