"""Robust and regularised betas: what scikit-learn gives, one contract at a time."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.frame import schema_of
from schemas.risk import Betas
from tasks.betas import regress_betas
from tasks.connections.problems import DataProblem
from tasks.estimators import fit_betas, known_estimators


def fitted(*arguments, **named):
    return schema_of(Betas).validate(fit_betas(*arguments, **named)).set_index("con_id")


def pairs(frame):
    """Each contract's returns beside the benchmark's, where both are there."""
    wide = frame.pivot(index="session", columns="con_id", values="return")
    for con_id in wide.columns[1:]:
        both = wide[[1, con_id]].dropna().to_numpy()
        yield con_id, both[:, 0], both[:, 1]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("HuberRegressor", {"epsilon": 1.35}),
        ("TheilSenRegressor", {"max_subpopulation": 500, "random_state": 0}),
        ("Ridge", {"alpha": 0.01}),
        ("Lasso", {"alpha": 1e-5}),
        ("BayesianRidge", {}),
    ],
)
def test_on_returns_as_they_are_it_is_scikit_learns_own_line(panel, name, parameters):
    from sklearn import linear_model

    frame = panel(5, missing=0.05)
    found = fitted(frame, "SPY", name, parameters, standardise=False)
    for con_id, x, y in pairs(frame):
        model = getattr(linear_model, name)(**parameters).fit(x[:, None], y)
        assert found.loc[con_id, "beta"] == pytest.approx(model.coef_[0], rel=1e-9)
        assert found.loc[con_id, "intercept"] == pytest.approx(model.intercept_, rel=1e-9, abs=1e-15)
        assert found.loc[con_id, "r_squared"] == pytest.approx(max(model.score(x[:, None], y), 0.0), abs=1e-10)
        assert found.loc[con_id, "observations"] == len(x)
    assert found["beta_error"][1:].isna().all()


def test_a_straight_line_by_its_name_is_the_regression(panel):
    frame = panel(6, missing=0.05)
    for half_life in (None, 20.0):
        found = fitted(frame, "SPY", "LinearRegression", half_life=half_life).reset_index()
        plain = regress_betas(frame, "SPY", half_life=half_life)
        for column in ("beta", "intercept", "r_squared"):
            np.testing.assert_allclose(found[column], plain[column], rtol=1e-9, atol=1e-15)
        if half_life is None:
            np.testing.assert_allclose(found["residual_volatility"], plain["residual_volatility"], rtol=1e-9)


def test_ridge_takes_the_same_share_of_every_beta_whatever_the_volatility(panel):
    frame = panel(5)
    plain = regress_betas(frame, "SPY").set_index("con_id")["beta"]
    found = fitted(frame, "SPY", "Ridge", {"alpha": 28.0})["beta"]
    assert found[1:].tolist() == pytest.approx((plain[1:] * 252 / 280).tolist())
    assert found[1] == 1.0


def test_lasso_takes_its_alpha_from_the_correlation_and_small_ones_whole(panel):
    frame = panel(12)
    found = fitted(frame, "SPY", "Lasso", {"alpha": 0.5})
    dropped = 0
    for con_id, x, y in pairs(frame):
        correlation = np.corrcoef(x, y)[0, 1]
        kept = np.sign(correlation) * max(abs(correlation) - 0.5, 0.0)
        assert found.loc[con_id, "beta"] == pytest.approx(kept * y.std() / x.std(), rel=1e-6, abs=1e-12)
        dropped += kept == 0
    assert 0 < dropped < 11


@pytest.mark.parametrize("name", ["HuberRegressor", "TheilSenRegressor", "RANSACRegressor"])
def test_a_wrong_print_hardly_moves_a_robust_beta(panel, name):
    frame = panel(2)
    x = frame.loc[frame["con_id"] == 1, "return"].to_numpy()
    y = 1.2 * x + np.random.default_rng(1).normal(0, 0.002, 252)
    y[np.abs(x).argsort()[-3:]] = 4.0  # quoted in pence for three days
    frame.loc[frame["con_id"] == 2, "return"] = y
    assert abs(regress_betas(frame, "SPY")["beta"][1] - 1.2) > 1.0
    assert fitted(frame, "SPY", name).loc[2, "beta"] == pytest.approx(1.2, abs=0.05)


def test_lots_are_drawn_the_same_each_time(panel):
    frame = panel(3)
    for name in ("TheilSenRegressor", "RANSACRegressor", "SGDRegressor"):
        once, again = (fit_betas(frame, "SPY", name, {}) for _ in range(2))
        assert once["beta"].tolist() == again["beta"].tolist()
    other = fit_betas(frame, "SPY", "RANSACRegressor", {"random_state": 5})
    assert other["beta"].tolist() != fit_betas(frame, "SPY", "RANSACRegressor")["beta"].tolist()


def test_every_estimator_that_is_listed_gives_a_beta(panel):
    names = list(known_estimators())
    assert {"HuberRegressor", "TheilSenRegressor", "Ridge", "Lasso", "ElasticNet", "QuantileRegressor"} <= set(names)
    assert not {"LogisticRegression", "PoissonRegressor", "MultiTaskLasso"} & set(names)
    frame = panel(2, sessions=60)
    frame.loc[frame["con_id"] == 2, "return"] = 1.3 * frame.loc[frame["con_id"] == 1, "return"].to_numpy() + 0.001
    for name in names:
        # A median's default penalty, like Lasso's, takes the whole beta.
        given = {"alpha": 0.001} if name in ("QuantileRegressor", "Lasso", "ElasticNet", "LassoLars") else {}
        found = fitted(frame, "SPY", name, given)
        assert found.loc[2, "beta"] == pytest.approx(1.3, rel=0.1), name


def test_a_half_life_weighs_as_scikit_learns_sample_weight(panel):
    from sklearn.linear_model import HuberRegressor

    frame = panel(3)
    found = fitted(frame, "SPY", "HuberRegressor", standardise=False, half_life=30.0)
    weights = 0.5 ** (np.arange(252)[::-1] / 30.0)
    for con_id, x, y in pairs(frame):
        model = HuberRegressor().fit(x[:, None], y, weights / weights.mean())
        assert found.loc[con_id, "beta"] == pytest.approx(model.coef_[0], rel=1e-9)


def test_what_does_not_converge_is_no_beta(panel, notes):
    found = fitted(panel(2), "SPY", "HuberRegressor", {"max_iter": 1})
    assert np.isnan(found.loc[2, "beta"])
    assert found.loc[2, "reason"] == "HuberRegressor didn't converge"
    assert notes == ["No beta for 1 of 2 contracts: C2 (HuberRegressor didn't converge)."]


def test_few_observations_a_still_contract_and_the_benchmark_are_as_of_the_regression(panel):
    frame = panel(4, sessions=60)
    frame = frame[(frame["con_id"] != 2) | (frame["session"] < "2022-01-20")].reset_index(drop=True)
    frame.loc[frame["con_id"] == 3, "return"] = 0.1
    found = fitted(frame, "SPY", "HuberRegressor")
    assert found.loc[2, "reason"] == "13 observations, 30 needed"
    assert found.loc[3, ["beta", "r_squared"]].tolist() == [0.0, 0.0]
    assert found.loc[1, ["beta", "r_squared", "beta_error"]].tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("name", "parameters", "half_life", "words"),
    [
        ("HuberRegresor", {}, None, "did you mean HuberRegressor"),
        ("RandomForestRegressor", {}, None, "expected a linear regressor of scikit-learn"),
        ("HuberRegressor", {"epsilo": 1.35}, None, "takes no parameter `epsilo`. Did you mean `epsilon`?"),
        ("HuberRegressor", {"epsilon": 0.5}, None, "The 'epsilon' parameter of HuberRegressor must be"),
        ("TheilSenRegressor", {}, 20.0, "TheilSenRegressor takes no weights"),
    ],
)
def test_what_cannot_be_fitted_is_said_before_any_fit(panel, name, parameters, half_life, words):
    with pytest.raises(DataProblem) as refused:
        fit_betas(panel(3), "SPY", name, parameters, half_life=half_life)
    assert words in str(refused.value)
