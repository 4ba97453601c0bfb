"""The market now, followed: over the real client, and tick by tick as the wire brings it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from schemas.market import Quotes
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.instruments import Instrument, listed
from tasks.quotes import read_quotes, watch_quotes

AAPL, KO = listed("AAPL"), listed("KO")

Opened = Callable[..., Any]
Taking = Callable[..., Any]


def test_the_first_row_of_a_contract_is_the_quote_that_is_read(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL, KO)
    batches = taking(watch_quotes(market.held, market.broker, market.run, benchmark="SPY"), rows=3)
    rows = pd.concat([batch.rows for batch in batches])
    for batch in batches:
        Quotes.validate(batch.rows)
    watched = rows.sort_values("con_id").reset_index(drop=True)
    read = read_quotes(market.held, market.broker, market.run, benchmark="SPY")
    assert watched.to_dict("records") == read.to_dict("records")


def test_a_batch_has_one_row_a_contract_however_many_ticks_came(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL, KO, speed=120.0)
    batches = taking(watch_quotes(market.held, market.broker, market.run), enough=lambda rows: len(rows) > 8)
    rows = pd.concat([batch.rows for batch in batches])
    for batch in batches:
        assert batch.rows["con_id"].is_unique
    assert rows.groupby("con_id")["price"].nunique().min() > 1
    assert (rows["price"] - (rows["bid"] + rows["ask"]) / 2).abs().max() < 1e-9
    assert [batch.sequence for batch in batches] == sorted({batch.sequence for batch in batches})


def test_a_contract_that_is_refused_is_a_row_without_a_price_and_the_others_go_on(
    opened: Opened, taking: Taking, notes: list[str]
) -> None:
    hidden = Instrument(900000902, "HIDE", series="KO", permission="none")
    market = opened(AAPL, hidden)
    batches = taking(watch_quotes(market.held, market.broker, market.run), rows=2)
    rows = pd.concat([batch.rows for batch in batches]).set_index("symbol")
    assert rows.loc["HIDE", "price_kind"] == "none"
    assert rows.loc["HIDE", "market_data"] == "none"
    assert pd.isna(rows.loc["HIDE", "time"])
    assert rows.loc["AAPL", "price_kind"] == "mid"
    assert any("Not covered: Quotes of HIDE STK USD" in line and "354" in line for line in notes)


def test_more_contracts_than_market_data_lines_are_said_to_be_not_covered(
    opened: Opened, taking: Taking, notes: list[str]
) -> None:
    market = opened(*(listed(symbol) for symbol in ("AAPL", "KO", "JPM", "MSFT", "PFE")), lines=3)
    batches = taking(watch_quotes(market.held, market.broker, market.run), rows=5)
    rows = pd.concat([batch.rows for batch in batches])
    assert sorted(rows["price_kind"].astype(str)) == ["mid", "mid", "mid", "none", "none"]
    assert any("Not covered" in line and "101" in line for line in notes)


def test_a_halted_contract_keeps_its_last_trade_after_a_moment(opened: Opened, taking: Taking) -> None:
    market = opened(Instrument(900000901, "HALT", series="KO", is_halted=True))
    (batch,) = taking(watch_quotes(market.held, market.broker, market.run))
    (row,) = batch.rows.to_dict("records")
    assert pd.isna(row["bid"])
    assert (row["price_kind"], row["price"]) == ("last", row["last"])


def test_delayed_data_is_marked_where_it_is_not_simulated(opened: Opened, taking: Taking) -> None:
    late = Instrument(900000903, "LATE", series="KO", permission="delayed")
    market = opened(late, settings={"market_data": "delayed"})
    market.broker._bridge().is_simulated = False
    (batch,) = taking(watch_quotes(market.held, market.broker, market.run))
    (row,) = batch.rows.to_dict("records")
    assert row["market_data"] == "delayed"
    assert row["price_kind"] == "mid"


def test_by_the_clock_of_a_gateway_elsewhere_rows_are_dated_to_its_second(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL, settings={"clock": "gateway"})
    run = replace(market.run, clock=market.broker.clock())
    (batch,) = taking(watch_quotes(market.held, market.broker, run))
    assert batch.time == pd.Timestamp("2022-12-28T20:45Z")
    assert batch.rows["time"].tolist() == [batch.time]


def test_a_quote_that_trickles_in_is_told_when_it_is_whole(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL, faults=Faults(piece=12))
    (batch,) = taking(watch_quotes(market.held, market.broker, market.run))
    (row,) = batch.rows.to_dict("records")
    assert row["price_kind"] == "mid"
    assert row["bid"] < row["ask"]
