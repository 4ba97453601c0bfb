"""Value at risk, expected shortfall and drawdown against published and independently computed figures."""

from __future__ import annotations

import csv
import gzip
import json
import math
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from tasks.tail_risk import drawdown, historical, parametric

CLOSES = Path(__file__).parents[2] / "tasks" / "connections" / "ib" / "closes" / "sp500_dataset.csv.gz"
KNOWN = Path(__file__).parents[3] / "shared" / "data" / "known_answers" / "risk_known.json"


@pytest.fixture(scope="module")
def known():
    if not KNOWN.exists():
        pytest.skip(f"the published figures are not here: {KNOWN.name}")
    return json.loads(KNOWN.read_text())


@pytest.fixture(scope="module")
def returns():
    """Daily returns of 2018-2022 by symbol, from the shipped closes."""
    with gzip.open(CLOSES, "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["Date"] >= "2017-12-29"]
    closes = {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name != "Date"}
    return {name: values[1:] / values[:-1] - 1 for name, values in closes.items()}


def test_real_stocks_have_the_figures_that_two_other_programs_give(known, returns):
    told = known["real_skfolio_2018_2022"]["values"]
    assert len(told) >= 20
    for symbol, figures in told.items():
        tail = historical(returns[symbol], 0.95)
        assert tail.var == pytest.approx(-figures["var95_linear_pct"], rel=1e-9)
        assert tail.cvar == pytest.approx(-figures["cvar95_mean_le_var"], rel=1e-9)
        curve = np.cumprod(np.concatenate([[1.0], 1 + returns[symbol]]))
        assert drawdown(curve).worst == pytest.approx(-figures["max_drawdown"], rel=1e-9)


def test_drawdowns_are_the_published_ones(known):
    for name, expected in known["max_drawdown"].items():
        series = np.array([value for value in known["series"][name] if value is not None])
        curve = np.cumprod(np.concatenate([[1.0], 1 + series]))
        assert drawdown(curve).worst == pytest.approx(-expected, abs=1e-8), name


def test_expected_shortfall_of_a_normal_sample_is_near_its_formula():
    sample = NormalDist(0.001, 0.02)
    draws = np.array([sample.inv_cdf((rank + 0.5) / 20_000) for rank in range(20_000)])
    past, normal = historical(draws, 0.975), parametric(draws, 0.975)
    assert normal.var == pytest.approx(1.959963984540054 * 0.02 - 0.001, rel=1e-3)
    assert normal.cvar == pytest.approx(0.02 * 0.05844507 / 0.025 - 0.001, rel=1e-3)
    assert past.var == pytest.approx(normal.var, rel=1e-3)
    assert past.cvar == pytest.approx(normal.cvar, rel=2e-3)


def test_the_mean_is_of_all_losses_at_least_as_large():
    losses = np.array([-5.0, -4.0, -3.0, *([1.0] * 37)])
    tail = historical(losses, 0.95)  # the quantile is 0.95 of the way from the second to the third
    assert tail.var == pytest.approx(4.0 - 0.95)
    assert tail.cvar == pytest.approx((5 + 4) / 2)


def test_nulls_are_left_out_and_a_short_past_tells_nothing():
    few = np.array([*([0.01] * 19), *([np.nan] * 50)])
    assert all(math.isnan(figure) for figure in (*historical(few, 0.95), *parametric(few, 0.95)))
    assert historical(np.append(few, -0.5), 0.95).cvar == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("curve", "now", "worst", "sessions"),
    [
        ([100.0, 120.0, 90.0, 60.0, 90.0], 0.25, 0.5, 3),
        ([100.0, 110.0, 110.0], 0.0, 0.0, 0),
        ([100.0], 0.0, 0.0, 0),
        ([], 0.0, 0.0, 0),
    ],
)
def test_drawdown_is_counted_from_the_highest_point_before(curve, now, worst, sessions):
    found = drawdown(np.array(curve))
    assert (found.now, found.worst, found.sessions) == (pytest.approx(now), pytest.approx(worst), sessions)
