"""What a position is worth and moves like, and what is said of the ones that nobody can tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from schemas.book import Exposures
from schemas.frame import schema_of
from tasks.connections.problems import DataProblem
from tasks.exposure import coverage, mark_exposure


def marked(*frames, **more):
    return schema_of(Exposures).validate(mark_exposure(*frames, **more))


def test_a_stock_is_quantity_times_price_and_weighs_its_beta(positions, quotes, betas):
    book = positions({"con_id": 1, "quantity": 100.0, "average_cost": 120.0})
    row = marked(book, quotes({"con_id": 1, "price": 150.0}), betas({"con_id": 1, "beta": 1.2})).iloc[0]
    assert (row["value"], row["pnl"], row["beta_exposure"]) == (15_000.0, 3_000.0, pytest.approx(18_000.0))
    assert row["covered"]
    assert row["reason"] == ""


def test_a_short_position_is_negative_and_gains_when_the_price_falls(positions, quotes, betas):
    book = positions({"con_id": 1, "quantity": -10.0, "average_cost": 250.0})
    row = marked(book, quotes({"con_id": 1, "price": 200.0}), betas({"con_id": 1, "beta": 2.0})).iloc[0]
    assert (row["value"], row["pnl"], row["beta_exposure"]) == (-2_000.0, 500.0, -4_000.0)


def test_a_futures_cost_already_holds_its_multiplier(positions, quotes, betas):
    future = {"con_id": 1, "security_type": "FUT", "multiplier": 50.0}
    book = positions({**future, "quantity": 2.0, "average_cost": 195_000.0})
    row = marked(book, quotes({**future, "price": 4_000.0}), betas({"con_id": 1, "beta": 1.0})).iloc[0]
    assert (row["value"], row["pnl"]) == (400_000.0, 10_000.0)


def test_an_option_does_not_take_the_price_or_beta_of_its_underlying(positions, quotes, betas):
    option = {"con_id": 2, "symbol": "AAPL", "security_type": "OPT", "multiplier": 100.0}
    book = positions(
        {"con_id": 1, "symbol": "AAPL", "quantity": 10.0}, {**option, "quantity": 5.0, "average_cost": 250.0}
    )
    market = quotes({"con_id": 1, "symbol": "AAPL", "price": 150.0}, {**option, "price": 3.2})
    found = marked(book, market, betas({"con_id": 1, "symbol": "AAPL", "beta": 1.25}))
    assert found["value"].tolist() == pytest.approx([1_500.0, 1_600.0])
    assert found["pnl"].iloc[1] == pytest.approx(350.0)
    assert found["covered"].tolist() == [True, False]
    assert found["reason"].iloc[1] == "no beta: no history"
    assert np.isnan(found["beta_exposure"].iloc[1])


def test_the_same_contract_in_two_accounts_is_valued_in_each_and_once(positions, quotes, betas):
    book = positions(
        {"con_id": 1, "account": "DU1", "quantity": 100.0}, {"con_id": 1, "account": "DU2", "quantity": -40.0}
    )
    found = marked(book, quotes({"con_id": 1, "price": 10.0}), betas({"con_id": 1, "beta": 1.0}))
    assert found["value"].tolist() == [1_000.0, -400.0]
    assert found["account"].tolist() == ["DU1", "DU2"]


def test_another_currency_is_converted_at_the_rate_that_is_given(positions, quotes, betas):
    euro = {"con_id": 1, "currency": "EUR"}
    book = positions({**euro, "quantity": 10.0, "average_cost": 90.0})
    found = marked(book, quotes({**euro, "price": 100.0}), betas({"con_id": 1, "beta": 0.5}), rates={"EUR": 1.08})
    row = found.iloc[0]
    assert row["value"] == pytest.approx(1_080.0)
    assert row["pnl"] == pytest.approx(108.0)
    assert row["beta_exposure"] == pytest.approx(540.0)
    assert (row["rate"], row["currency"], row["contract_currency"]) == (1.08, "USD", "EUR")


def test_another_currency_without_a_rate_is_refused_with_what_to_write(positions, quotes, betas):
    euro = {"con_id": 1, "symbol": "SAP", "currency": "EUR"}
    frames = positions({**euro, "quantity": 10.0}), quotes({**euro, "price": 100.0}), betas({"con_id": 1, "beta": 1.0})
    with pytest.raises(DataProblem, match=r"SAP is in EUR.*Give USD for one unit: `rates: \{EUR: …\}`"):
        mark_exposure(*frames)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_that_is_no_rate_is_refused(positions, quotes, betas, rate):
    frames = positions({"con_id": 1, "quantity": 1.0}), quotes(), betas({"con_id": 1, "beta": 1.0})
    with pytest.raises(DataProblem, match="The rate of EUR is"):
        mark_exposure(*frames, rates={"EUR": rate})


def test_the_books_own_currency_has_no_other_rate_than_one(positions, quotes, betas):
    frames = positions({"con_id": 1, "quantity": 1.0}), quotes(), betas({"con_id": 1, "beta": 1.0})
    with pytest.raises(DataProblem, match="The rate of USD, the book's own currency"):
        mark_exposure(*frames, rates={"USD": 0.9})


def test_a_quote_in_another_currency_than_the_position_is_refused(positions, quotes, betas):
    frames = (
        positions({"con_id": 1, "quantity": 1.0}),
        quotes({"con_id": 1, "price": 5.0, "currency": "CAD"}),
        betas({"con_id": 1, "beta": 1.0}),
    )
    with pytest.raises(DataProblem, match=r"C1 \(con_id 1\) is held in USD and quoted in CAD\."):
        mark_exposure(*frames)


def test_a_quote_of_another_multiplier_is_refused(positions, quotes, betas):
    frames = (
        positions({"con_id": 1, "quantity": 1.0, "multiplier": 50.0}),
        quotes({"con_id": 1, "price": 5.0, "multiplier": 5.0}),
        betas({"con_id": 1, "beta": 1.0}),
    )
    with pytest.raises(DataProblem, match=r"held of multiplier 50\.0 and quoted of multiplier 5\.0"):
        mark_exposure(*frames)


def test_what_is_not_covered_says_why_and_is_listed(positions, quotes, betas, notes):
    book = positions(*({"con_id": n, "quantity": 10.0} for n in range(1, 6)))
    market = quotes(
        {"con_id": 1, "price": 60.0},
        {"con_id": 2, "price": float("nan"), "price_kind": "none"},
        {"con_id": 3, "price": 20.0},
        {"con_id": 4, "price": 20.0},
    )
    regressions = betas(
        {"con_id": 1, "beta": 1.0},
        {"con_id": 2, "beta": 1.0},
        {"con_id": 3, "beta": float("nan"), "reason": "12 observations, 30 needed"},
    )
    found = marked(book, market, regressions)
    assert found["reason"].tolist() == [
        "",
        "no price",
        "no beta: 12 observations, 30 needed",
        "no beta: no history",
        "no quote; no beta: no history",
    ]
    assert found["covered"].tolist() == [True, False, False, False, False]
    assert notes[0] == "1 of 5 positions covered, 20.0% by count and 60.0% of the gross value that is known."
    assert notes[1].startswith("Not covered: C2 in DU1 (no price), C3 in DU1 (no beta: 12 observations, 30 needed)")


@pytest.mark.parametrize(
    ("security_type", "price", "reason"),
    [
        ("STK", 0.0, "absurd price 0"),
        ("STK", -3.5, "absurd price -3.5"),
        ("STK", float("inf"), "absurd price inf"),
        ("FUT", -37.63, "absurd price -37.63"),
        ("OPT", -0.05, "absurd price -0.05"),
        ("OPT", 0.0, ""),
    ],
)
def test_an_absurd_price_is_not_summed_but_an_option_may_end_worthless(
    positions, quotes, betas, security_type, price, reason
):
    contract = {"con_id": 1, "security_type": security_type}
    found = marked(
        positions({**contract, "quantity": 10.0, "average_cost": 7.0}),
        quotes({**contract, "price": price}),
        betas({"con_id": 1, "beta": 1.0}),
    ).iloc[0]
    assert found["reason"] == reason
    assert found["covered"] == (reason == "")
    if reason:
        assert np.isnan([found["price"], found["value"], found["pnl"]]).all()
    else:
        assert (found["price"], found["value"], found["pnl"]) == (0.0, 0.0, -70.0)


def test_marks_at_the_previous_close_are_told(positions, quotes, betas, notes):
    market = quotes({"con_id": 1, "price": 5.0, "close": 5.0, "price_kind": "close"}, {"con_id": 2, "price": 5.0})
    book = positions({"con_id": 1, "quantity": 1.0}, {"con_id": 2, "quantity": 1.0})
    marked(book, market, betas({"con_id": 1, "beta": 1.0}, {"con_id": 2, "beta": 1.0}))
    assert notes[-1] == "Marked at the previous close, for want of a market: C1."


def test_betas_to_two_benchmarks_are_refused(positions, quotes, betas):
    two = betas({"con_id": 1, "beta": 1.0}, {"con_id": 2, "beta": 1.0, "benchmark_id": 901})
    with pytest.raises(DataProblem, match="The betas are to 2 benchmarks: con_id 900, 901"):
        mark_exposure(positions({"con_id": 1, "quantity": 1.0}), quotes(), two)


def test_a_book_without_a_single_beta_is_refused_and_an_empty_book_is_not(positions, quotes, betas):
    with pytest.raises(DataProblem, match="The book has 1 position and not one beta"):
        mark_exposure(positions({"con_id": 1, "quantity": 1.0}), quotes(), betas())
    assert len(marked(positions(), quotes(), betas())) == 0


def test_coverage_is_by_count_and_by_gross_value(exposures):
    book = exposures(
        {"value": -300.0, "beta": 1.0}, {"value": 100.0, "beta": 1.0}, {"value": 600.0}, {"price": float("nan")}
    )
    assert coverage(book) == (0.5, 0.4)
    assert coverage(exposures()) == (1.0, None)


def test_the_order_of_quotes_and_betas_does_not_matter(positions, quotes, betas):
    book = positions(*({"con_id": n, "quantity": float(n)} for n in (5, 3, 9)))
    market = quotes(*({"con_id": n, "price": 10.0 * n} for n in (3, 5, 9)))
    regressions = betas(*({"con_id": n, "beta": 0.1 * n} for n in (3, 5, 9)))
    one = mark_exposure(book, market, regressions)
    assert one["con_id"].tolist() == [5, 3, 9]
    assert one["value"].tolist() == [250.0, 90.0, 810.0]
    pd.testing.assert_frame_equal(one, mark_exposure(book, market.iloc[::-1], regressions.iloc[[1, 2, 0]]))
