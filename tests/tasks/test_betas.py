"""Betas against scikit-learn, exact arithmetic and what a user asks for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.frame import schema_of
from schemas.risk import Betas
from tasks.betas import regress_betas
from tasks.connections.problems import DataProblem

framed = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_betas_are_those_of_scikit_learn_fitted_one_by_one(panel):
    from sklearn.linear_model import LinearRegression

    frame = panel(120, missing=0.03)
    # Some holes are nulls, as compute_returns leaves them; others are rows that aren't there.
    frame = frame[frame["return"].notna() | (np.arange(len(frame)) % 2 == 0)].reset_index(drop=True)
    found = schema_of(Betas).validate(regress_betas(frame, "SPY")).set_index("con_id")
    wide = frame.pivot(index="session", columns="con_id", values="return")
    for con_id in wide.columns:
        pair = pd.DataFrame({"x": wide[1], "y": wide[con_id]}).dropna()
        model = LinearRegression().fit(pair[["x"]], pair["y"])
        row = found.loc[con_id]
        assert row["beta"] == pytest.approx(model.coef_[0], abs=1e-10)
        assert row["intercept"] == pytest.approx(model.intercept_, abs=1e-10)
        assert row["r_squared"] == pytest.approx(model.score(pair[["x"]], pair["y"]), abs=1e-10)
        assert row["observations"] == len(pair)
        assert (row["first_session"], row["last_session"]) == (pair.index[0], pair.index[-1])


def test_the_errors_are_those_of_exact_arithmetic(exact, panel):
    frame = panel(3, sessions=60, missing=0.1)
    found = regress_betas(frame, "SPY").set_index("con_id")
    wide = frame.pivot(index="session", columns="con_id", values="return")
    for con_id in (2, 3):
        pair = wide[[1, con_id]].dropna().to_numpy()
        expected = exact(pair[:, 0], pair[:, 1])
        row = found.loc[con_id]
        assert row["beta_error"] == pytest.approx(expected["slope_error"], rel=1e-10)
        assert row["intercept_error"] == pytest.approx(expected["intercept_error"], rel=1e-10)
        assert row["residual_volatility"] == pytest.approx(expected["residual_deviation"], rel=1e-10)


def test_the_benchmark_has_beta_one_to_itself_without_error(panel):
    row = regress_betas(panel(3), "SPY").iloc[0]
    assert row["con_id"] == row["benchmark_id"] == 1
    numbers = ["beta", "intercept", "r_squared", "beta_error", "intercept_error", "residual_volatility"]
    assert row[numbers].tolist() == [1.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    assert row["observations"] == 252


def test_too_few_observations_give_no_beta_and_say_how_many_are_needed(notes, exact, panel):
    frame = panel(3, sessions=40)
    frame = frame[(frame["con_id"] != 2) | (frame["session"] < "2022-01-19")]
    found = schema_of(Betas).validate(regress_betas(frame, "SPY")).set_index("con_id")
    assert np.isnan(found.loc[2, "beta"])
    assert found.loc[2, "observations"] == 12
    assert found.loc[2, "reason"] == "12 observations, 30 needed"
    assert found.loc[[1, 3], "beta"].notna().all()
    assert notes == ["No beta for 1 of 3 contracts: C2 (12 observations, 30 needed)."]
    assert regress_betas(frame, "SPY", minimum=12).set_index("con_id").loc[2, "beta"] == pytest.approx(
        exact(*(frame[frame["con_id"] == n]["return"].to_numpy()[:12] for n in (1, 2)))["slope"], rel=1e-12
    )


def test_a_contract_that_never_traded_with_the_benchmark_is_kept_without_a_beta(panel):
    frame = panel(3, sessions=40)
    frame.loc[frame["con_id"] == 2, "return"] = np.nan
    row = schema_of(Betas).validate(regress_betas(frame, "SPY")).iloc[1]
    assert row["observations"] == 0
    assert pd.isna(row["first_session"])
    assert row["reason"] == "0 observations, 30 needed"


@pytest.mark.parametrize("absent", ["row", "null"])
def test_returns_on_days_without_one_of_the_benchmark_are_left_out(absent, panel):
    frame = panel(3, sessions=60)
    days = pd.to_datetime(["2022-01-03", "2022-02-01", frame["session"].max()])
    # A contract that lacks the day after must not be given that day's return in its place.
    frame = frame[(frame["con_id"] != 2) | (frame["session"] != "2022-02-02")].reset_index(drop=True)
    on_days = frame["session"].isin(days)
    of_benchmark = on_days & (frame["con_id"] == 1)
    if absent == "row":
        holed = frame[~of_benchmark].reset_index(drop=True)
    else:
        holed = frame.assign(**{"return": frame["return"].mask(of_benchmark)})
    expected = regress_betas(frame[~on_days].reset_index(drop=True), "SPY")
    pd.testing.assert_frame_equal(regress_betas(holed, "SPY"), expected)


def test_an_absent_benchmark_is_refused_with_the_nearest_name(panel):
    with pytest.raises(DataProblem, match=r"The benchmark SPYY has no returns\. Did you mean SPY\?"):
        regress_betas(panel(3), "SPYY")


def test_a_symbol_without_rows_is_an_absent_benchmark(panel):
    frame = panel(3)
    with pytest.raises(DataProblem, match="The benchmark SPY has no returns"):
        regress_betas(frame[frame["con_id"] != 1], "SPY")


def test_a_benchmark_that_is_two_contracts_is_refused(panel):
    frame = panel(3)
    frame["symbol"] = frame["symbol"].where(frame["con_id"] == 1, "C2")
    with pytest.raises(DataProblem, match="The benchmark C2 is 2 contracts: con_id 2, 3"):
        regress_betas(frame, "C2")


def test_a_benchmark_with_too_few_returns_is_refused(panel):
    with pytest.raises(DataProblem, match="The benchmark SPY has 29 returns, 30 are needed"):
        regress_betas(panel(3, sessions=29), "SPY")


def test_a_benchmark_that_never_moves_is_refused(panel):
    frame = panel(3)
    frame.loc[frame["con_id"] == 1, "return"] = 0.1
    with pytest.raises(DataProblem, match="returns the same in each of its 252 sessions"):
        regress_betas(frame, "SPY")


def test_no_returns_at_all_is_an_absent_benchmark(returns):
    with pytest.raises(DataProblem, match="The benchmark SPY has no returns"):
        regress_betas(returns(), "SPY")


@framed
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed, panel):
    frame = panel(6, sessions=40, missing=0.1)
    shuffled = frame.sample(frac=1.0, random_state=seed)
    pd.testing.assert_frame_equal(regress_betas(shuffled, "SPY"), regress_betas(frame, "SPY"), check_exact=True)


def test_half_life_betas_are_those_of_scikit_learn_with_the_weights_of_each_session(panel):
    from sklearn.linear_model import LinearRegression

    frame = panel(20, missing=0.1)
    found = schema_of(Betas).validate(regress_betas(frame, "SPY", half_life=21.0)).set_index("con_id")
    wide = frame.pivot(index="session", columns="con_id", values="return")
    # A session's age doesn't depend on the holes of a contract.
    weights = 0.5 ** (np.arange(len(wide))[::-1] / 21.0)
    for con_id in wide.columns:
        there = wide[con_id].notna().to_numpy()
        x, y = wide.loc[there, [1]].to_numpy(), wide.loc[there, con_id].to_numpy()
        model = LinearRegression().fit(x, y, weights[there])
        row = found.loc[con_id]
        assert row["beta"] == pytest.approx(model.coef_[0], abs=1e-10)
        assert row["intercept"] == pytest.approx(model.intercept_, abs=1e-10)
        assert row["r_squared"] == pytest.approx(model.score(x, y, weights[there]), abs=1e-10)
        assert row["observations"] == there.sum()


def test_half_life_errors_are_larger_as_fewer_returns_count(panel, exact):
    frame = panel(3, sessions=60, missing=0.1)
    wide = frame.pivot(index="session", columns="con_id", values="return").to_numpy()
    weights = 0.5 ** (np.arange(60)[::-1] / 10.0)
    rows = regress_betas(frame, "SPY", half_life=10.0)
    plain = regress_betas(frame, "SPY")
    for place in (1, 2):
        there = np.isfinite(wide[:, place])
        expected = exact(wide[there, 0], wide[there, place], weights[there])
        assert rows["beta_error"][place] == pytest.approx(expected["slope_error"], rel=1e-10)
        assert rows["intercept_error"][place] == pytest.approx(expected["intercept_error"], rel=1e-10)
        assert rows["residual_volatility"][place] == pytest.approx(expected["residual_deviation"], rel=1e-10)
        assert rows["beta_error"][place] > plain["beta_error"][place]


def test_a_beta_that_changed_is_seen_sooner_with_a_half_life(panel):
    frame = panel(2, sessions=240)
    x = frame.loc[frame["con_id"] == 1, "return"].to_numpy()
    frame.loc[frame["con_id"] == 2, "return"] = np.where(np.arange(240) < 180, 0.5, 1.5) * x
    assert regress_betas(frame, "SPY")["beta"][1] < 0.9
    assert regress_betas(frame, "SPY", half_life=15.0)["beta"][1] > 1.35
