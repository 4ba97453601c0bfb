"""Betas against NIST's data, exact arithmetic and scikit-learn."""

from __future__ import annotations

import csv
from fractions import Fraction
from functools import lru_cache
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from schemas.frame import schema_of
from schemas.market import Returns
from schemas.risk import Betas
from tasks.betas import regress_betas
from tasks.connections.problems import DataProblem
from tasks.least_squares import least_squares

NIST = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "nist" / "xKDR_NISTTests" / "data"

# The certified values: https://www.itl.nist.gov/div898/strd/lls/data/Norris.shtml
NORRIS = {
    "slope": 1.00211681802045,
    "intercept": -0.262323073774029,
    "slope_error": 0.429796848199937e-03,
    "intercept_error": 0.232818234301152,
    "residual_deviation": 0.884796396144373,
    "r_squared": 0.999993745883712,
}

CASES = [("norris", "x"), ("pontius", "x"), *(("longley", f"x{number}") for number in range(1, 7))]


@lru_cache
def nist(name: str) -> dict[str, np.ndarray]:
    """A data set's columns; skips the test aloud where the data isn't at hand."""
    path = NIST / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"NIST's data set {name} is not here: it isn't shipped, and is looked for beside the project")
    with path.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    return {column: np.array([float(row[column]) for row in rows]) for column in rows[0]}


