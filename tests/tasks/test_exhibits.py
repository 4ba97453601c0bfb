"""Which pictures are drawn, of what."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from tasks.betas import regress_betas
from tasks.exhibits import beta_intervals, by_contract, interval, interval_texts, regressions, rolling
from tasks.rolling import roll_betas


def test_an_interval_is_students(betas):
    frame = betas(
        {"con_id": 1, "beta": 1.0, "beta_error": 0.1, "observations": 12},
        {"con_id": 2, "beta": 0.5, "beta_error": 0.2, "observations": 252},
        {"con_id": 3, "beta": 0.5, "beta_error": float("nan"), "observations": 252},
        {"con_id": 4, "beta": 0.5, "beta_error": 0.2, "observations": 2},
    )
    lower, upper = interval(frame)
    # From a table of Student's distribution: t(0.975; 10) = 2.228, t(0.975; 250) = 1.9695.
    assert lower[:2] == pytest.approx([1 - 0.2228, 0.5 - 0.3939], abs=5e-5)
    assert upper[:2] == pytest.approx([1 + 0.2228, 0.5 + 0.3939], abs=5e-5)
    assert all(math.isnan(end) for end in (*lower[2:], *upper[2:]))
    assert interval_texts(frame) == ["0.777 to 1.223", "0.106 to 0.894", "", ""]


def test_contracts_are_added_over_accounts_and_the_smallest_put_together(exposures):
    rows = [{"con_id": n, "symbol": f"S{n}", "value": 100.0 * (20 - n), "beta": 1.0} for n in range(1, 19)]
    frame = exposures(*rows, {"con_id": 1, "account": "DU2", "symbol": "S1", "value": -500.0, "beta": 1.0})
    labels, values = by_contract(frame)
    assert labels == [*(f"S{n}" for n in range(2, 6)), "S1", *(f"S{n}" for n in range(6, 15)), "4 others"]
    assert values[4] == 1900.0 - 500.0
    assert values[-1] == 500.0 + 400.0 + 300.0 + 200.0


def test_the_regressions_are_those_of_the_largest_exposures(panel, exposures):
    returns = panel(5, 60)
    betas = regress_betas(returns, "SPY")
    own = {"benchmark_id": 1, "beta": 1.0}
    covered = exposures(
        {**own, "con_id": 1, "symbol": "SPY", "value": 9e6},
        {**own, "con_id": 3, "symbol": "C3", "value": 10.0},
        {**own, "con_id": 4, "symbol": "C4", "value": -30.0},
        {**own, "con_id": 5, "symbol": "C5", "value": 20.0},
        {**own, "con_id": 77, "symbol": "C77", "value": 1e6},  # of which there are no returns
    )
    titles = [each.title for each in regressions(covered, betas, returns, 2)]
    assert [title.partition(":")[0] for title in titles] == ["C4 on SPY", "C5 on SPY"]
    beta = betas.set_index("symbol").loc["C4"]
    assert titles[0] == (
        f"C4 on SPY: beta {beta['beta']:.3f} ± {beta['beta_error']:.3f}, R² {beta['r_squared']:.2f}, 60 sessions"
    )


def test_rolling_betas_are_those_of_the_largest_exposures_and_never_the_benchmarks(panel, exposures):
    betas = roll_betas(panel(9, 80), "SPY", window=63)
    covered = exposures(*({"con_id": n, "value": 10.0 * n, "beta": 1.0} for n in (1, 3, 8, 5)))
    picture = rolling(betas, covered)
    names = [name for name in ("SPY", *(f"C{n}" for n in range(2, 10))) if f">{name}<" in picture.svg]
    assert names == ["C2", "C3", "C4", "C5", "C6", "C8"]
    assert picture.title == "Rolling betas, windows of 63 sessions"


def test_two_contracts_of_one_symbol_are_told_apart(panel):
    returns = panel(3, 80)
    returns["symbol"] = returns["symbol"].cat.rename_categories({"C2": "ABC", "C3": "abc"}).astype(str).str.upper()
    betas = roll_betas(returns.astype({"symbol": "category"}), "SPY", window=63)
    picture = rolling(betas, None)
    assert ">ABC 2<" in picture.svg
    assert ">ABC 3<" in picture.svg


def test_without_any_beta_there_is_no_picture(betas):
    nothing = betas({"con_id": 1, "beta": float("nan"), "reason": "no returns"})
    assert beta_intervals(nothing) is None
    empty = pd.DataFrame({"con_id": [], "symbol": [], "beta": [], "benchmark_id": [], "last_session": []})
    assert rolling(empty, None) is None
