"""What contracts are, finding them, and the options on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from schemas.contracts import ContractDetails, OptionChains, SymbolMatches
from schemas.frame import schema_of
from schemas.market import Universe
from tasks.chains import find_options, read_option_chains
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.contracts import ContractDetails as Details
from tasks.connections.ib.simulator.instruments import AAPL_CALL, SPX, Instrument, listed
from tasks.connections.problems import DataProblem
from tasks.quotes import read_quotes
from tasks.reference import day_of, details_frame, find_contracts, find_symbols, read_contract_details
from tasks.validate import projected

AAPL, KO = listed("AAPL"), listed("KO")

Opened = Callable[..., Any]


def test_details_of_a_stock_and_of_an_option(opened: Opened) -> None:
    market = opened(AAPL, AAPL_CALL)
    frame = read_contract_details(market.held, market.broker)
    ContractDetails.validate(frame)
    stock, option = frame.to_dict("records")
    assert (stock["con_id"], stock["name"], stock["exchange"]) == (265598, "APPLE INC", "NASDAQ")
    assert (stock["minimum_tick"], stock["multiplier"], stock["right"], stock["underlying_id"]) == (0.01, 1.0, "", 0)
    assert pd.isna(stock["expiry"])
    assert np.isnan(stock["strike"])
    assert (option["expiry"], option["strike"], option["right"]) == (pd.Timestamp("2023-03-17"), 130.0, "C")
    assert (option["underlying_id"], option["underlying_symbol"], option["multiplier"]) == (265598, "AAPL", 100.0)
    assert option["local_symbol"] == "AAPL  230317C00130000"
    assert frame["time_zone"].tolist() == ["US/Eastern", "US/Eastern"]


def test_a_contract_that_the_broker_does_not_know_is_noted(opened: Opened, notes: list[str]) -> None:
    market = opened(AAPL)
    universe = market.held
    unknown = universe.assign(con_id=np.array([123], dtype=np.int64))
    frame = read_contract_details(pd.concat([universe, unknown]), market.broker)
    assert frame["con_id"].tolist() == [265598]
    assert any("No details of AAPL STK USD (123)" in line and "200" in line for line in notes)
    with pytest.raises(DataProblem, match="200, No security definition"):
        read_contract_details(unknown, market.broker)


def test_found_contracts_are_a_universe(opened: Opened, notes: list[str]) -> None:
    market = opened(AAPL)
    frame = find_contracts(["KO", "AAPL", "SPYX", "KO"], market.broker)
    ContractDetails.validate(frame)
    assert frame["symbol"].tolist() == ["KO", "AAPL"]
    schema_of(Universe).validate(projected(frame, Universe))
    assert read_quotes(frame, market.broker, market.run)["price_kind"].tolist() == ["mid", "mid"]
    assert any("Left out: Details of SPYX STK" in line for line in notes)
    with pytest.raises(DataProblem, match="SPYX"):
        find_contracts(["SPYX"], market.broker)


def test_an_index_is_found_by_its_type_and_exchange(opened: Opened) -> None:
    frame = find_contracts(["SPX"], opened(AAPL).broker, security_type="IND", exchange="CBOE")
    assert frame["con_id"].tolist() == [SPX.con_id]


def test_symbols_that_match_a_pattern(opened: Opened) -> None:
    market = opened(AAPL)
    frame = find_symbols("AA", market.broker)
    SymbolMatches.validate(frame)
    (row,) = frame[frame["symbol"] == "AAPL"].to_dict("records")
    assert (row["con_id"], row["security_type"], row["exchange"]) == (265598, "STK", "NASDAQ")
    assert "OPT" in row["derivatives"]
    nothing = find_symbols("QQQQQQ", market.broker)
    SymbolMatches.validate(nothing)
    assert nothing.empty


def test_a_chain_is_each_expiry_with_each_strike(opened: Opened) -> None:
    market = opened(AAPL, AAPL_CALL)
    frame = read_option_chains(market.held, market.broker)
    OptionChains.validate(frame)
    assert set(frame["con_id"]) == {265598}
    assert set(frame["exchange"]) == {"SMART"}
    assert len(frame) == frame["expiry"].nunique() * frame["strike"].nunique()
    assert (frame["multiplier"] == 100).all()
    assert frame["expiry"].is_monotonic_increasing
    everywhere = read_option_chains(market.held, market.broker, exchange=None)
    assert len(everywhere) >= len(frame)


def test_what_has_no_options_is_noted_or_nothing(opened: Opened, notes: list[str]) -> None:
    market = opened(AAPL)
    frame = read_option_chains(market.held, market.broker, exchange="LSE")
    OptionChains.validate(frame)
    assert frame.empty
    assert any("No options on AAPL STK USD (265598) at LSE" in line for line in notes)


def test_options_near_the_money_that_expire_soon(opened: Opened) -> None:
    market = opened(AAPL)
    quotes = read_quotes(market.held, market.broker, market.run)
    frame = find_options(market.held, market.broker, market.run, quotes, days=20, within=0.03)
    ContractDetails.validate(frame)
    price = quotes["price"].iloc[0]
    assert len(frame) > 3
    assert (frame["strike"] - price).abs().max() <= 0.03 * price
    assert set(frame["right"]) == {"C", "P"}
    assert frame["expiry"].min() >= pd.Timestamp("2022-12-28")
    assert frame["expiry"].max() <= pd.Timestamp("2023-01-17")
    assert set(frame["underlying_id"]) == {265598}
    calls = find_options(market.held, market.broker, market.run, quotes, days=20, within=0.03, right="C")
    assert calls["con_id"].tolist() == frame[frame["right"] == "C"]["con_id"].tolist()


def test_an_underlying_without_a_price_has_no_options_looked_for(opened: Opened, notes: list[str]) -> None:
    market = opened(AAPL)
    quotes = read_quotes(market.held, market.broker, market.run).assign(price=np.nan)
    assert find_options(market.held, market.broker, market.run, quotes).empty
    assert "No options are looked for on AAPL STK USD (265598): it has no price." in notes


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("20230317", "2023-03-17"),
        ("20230317 16:00:00 US/Eastern", "2023-03-17"),
        ("202303", None),
        ("", None),
        ("unknown!", None),
    ],
)
def test_days(text: str, day: str | None) -> None:
    assert day_of(text) == np.datetime64(day) if day else np.isnat(day_of(text))


def test_what_a_broker_leaves_out_is_empty_and_a_contract_told_twice_is_one() -> None:
    contract = Contract(7, "ZZ", "FUT", "USD", right="0", multiplier="50", expiry="202303")
    details = Details(contract, "", "CME", 0.25, "", price_magnifier=0, underlying=-1, identifiers=(("ISIN", "X1"),))
    frame = details_frame([details, details])
    ContractDetails.validate(frame)
    (row,) = frame.to_dict("records")
    assert (row["price_magnifier"], row["underlying_id"], row["isin"], row["right"]) == (1, 0, "X1", "")


def test_a_contract_of_the_book_alone_has_details_too(opened: Opened) -> None:
    own = Instrument(900000901, "OWN", series="KO")
    market = opened(own)
    assert read_contract_details(market.held, market.broker)["con_id"].tolist() == [900000901]
