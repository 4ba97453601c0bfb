"""The hedge brings the part of the book that moves with the benchmark to its target, at a price to be trusted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.frame import schema_of
from schemas.risk import Hedges
from tasks.connections.clock import ManualClock
from tasks.connections.problems import DataProblem
from tasks.hedge import size_hedge
from tasks.run import Run

SPY = {"con_id": 900, "symbol": "SPY", "price": 400.0, "close": 402.0}
BOOK = (
    {"value": 15_000.0, "beta": 1.2, "r_squared": 0.5},
    {"value": 400_000.0, "beta": 1.0, "r_squared": 0.9},
    {"value": -2_000.0, "beta": 2.0, "r_squared": 0.2},
    {"value": 1_000.0},
)


@pytest.fixture
def run():
    return Run("r1", "beta_hedge", date(2022, 12, 28), clock=ManualClock("2022-12-28 17:01"))


@pytest.fixture
def sized(run, quotes):
    """The one row of a hedge in SPY, from an exposure and what differs in the quote or the arguments."""

    def size(exposure, quote=None, **arguments):
        market = quotes({**SPY, **(quote or {})})
        return schema_of(Hedges).validate(size_hedge(exposure, market, run, "SPY", **arguments)).iloc[0]

    return size


def test_the_numbers_of_a_book_worked_out_by_hand(exposures, sized):
    row = sized(exposures(*BOOK))
    # 15 000 + 400 000 - 2 000 + 1 000; the last has no beta, the one before explains too little.
    assert row["portfolio_value"] == 414_000.0
    assert row["beta_exposure"] == 18_000.0 + 400_000.0 - 4_000.0
    assert row["hedged_exposure"] == 418_000.0
    assert row["portfolio_beta"] == pytest.approx(414_000.0 / 413_000.0)
    assert row["exact_quantity"] == -1_045.0
    assert row["quantity"] == -1_045.0
    assert row["notional"] == -418_000.0
    assert (row["positions"], row["covered_positions"]) == (4, 3)
    assert row["coverage_by_count"] == 0.75
    assert row["coverage_by_value"] == pytest.approx(417_000.0 / 418_000.0)
    assert (row["price"], row["price_kind"], row["market_data"], row["rounding"]) == (400.0, "mid", "live", "nearest")
    assert row["time"] == pd.Timestamp("2022-12-28 17:01", tz="UTC")
    assert row["session"] == pd.Timestamp("2022-12-28")


def test_a_position_is_hedged_only_with_r_squared_strictly_above_a_third(exposures, sized, notes):
    just_above = np.nextafter(1 / 3, 1)
    at, above = ({"value": 4_000.0, "beta": 1.0, "r_squared": r} for r in (1 / 3, just_above))
    assert sized(exposures(at))["quantity"] == 0.0
    assert sized(exposures(above))["quantity"] == -10.0
    assert sized(exposures(at, above))["hedged_exposure"] == 4_000.0
    assert sized(exposures(at, above))["beta_exposure"] == 8_000.0
    assert notes[0] == "Not hedged, with an R² of 0.3333 or less: C1."


def test_the_threshold_of_r_squared_can_be_set(exposures, sized):
    book = exposures({"value": 4_000.0, "beta": 1.0, "r_squared": 0.2})
    assert sized(book, minimum_r_squared=0.1)["quantity"] == -10.0
    assert sized(book, minimum_r_squared=0.2)["quantity"] == 0.0


def test_a_short_book_is_hedged_by_buying(exposures, sized):
    assert sized(exposures({"value": -8_000.0, "beta": 1.5}))["quantity"] == 30.0


def test_a_future_is_sized_by_its_multiplier(exposures, quotes, run, notes):
    future = quotes(
        {"con_id": 7, "symbol": "MES", "security_type": "FUT", "multiplier": 5.0, "price": 4_000.0, "close": 3_990.0}
    )
    row = size_hedge(exposures({"value": 200_000.0, "beta": 1.1}), future, run, "MES").iloc[0]
    assert (row["quantity"], row["notional"]) == (-11.0, -220_000.0)
    assert (row["multiplier"], row["security_type"]) == (5.0, "FUT")
    assert notes == ["MES isn't the benchmark of the betas: its own beta is taken to be 1."]


def test_a_target_beta_leaves_that_part_of_the_value(exposures, sized):
    # (0.5 × 414 000 - 418 000) / 400 = -527.5: half away from zero.
    row = sized(exposures(*BOOK), target_beta=0.5)
    assert row["exact_quantity"] == -527.5
    assert row["quantity"] == -528.0
    assert sized(exposures(*BOOK), target_beta=0.5, rounding="toward_zero")["quantity"] == -527.0


@pytest.mark.parametrize(
    ("exact", "nearest", "toward_zero"),
    [(0.4, 0, 0), (0.5, 1, 0), (1.5, 2, 1), (2.5, 3, 2), (-0.4, 0, 0), (-0.5, -1, 0), (-2.5, -3, -2), (-2.9, -3, -2)],
)
def test_halves_are_rounded_away_from_zero(exposures, sized, exact, nearest, toward_zero):
    book = exposures({"value": -400.0 * exact, "beta": 1.0})
    for rounding, expected in (("nearest", nearest), ("toward_zero", toward_zero)):
        found = sized(book, rounding=rounding)["quantity"]
        assert found == expected
        assert not np.signbit(found) or found < 0, "minus zero is no quantity"


def test_just_under_a_half_is_rounded_down(exposures, sized):
    found = sized(exposures({"value": -0.49999999999999994, "beta": 1.0}), {"price": 1.0, "close": 1.0})
    assert found["quantity"] == 0.0


def test_inside_the_band_nothing_is_traded(exposures, sized, notes):
    book = exposures({"value": 100_000.0, "beta": 0.05, "r_squared": 0.9})
    assert sized(book, band=0.05)["quantity"] == 0.0
    assert sized(book, band=0.05)["exact_quantity"] == -12.5
    assert sized(book, band=0.05)["notional"] == 0.0
    assert sized(book, band=0.049)["quantity"] == -13.0
    assert notes[0] == "Inside the band: 5,000 from the target, 5,000 allowed."


def test_the_band_is_around_the_target(exposures, sized):
    book = exposures({"value": 100_000.0, "beta": 0.52, "r_squared": 0.9})
    assert sized(book, target_beta=0.5, band=0.05)["quantity"] == 0.0
    assert sized(book, target_beta=0.4, band=0.05)["quantity"] == -30.0


def test_what_is_already_held_of_the_instrument_counts(exposures, sized):
    book = exposures(
        {"value": 40_000.0, "beta": 1.0},
        {"con_id": 900, "symbol": "SPY", "value": -40_000.0, "beta": 1.0, "r_squared": 1.0},
    )
    row = sized(book)
    assert row["quantity"] == 0.0
    assert np.isnan(row["portfolio_beta"])


def test_an_empty_book_needs_no_hedge(exposures, sized):
    row = sized(exposures())
    assert (row["quantity"], row["portfolio_value"], row["positions"]) == (0.0, 0.0, 0)
    assert np.isnan(row["coverage_by_value"])


def test_a_book_of_which_nothing_is_covered_is_refused(exposures, sized):
    with pytest.raises(DataProblem, match="None of the 2 positions is covered: a hedge would be sized on nothing"):
        sized(exposures({"value": 1_000.0}, {"value": 2_000.0}))


@pytest.mark.parametrize(
    ("quote", "sentence"),
    [
        ({"price": float("nan"), "price_kind": "none"}, "SPY has no price"),
        ({"price_kind": "close"}, "SPY has only its previous close"),
        ({"price": 0.0}, "SPY is quoted at 0, an absurd price"),
        ({"price": -1.0}, "SPY is quoted at -1, an absurd price"),
        ({"price": float("inf")}, "SPY is quoted at inf, an absurd price"),
        (
            {"time": pd.Timestamp("2022-12-28 16:55:59", tz="UTC")},
            "5.02 min old; at most 5 min is allowed",
        ),
        ({"time": pd.Timestamp("2022-12-28 17:01:06", tz="UTC")}, "6 s past the run's clock"),
        ({"time": pd.NaT}, "doesn't say when it was made"),
        ({"price": 700.0}, r"quoted at 700, \+74% from its previous close of 402; at most 50% is allowed"),
        ({"price": 190.0}, r"quoted at 190, -53% from its previous close"),
        ({"currency": "EUR"}, "SPY is in EUR, the book's exposure in USD"),
    ],
)
def test_a_price_that_can_not_be_trusted_is_refused(exposures, sized, quote, sentence):
    with pytest.raises(DataProblem, match=sentence):
        sized(exposures(*BOOK), quote)


def test_the_limits_of_age_and_move_can_be_set(exposures, sized):
    old = {"time": pd.Timestamp("2022-12-28 16:01", tz="UTC")}
    assert sized(exposures(*BOOK), old, maximum_age=timedelta(hours=1))["quantity"] == -1_045.0
    assert sized(exposures(*BOOK), {"price": 800.0}, maximum_move=1.0)["quantity"] == -523.0


def test_a_few_seconds_between_two_clocks_are_forgiven(exposures, sized):
    sized(exposures(*BOOK), {"time": pd.Timestamp("2022-12-28 17:01:04", tz="UTC")})


def test_a_market_that_is_not_live_is_told(exposures, sized, notes):
    sized(exposures({"value": 4_000.0, "beta": 1.0}), {"market_data": "delayed_frozen", "close": float("nan")})
    assert notes == [
        "SPY has no previous close to hold its price against.",
        "SPY's price is delayed and frozen, not live.",
    ]


def test_the_instrument_is_the_stock_and_not_its_options(exposures, quotes, run):
    option = {"con_id": 901, "symbol": "SPY", "security_type": "OPT", "multiplier": 100.0, "price": 3.0}
    assert size_hedge(exposures(*BOOK), quotes(option, SPY), run, "SPY")["con_id"].tolist() == [900]
    with pytest.raises(DataProblem, match="SPY is quoted only as OPT"):
        size_hedge(exposures(*BOOK), quotes(option), run, "SPY")


def test_an_instrument_that_is_two_contracts_or_none_is_refused(exposures, quotes, run):
    two = quotes({**SPY, "con_id": 900}, {**SPY, "con_id": 950})
    with pytest.raises(DataProblem, match="SPY is 2 contracts in the quotes: con_id 900, 950"):
        size_hedge(exposures(*BOOK), two, run, "SPY")
    with pytest.raises(DataProblem, match=r"SPYY has no quote\. Did you mean SPY\?"):
        size_hedge(exposures(*BOOK), quotes(SPY), run, "SPYY")


row = st.fixed_dictionaries(
    {"value": st.floats(-1e6, 1e6), "beta": st.floats(-3, 3), "r_squared": st.floats(0, 1)},
)
books = st.lists(row, min_size=1, max_size=8)
quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(rows=books)
def test_after_the_hedge_at_most_half_a_contract_of_exposure_is_left(exposures, sized, rows):
    found = sized(exposures(*rows))
    left = sum(r["value"] * r["beta"] for r in rows if r["r_squared"] > 1 / 3) + found["notional"]
    assert abs(left) <= 0.5 * 400.0 + 1e-6
    never_more = sized(exposures(*rows), rounding="toward_zero")
    assert abs(never_more["quantity"]) <= abs(never_more["exact_quantity"])


@quick
@given(rows=books, seed=st.integers(0, 999))
def test_the_order_of_positions_does_not_matter(exposures, sized, rows, seed):
    book = exposures(*rows)
    pd.testing.assert_series_equal(sized(book.sample(frac=1.0, random_state=seed)), sized(book), check_exact=True)


@quick
@given(rows=books)
def test_a_book_turned_around_has_the_opposite_hedge(exposures, sized, rows):
    opposite = [{**r, "value": -r["value"]} for r in rows]
    assert sized(exposures(*opposite))["quantity"] == -sized(exposures(*rows))["quantity"]


def test_a_close_sizes_a_hedge_only_where_it_is_asked_to(exposures, sized, notes):
    book = exposures({"value": 4_000.0, "beta": 1.0})
    stored = {"price_kind": "close", "market_data": "stored", "time": pd.Timestamp("2022-12-27 21:00", tz="UTC")}
    with pytest.raises(DataProblem, match="has only its previous close"):
        sized(book, stored, maximum_age=timedelta(days=4))
    row = sized(book, stored, maximum_age=timedelta(days=4), at_close=True)
    assert (row["quantity"], row["price_kind"], row["market_data"]) == (-10.0, "close", "stored")
    assert notes == ["SPY's price is stored, not live."]
    with pytest.raises(DataProblem, match="20 h old; at most 12 h is allowed"):
        sized(book, stored, maximum_age=timedelta(hours=12), at_close=True)
    with pytest.raises(DataProblem, match="SPY has no price"):
        sized(book, {"price_kind": "none", "price": float("nan")}, at_close=True)


def test_the_quote_of_a_past_session_may_be_old_by_now(exposures, quotes, run):
    book = exposures({"value": 4_000.0, "beta": 1.0})
    market = quotes({**SPY, "time": pd.Timestamp("2022-11-01 20:00", tz="UTC")})
    with pytest.raises(DataProblem, match="old; at most"):
        size_hedge(book, market, run, "SPY")
    assert size_hedge(book, market, replace(run, past=True), "SPY")["quantity"][0] == -10.0
