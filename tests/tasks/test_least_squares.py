"""Straight lines against NIST's data, exact arithmetic and what happens when it is tried often."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tasks.least_squares import half_life_weights, least_squares

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


def fitted(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    fit = least_squares(x, y[None, :])
    return {name: float(values[0]) for name, values in fit._asdict().items() if name != "observations"}


def test_norris_gives_the_certified_values(nist):
    data = nist("norris")
    assert fitted(data["x"], data["y"]) == pytest.approx(NORRIS, rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 1e8], ids=["as it is", "x + 1e8"])
@pytest.mark.parametrize(("name", "column"), CASES)
def test_nist_slopes_and_errors_hold_to_nine_digits(name, column, shift, exact, nist):
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


def test_half_lives_are_counted_back_from_the_last_observation():
    assert half_life_weights(4, 1.0).tolist() == [0.125, 0.25, 0.5, 1.0]
    assert half_life_weights(5, 2.0)[[0, 2, 4]].tolist() == pytest.approx([0.25, 0.5, 1.0])


def test_a_weighted_line_worked_out_by_hand():
    # W = 4, x̄ = 5/4, ȳ = 3/2; Sxx = 11/4, Sxy = 5/2, Syy = 3, V = 31/8; Σwe² = 8/11 over 12/11 degrees of freedom.
    x, y, weights = np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 2.0]), np.array([1.0, 1.0, 2.0])
    fit = least_squares(x, y[None, :], weights)
    assert {name: float(values[0]) for name, values in fit._asdict().items()} == pytest.approx(
        {
            "observations": 3,
            "slope": 10 / 11,
            "intercept": 4 / 11,
            "r_squared": 25 / 33,
            "slope_error": sqrt(2 / 3) * sqrt(31 / 8) / (11 / 4),
            "intercept_error": sqrt(2 / 3) * sqrt((9 / 11) ** 2 + (4 / 11) ** 2 + (2 / 11) ** 2),
            "residual_deviation": sqrt(2 / 3),
        }
    )


@pytest.mark.parametrize("weight", [1.0, 1e-3, 7.0])
def test_weights_that_are_all_the_same_change_nothing(weight):
    chance = np.random.default_rng(3)
    x, y = chance.normal(0, 0.01, 80), chance.normal(0, 0.02, (5, 80))
    y[chance.random(y.shape) < 0.1] = np.nan
    for one, other in zip(least_squares(x, y), least_squares(x, y, np.full(80, weight)), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-10)


@pytest.mark.parametrize("shift", [0.0, 1e6], ids=["as it is", "x + 1e6"])
@pytest.mark.parametrize(("name", "column"), CASES)
def test_weighted_nist_lines_are_those_of_exact_arithmetic(name, column, shift, nist, exact):
    data = nist(name)
    x = data[column] + shift
    weights = half_life_weights(len(x), 5.0)
    found = least_squares(x, data["y"][None, :], weights)
    expected = exact(x, data["y"], weights)
    assert {key: float(getattr(found, key)[0]) for key in expected} == pytest.approx(expected, rel=1e-8)


def test_what_is_missing_has_no_weight():
    chance = np.random.default_rng(8)
    x, y, weights = chance.normal(0, 1, 50), chance.normal(0, 1, 50), half_life_weights(50, 9.0)
    there = chance.random(50) < 0.7
    masked = least_squares(x, np.where(there, y, np.nan)[None, :], weights)
    dropped = least_squares(x[there], y[there][None, :], weights[there])
    for one, other in zip(masked, dropped, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_the_errors_are_how_far_lines_scatter_when_the_same_is_drawn_often():
    chance = np.random.default_rng(20221228)
    x, weights = chance.normal(0.3, 1.0, 60), half_life_weights(60, 12.0)
    drawn = least_squares(x, 0.5 + 2.0 * x + chance.normal(0, 0.3, (20_000, 60)), weights)
    assert drawn.slope.mean() == pytest.approx(2.0, abs=0.005)
    assert np.sqrt((drawn.slope_error**2).mean()) == pytest.approx(drawn.slope.std(), rel=0.02)
    assert np.sqrt((drawn.intercept_error**2).mean()) == pytest.approx(drawn.intercept.std(), rel=0.02)
    assert np.sqrt((drawn.residual_deviation**2).mean()) == pytest.approx(0.3, rel=0.01)
    # So few count that plain least squares knows the slope far better.
    assert drawn.slope.std() > 1.3 * 0.3 / np.sqrt(((x - x.mean()) ** 2).sum())


def test_each_row_may_have_an_x_of_its_own():
    chance = np.random.default_rng(4)
    x, y = chance.normal(0, 1, (3000, 30)), chance.normal(0, 1, (3000, 30))
    y[chance.random(y.shape) < 0.1] = np.nan
    for weights in (None, half_life_weights(30, 7.0)):
        together = least_squares(x, y, weights)
        for row in (0, 1, 2183, 2184, 2999):
            alone = least_squares(x[row], y[row : row + 1], weights)
            for one, other in zip(together, alone, strict=True):
                assert one[row] == pytest.approx(other[0], rel=1e-12)
