"""Implied volatilities and greeks, read and watched."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from schemas.options import OptionComputations
from tasks.chains import find_options
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.ticks import Greeks
from tasks.connections.ib.simulator.instruments import AAPL_CALL, Instrument, listed
from tasks.connections.problems import Problem
from tasks.options import _Running, read_option_computations, watch_option_computations
from tasks.quotes import read_quotes

AAPL = listed("AAPL")
CALL = Contract(900000101, "AAPL", "OPT", "USD")

Opened = Callable[..., Any]
Taking = Callable[..., Any]


def test_greeks_of_a_call_by_every_basis(opened: Opened, notes: list[str]) -> None:
    market = opened(AAPL, AAPL_CALL)
    frame = read_option_computations(market.held, market.broker, market.run)
    OptionComputations.validate(frame)
    assert frame["basis"].tolist() == ["ask", "bid", "last", "model"]
    assert set(frame["con_id"]) == {AAPL_CALL.con_id}
    model = frame.set_index("basis").loc["model"]
    # The simulated market prices this call at a volatility of 0.35.
    assert model["implied_volatility"] == pytest.approx(0.35, abs=0.01)
    assert 0 < model["delta"] < 1
    assert model["gamma"] > 0
    assert model["vega"] > 0
    assert model["theta"] < 0
    assert model["underlying_price"] == pytest.approx(
        read_quotes(market.held, market.broker, market.run)["last"].iloc[0], abs=0.05
    )
    assert set(frame["market_data"]) == {"simulated"}
    assert (frame["time"] == market.run.now()).all()
    assert "No option, and left out: AAPL STK USD (265598)." in notes


def test_a_put_has_a_negative_delta_and_with_its_call_it_adds_up_to_one(opened: Opened) -> None:
    market = opened(AAPL)
    quotes = read_quotes(market.held, market.broker, market.run)
    options = find_options(market.held, market.broker, market.run, quotes, days=30, within=0.03)
    frame = read_option_computations(options, market.broker, market.run)
    model = frame[frame["basis"] == "model"].merge(options[["con_id", "expiry", "strike", "right"]], on="con_id")
    pairs = model.pivot_table(index=["expiry", "strike"], columns="right", values="delta", observed=True)
    assert len(pairs) > 2
    assert (pairs["P"] < 0).all()
    assert (pairs["C"] - pairs["P"]).tolist() == pytest.approx([1.0] * len(pairs), abs=0.02)


def test_an_option_that_is_refused_is_noted(opened: Opened, notes: list[str]) -> None:
    hidden = Instrument(
        *(900000905, "AAPL", "OPT", "USD", "", "APPLE INC", "100", "20230317", 135.0, "C"),
        underlying=265598,
        permission="none",
    )
    market = opened(AAPL_CALL, hidden)
    frame = read_option_computations(market.held, market.broker, market.run)
    assert set(frame["con_id"]) == {AAPL_CALL.con_id}
    assert any("No computation of AAPL OPT USD (900000905)" in line and "354" in line for line in notes)
    alone = opened(hidden)
    with pytest.raises(Problem, match="354"):
        read_option_computations(alone.held, alone.broker, alone.run)


def test_without_options_nothing_is_asked(opened: Opened) -> None:
    market = opened(AAPL)
    frame = read_option_computations(market.held, market.broker, market.run)
    OptionComputations.validate(frame)
    assert frame.empty


def test_greeks_follow_the_market(opened: Opened, taking: Taking) -> None:
    market = opened(AAPL_CALL, speed=120.0)
    batches = taking(
        watch_option_computations(market.held, market.broker, market.run),
        enough=lambda rows: rows[rows["basis"] == "model"]["underlying_price"].nunique() > 2,
    )
    for batch in batches:
        OptionComputations.validate(batch.rows)
    rows = pd.concat([batch.rows for batch in batches])
    model = rows[rows["basis"] == "model"].sort_values("underlying_price")
    assert model["option_price"].iloc[-1] > model["option_price"].iloc[0]


def greeks(volatility: float) -> Greeks:
    return Greeks(volatility, 0.5, 1.0, 0.0, 0.1, 0.1, -0.1, 100.0)


def test_a_delayed_computation_never_takes_a_live_ones_place() -> None:
    running = _Running(CALL, is_simulated=False)
    running.add((83, greeks(0.2)), 1)
    assert running.changed() == {"model": (greeks(0.2), 1, "delayed")}
    running.add((13, greeks(0.3)), 2)
    running.add((83, greeks(0.4)), 3)
    assert running.changed() == {"model": (greeks(0.3), 2, "live")}
    assert running.changed() == {}


def test_what_is_not_computed_is_null() -> None:
    running = _Running(CALL, is_simulated=False)
    running.add((10, Greeks(*[math.nan] * 8)), 1)
    ((found, _, market),) = running.changed().values()
    assert all(math.isnan(value) for value in found)
    assert market == "live"