def exact(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The regression in rational numbers, rounded once at the end."""
    xs, ys = [Fraction(float(v)) for v in x], [Fraction(float(v)) for v in y]
    n = len(xs)
    x_mean, y_mean = sum(xs) / n, sum(ys) / n
    sxx = sum((a - x_mean) ** 2 for a in xs)
    syy = sum((b - y_mean) ** 2 for b in ys)
    slope = sum((a - x_mean) * (b - y_mean) for a, b in zip(xs, ys, strict=True)) / sxx
    intercept = y_mean - slope * x_mean
    squares = sum((b - intercept - slope * a) ** 2 for a, b in zip(xs, ys, strict=True))
    variance = squares / (n - 2)
    return {
        "slope": float(slope),
        "intercept": float(intercept),
        "r_squared": float(1 - squares / syy),
        "slope_error": sqrt(variance / sxx),
        "intercept_error": sqrt(variance * (Fraction(1, n) + x_mean**2 / sxx)),
        "residual_deviation": sqrt(variance),
    }


def fitted(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    fit = least_squares(x, y[None, :])
    return {name: float(values[0]) for name, values in fit._asdict().items() if name != "observations"}


def test_norris_gives_the_certified_values():
    data = nist("norris")
    assert fitted(data["x"], data["y"]) == pytest.approx(NORRIS, rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 1e8], ids=["as it is", "x + 1e8"])
@pytest.mark.parametrize(("name", "column"), CASES)
def test_nist_slopes_and_errors_hold_to_nine_digits(name, column, shift):
    data = nist(name)
    x = data[column] + shift
    expected = exact(x, data["y"])
    assert fitted(x, data["y"]) == pytest.approx(expected, rel=1e-9)
    assert fitted(x, data["y"])["slope"] == pytest.approx(exact(data[column], data["y"])["slope"], rel=1e-9)


def test_a_line_worked_out_by_hand():
    # x̄ = 2, ȳ = 4; Sxx = 2, Sxy = 3, Syy = 14/3 … y = 1 + 1.5x with residuals 0.5, -1, 0.5.
    x, y = np.array([1.0, 2.0, 3.0]), np.array([3.0, 3.0, 6.0])
    assert fitted(x, y) == pytest.approx(
        {
            "slope": 1.5,
            "intercept": 1.0,
            "r_squared": 0.75,
            "slope_error": sqrt(1.5 / 2),
            "intercept_error": sqrt(1.5) * sqrt(1 / 3 + 4 / 2),
            "residual_deviation": sqrt(1.5),
        }
    )


def test_what_is_missing_in_one_row_is_left_out_of_that_row_alone():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    y = np.array([[0.0, 1.0, 2.0, 3.0], [0.0, np.nan, 4.0, 6.0], [np.nan, 5.0, np.inf, 5.0]])
    fit = least_squares(x, y)
    assert fit.observations.tolist() == [4, 3, 2]
    assert fit.slope.tolist() == pytest.approx([1.0, 2.0, 0.0])
    assert fit.intercept.tolist() == pytest.approx([0.0, 0.0, 5.0])


def test_a_row_on_which_the_benchmark_stands_still_has_no_line():
    x = np.array([0.1, 0.1, 0.1, 0.7])
    fit = least_squares(x, np.array([[1.0, 2.0, 3.0, np.nan]]))
    assert np.isnan([fit.slope[0], fit.intercept[0], fit.r_squared[0], fit.slope_error[0]]).all()


def test_a_row_that_never_changes_has_slope_and_r_squared_zero():
    # 0.1 has no exact double and its sum rounds: what is left of the variance is noise.
    chance = np.random.default_rng(1)
    fit = least_squares(chance.normal(0, 1, 999), np.full((1, 999), 0.1))
    assert (fit.slope[0], fit.r_squared[0], fit.slope_error[0], fit.residual_deviation[0]) == (0.0, 0.0, 0.0, 0.0)
    assert fit.intercept[0] == pytest.approx(0.1)


def test_no_rows_give_no_lines():
    assert len(least_squares(np.arange(5.0), np.empty((0, 5))).slope) == 0


def test_a_panel_of_many_blocks_is_the_same_as_row_by_row():
    chance = np.random.default_rng(7)
    x, y = chance.normal(0, 0.01, 252), chance.normal(0, 0.02, (700, 252))
    y[chance.random(y.shape) < 0.03] = np.nan
    whole = least_squares(x, y)
    for row in (0, 1, 259, 260, 261, 519, 520, 699):
        assert whole.slope[row] == pytest.approx(least_squares(x, y[row : row + 1]).slope[0], rel=1e-12)


series = arrays(np.float64, 40, elements=st.floats(-0.2, 0.2).map(lambda value: round(value, 6)))
masks = arrays(np.bool_, 40)
several = settings(max_examples=60, deadline=None)
framed = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@several
@given(x=series, y=series, missing=masks)
def test_masking_is_the_same_as_dropping(x, y, missing):
    masked = least_squares(x, np.where(missing, np.nan, y)[None, :])
    dropped = least_squares(x[~missing], y[~missing][None, :])
    for one, other in zip(masked, dropped, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)


@several
@given(x=series, y=series, power=st.integers(-10, 10))
def test_the_unit_of_the_returns_scales_the_slope(x, y, power):
    one, other = least_squares(x, y[None, :]), least_squares(x, y[None, :] * 2.0**power)
    np.testing.assert_allclose(other.slope, one.slope * 2.0**power, rtol=1e-12)
    np.testing.assert_allclose(other.r_squared, one.r_squared, rtol=1e-9, atol=1e-12)


def panel(contracts: int, sessions: int = 252, missing: float = 0.0, seed: int = 5) -> pd.DataFrame:
    """A long frame of seeded returns; con_id 1, `SPY`, is the factor and has no holes."""
    chance = np.random.default_rng(seed)
    factor = chance.normal(0.0004, 0.011, sessions)
    values = chance.normal(1.0, 0.4, (contracts, 1)) * factor + chance.normal(0, 0.018, (contracts, sessions))
    values[0] = factor
    values[chance.random(values.shape) < missing] = np.nan
    values[0] = factor
    names = ["SPY", *(f"C{number}" for number in range(2, contracts + 1))]
    frame = pd.DataFrame(
        {
            "con_id": np.repeat(np.arange(1, contracts + 1), sessions),
            "symbol": pd.Categorical(np.repeat(names, sessions)),
            "session": np.tile(pd.bdate_range("2022-01-03", periods=sessions).astype("datetime64[ns]"), contracts),
            "return": values.ravel(),
        }
    )
    return schema_of(Returns).validate(frame)


def test_betas_are_those_of_scikit_learn_fitted_one_by_one():
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


def test_the_errors_are_those_of_exact_arithmetic():
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


def test_the_benchmark_has_beta_one_to_itself_without_error():
    row = regress_betas(panel(3), "SPY").iloc[0]
    assert row["con_id"] == row["benchmark_id"] == 1
    numbers = ["beta", "intercept", "r_squared", "beta_error", "intercept_error", "residual_volatility"]
    assert row[numbers].tolist() == [1.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    assert row["observations"] == 252


def test_too_few_observations_give_no_beta_and_say_how_many_are_needed(notes):
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


def test_a_contract_that_never_traded_with_the_benchmark_is_kept_without_a_beta():
    frame = panel(3, sessions=40)
    frame.loc[frame["con_id"] == 2, "return"] = np.nan
    row = schema_of(Betas).validate(regress_betas(frame, "SPY")).iloc[1]
    assert row["observations"] == 0
    assert pd.isna(row["first_session"])
    assert row["reason"] == "0 observations, 30 needed"


@pytest.mark.parametrize("absent", ["row", "null"])
def test_returns_on_days_without_one_of_the_benchmark_are_left_out(absent):
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


def test_an_absent_benchmark_is_refused_with_the_nearest_name():
    with pytest.raises(DataProblem, match=r"The benchmark SPYY has no returns\. Did you mean SPY\?"):
        regress_betas(panel(3), "SPYY")


def test_a_symbol_without_rows_is_an_absent_benchmark():
    frame = panel(3)
    with pytest.raises(DataProblem, match="The benchmark SPY has no returns"):
        regress_betas(frame[frame["con_id"] != 1], "SPY")


def test_a_benchmark_that_is_two_contracts_is_refused():
    frame = panel(3)
    frame["symbol"] = frame["symbol"].where(frame["con_id"] == 1, "C2")
    with pytest.raises(DataProblem, match="The benchmark C2 is 2 contracts: con_id 2, 3"):
        regress_betas(frame, "C2")


def test_a_benchmark_with_too_few_returns_is_refused():
    with pytest.raises(DataProblem, match="The benchmark SPY has 29 returns, 30 are needed"):
        regress_betas(panel(3, sessions=29), "SPY")


def test_a_benchmark_that_never_moves_is_refused():
    frame = panel(3)
    frame.loc[frame["con_id"] == 1, "return"] = 0.1
    with pytest.raises(DataProblem, match="returns the same in each of its 252 sessions"):
        regress_betas(frame, "SPY")


def test_no_returns_at_all_is_an_absent_benchmark(returns):
    with pytest.raises(DataProblem, match="The benchmark SPY has no returns"):
        regress_betas(returns(), "SPY")


@framed
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed):
    frame = panel(6, sessions=40, missing=0.1)
    shuffled = frame.sample(frac=1.0, random_state=seed)
    pd.testing.assert_frame_equal(regress_betas(shuffled, "SPY"), regress_betas(frame, "SPY"), check_exact=True)
