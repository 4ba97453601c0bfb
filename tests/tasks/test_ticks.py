from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from schemas.ticks import Ticks
from tasks.connections.ib.rows.ticks import DELAYED, MARKET_DATA_TYPE, TYPES, Greeks
from tasks.connections.ib.simulator.instruments import Instrument, listed
from tasks.ticks import _row, watch_ticks

AAPL, KO = listed("AAPL"), listed("KO")

Opened = Callable[..., Any]
Taking = Callable[..., Any]


def test_every_tick_is_a_row_with_its_name_kind_and_number(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL, KO)
    batches = taking(watch_ticks(market.held, market.broker, market.run), rows=20)
    rows = pd.concat([batch.rows for batch in batches])
    for batch in batches:
        Ticks.validate(batch.rows)
    aapl = rows[rows["con_id"] == 265598]
    assert aapl["number"].tolist() == list(range(len(aapl)))
    first = aapl.drop_duplicates("tick").set_index("tick")
    # AAPL closed at 129.652 on 2022-12-27.
    assert first.loc["close", "value"] == 129.652
    assert first.loc["bid", "value"] < first.loc["ask", "value"]
    assert first.loc["bid", "kind"] == "price"
    assert first.loc["bid_size", "kind"] == "size"
    assert (first.loc["last_time", "kind"], first.loc["last_time", "text"]) == ("string", "1672260300")
    assert set(rows["market_data"]) == {"simulated"}
    assert set(rows["time"]) == {market.run.now()}


def test_generic_ticks_come_when_asked_for(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL)
    stream = watch_ticks(market.held, market.broker, market.run, generic=[106, 165])
    names = {
        name for batch in taking(stream, enough=lambda rows: len(rows) > 15, seconds=2) for name in batch.rows["tick"]
    }
    assert {"implied_volatility", "high_52_week", "low_13_week"} <= names


def test_a_contract_that_is_refused_is_noted(opened: Opened, taking: Taking, notes: list[str]) -> None:
    hidden = Instrument(900000902, "HIDE", series="KO", permission="none")
    market = opened(AAPL, hidden)
    (batch,) = taking(watch_ticks(market.held, market.broker, market.run))
    assert set(batch.rows["symbol"]) == {"AAPL"}
    taking(watch_ticks(market.held, market.broker, market.run), seconds=0.3, enough=lambda rows: False)
    assert any("Not covered: Ticks of HIDE" in line for line in notes)


@pytest.mark.parametrize(
    ("tick", "row"),
    [
        ((1, 126.5, 5), ("price", "bid", 126.5, "", "can_auto_execute,pre_open")),
        ((66, 126.5, 0), ("price", "bid", 126.5, "", "")),
        ((2, -1.0, 0), ("price", "ask", None, "", "")),
        ((5, 300.0), ("size", "last_size", 300.0, "", "")),
        ((49, 1.0), ("generic", "halted", 1.0, "", "")),
        ((45, "1672260300"), ("string", "last_time", None, "1672260300", "")),
        ((999, 1.5, 0), ("price", "tick_999", 1.5, "", "")),
        ((998, "x"), ("string", "tick_998", None, "x", "")),
    ],
    ids=["bid with flags", "delayed bid", "nobody asks", "size", "generic", "string", "unknown price", "unknown text"],
)
def test_what_a_tick_says(tick: tuple[Any, ...], row: tuple[Any, ...]) -> None:
    kind, name, value, text, flags = _row(tick) or ()
    assert (kind, name, None if pd.isna(value) else value, text, flags) == row


@pytest.mark.parametrize("tick", [(13, Greeks(*[0.0] * 8)), (MARKET_DATA_TYPE, 3)], ids=["greeks", "market data type"])
def test_what_is_no_tick_of_these_is_left_to_others(tick: tuple[Any, ...]) -> None:
    assert _row(tick) is None


def test_tick_types_are_the_brokers() -> None:
    """By the broker's list of tick types."""
    published = {
        0: "bid_size", 1: "bid", 2: "ask", 3: "ask_size", 4: "last", 5: "last_size", 6: "high", 7: "low", 8: "volume",
        9: "close", 13: "model", 14: "open", 21: "average_volume", 23: "historical_volatility",
        24: "implied_volatility", 37: "mark_price", 45: "last_time", 46: "shortable", 48: "rt_volume", 49: "halted",
        59: "dividends", 66: "bid", 67: "ask", 68: "last", 72: "high", 73: "low", 74: "volume", 75: "close",
        76: "open", 88: "last_time", 89: "shortable_shares",
    }  # fmt: skip
    assert {number: TYPES[number][1] for number in published} == published
    assert {66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 80, 83, 88} <= DELAYED
    assert not {1, 2, 4, 9, 45, 49, 77, 84, 89} & DELAYED
