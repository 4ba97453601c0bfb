"""Loadings against scikit-learn on the factor funds' own history, NIST's Longley and the textbook's matrices."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from schemas.frame import schema_of
from schemas.market import Returns
from schemas.risk import Loadings
from tasks.betas import regress_betas
from tasks.connections.problems import DataProblem
from tasks.factors import regress_loadings
from tasks.least_squares import half_life_weights
from tasks.multiple_least_squares import multiple_least_squares

ROOT = Path(__file__).resolve().parents[2]
FACTORS = ["MTUM", "QUAL", "SIZE", "USMV", "VLUE"]

# Certified: https://www.itl.nist.gov/div898/strd/lls/data/Longley.shtml
LONGLEY = {
    "intercept": (-3482258.63459582, 890420.383607373),
    "slopes": [
        (15.0618722713733, 84.9149257747669),
        (-0.358191792925910e-01, 0.334910077722432e-01),
        (-2.02022980381683, 0.488399681651699),
        (-1.03322686717359, 0.214274163161675),
        (-0.511041056535807e-01, 0.226073200069370),
        (1829.15146461355, 455.478499142212),
    ],
    "deviation": 304.854073561965,
    "r_squared": 0.995479004577296,
}


def loadings(*arguments, **named) -> pd.DataFrame:
    return schema_of(Loadings).validate(regress_loadings(*arguments, **named))


@pytest.fixture(scope="module")
def market() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns of twenty stocks and of the five factor funds, on the sessions of 2022."""
    closes = ROOT / "tasks" / "connections" / "ib" / "closes" / "sp500_dataset.csv.gz"
    with gzip.open(closes, "rt") as file:
        stocks = pd.read_csv(file, parse_dates=["Date"], index_col="Date")
    long = pd.read_parquet(ROOT / "pipelines" / "data" / "factors.parquet")
    funds = long.assign(date=pd.to_datetime(long["date"])).pivot(index="date", columns="symbol", values="close")
    return _long(stocks.loc["2021-12-31":"2022-12-27"], 1), _long(funds.loc["2021-12-31":][FACTORS], 101)


def _long(closes: pd.DataFrame, first: int) -> pd.DataFrame:
    returns = closes.astype(float).pct_change().iloc[1:]
    days, names = returns.index.to_numpy().astype("datetime64[ns]"), [str(name) for name in returns.columns]
    frame = pd.DataFrame(
        {
            "con_id": np.repeat(np.arange(first, first + len(names)), len(days)),
            "symbol": pd.Categorical(np.repeat(names, len(days))),
            "session": np.tile(days, len(names)),
            "return": returns.to_numpy().T.ravel(),
        }
    )
    return schema_of(Returns).validate(frame)


def test_longley_gives_the_certified_values(nist):
    data = nist("longley")
    x = np.column_stack([data[f"x{number}"] for number in range(1, 7)])
    fit = multiple_least_squares(x, data["y"][None, :], minimum=8)
    assert (fit.intercept[0], fit.intercept_error[0]) == pytest.approx(LONGLEY["intercept"], rel=1e-9)
    assert list(zip(fit.slope[0], fit.slope_error[0], strict=True)) == [
        pytest.approx(pair, rel=1e-9) for pair in LONGLEY["slopes"]
    ]
    assert fit.residual_deviation[0] == pytest.approx(LONGLEY["deviation"], rel=1e-10)
    assert fit.r_squared[0] == pytest.approx(LONGLEY["r_squared"], rel=1e-12)


@pytest.mark.parametrize("half_life", [None, 42.0])
def test_loadings_are_those_of_scikit_learn_fitted_one_by_one(market, half_life):
    from sklearn.linear_model import LinearRegression

    stocks, funds = market
    chance = np.random.default_rng(2)
    stocks = stocks[chance.random(len(stocks)) > 0.05].reset_index(drop=True)
    found = loadings(stocks, funds, half_life=half_life)
    x = funds.pivot(index="session", columns="con_id", values="return")
    weights = pd.Series(np.ones(len(x)) if half_life is None else half_life_weights(len(x), half_life), index=x.index)
    assert len(found) == 20 * 5
    for con_id, rows in found.groupby("con_id"):
        y = stocks[stocks["con_id"] == con_id].set_index("session")["return"]
        inputs, own = x.loc[y.index], weights.loc[y.index]
        model = LinearRegression().fit(inputs.to_numpy(), y.to_numpy(), own)
        assert rows["factor"].tolist() == FACTORS
        assert rows["loading"].tolist() == pytest.approx(model.coef_, abs=1e-10)
        assert rows["intercept"].iloc[0] == pytest.approx(model.intercept_, abs=1e-12)
        assert rows["r_squared"].iloc[0] == pytest.approx(model.score(inputs.to_numpy(), y, own), abs=1e-10)
        assert rows["observations"].iloc[0] == len(y)


@pytest.mark.parametrize("half_life", [None, 42.0])
def test_errors_and_t_statistics_are_those_of_the_textbooks_matrices(market, half_life):
    stocks, funds = market
    found = loadings(stocks, funds, half_life=half_life)
    wide = funds.pivot(index="session", columns="con_id", values="return")
    x = np.column_stack([np.ones(len(wide)), wide.to_numpy()])
    w = np.ones(len(x)) if half_life is None else half_life_weights(len(x), half_life)
    takes = np.linalg.inv(x.T @ (w[:, None] * x)) @ (x.T * w)
    for con_id in (1, 7, 20):
        y = stocks[stocks["con_id"] == con_id]["return"].to_numpy()
        residual = y - x @ takes @ y
        variance = (w @ residual**2) / np.trace(np.diag(w) @ (np.eye(len(x)) - x @ takes))
        errors = np.sqrt(variance * np.diag(takes @ takes.T))
        rows = found[found["con_id"] == con_id]
        assert rows["loading_error"].tolist() == pytest.approx(errors[1:], rel=1e-8)
        assert rows["intercept_error"].iloc[0] == pytest.approx(errors[0], rel=1e-8)
        assert rows["t_statistic"].tolist() == pytest.approx((takes @ y)[1:] / errors[1:], rel=1e-7)
        assert rows["residual_volatility"].iloc[0] == pytest.approx(np.sqrt(variance), rel=1e-10)
        if half_life is None:
            n, k = x.shape[0], 5
            assert variance == pytest.approx(residual @ residual / (n - k - 1))
            adjusted = 1 - (residual @ residual / (n - k - 1)) / y.var(ddof=1)
            assert rows["adjusted_r_squared"].iloc[0] == pytest.approx(adjusted, rel=1e-9)


@pytest.mark.parametrize("half_life", [None, 30.0])
def test_one_factor_is_a_beta(panel, half_life):
    frame = panel(8, missing=0.1)
    betas = regress_betas(frame, "SPY", half_life=half_life)[1:].reset_index(drop=True)
    found = loadings(frame, frame, names=["SPY"], half_life=half_life)
    for ours, theirs in (("loading", "beta"), ("loading_error", "beta_error"), ("r_squared", "r_squared")):
        np.testing.assert_allclose(found[ours], betas[theirs], rtol=1e-9)
    np.testing.assert_allclose(found["intercept_error"], betas["intercept_error"], rtol=1e-9)
    assert found["observations"].tolist() == betas["observations"].tolist()
    assert found["first_session"].tolist() == betas["first_session"].tolist()


def test_factors_that_explain_one_another_give_no_loadings(panel, notes):
    frame = panel(4)
    twin = frame[frame["con_id"] == 1].assign(con_id=50, symbol=pd.Categorical(["TWIN"] * 252))
    twin["return"] *= -2.0
    both = pd.concat([frame.astype({"symbol": str}), twin.astype({"symbol": str})]).astype({"symbol": "category"})
    found = loadings(frame, both.reset_index(drop=True), names=["SPY", "TWIN"])
    assert found["loading"].isna().all()
    assert set(found["reason"]) == {"over its observations a factor stands still, or follows from the others"}
    assert notes[0].startswith("No loadings for 3 of 3 contracts: C2 (over its observations")


def test_too_few_common_sessions_give_no_loadings(panel):
    frame = panel(4, sessions=60)
    frame = frame[(frame["con_id"] != 4) | (frame["session"] < "2022-01-20")].reset_index(drop=True)
    found = loadings(frame, frame, names=["SPY", "C2"])
    assert found["con_id"].tolist() == [3, 3, 4, 4]
    assert found.loc[found["con_id"] == 4, "reason"].tolist() == ["13 observations, 30 needed"] * 2
    assert found.loc[found["con_id"] == 3, "loading"].notna().all()


def test_a_contract_that_never_changes_loads_on_nothing(panel):
    frame = panel(3)
    frame.loc[frame["con_id"] == 3, "return"] = 0.1
    row = loadings(frame, frame, names=["SPY"]).query("con_id == 3").iloc[0]
    assert (row["loading"], row["r_squared"], row["loading_error"]) == (0.0, 0.0, 0.0)
    assert np.isnan(row["t_statistic"])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["SPY", "C22"], r"The factor C22 has no returns\. Did you mean C2"),
        (["SPY", "SPY"], "The factor SPY is named twice"),
        ([], "`names` names no factor"),
    ],
)
def test_factors_are_named_once_and_must_be_there(panel, names, words):
    frame = panel(3)
    with pytest.raises(DataProblem, match=words):
        regress_loadings(frame, frame, names=names)


def test_factors_without_enough_sessions_in_common_are_refused(panel):
    frame = panel(3, sessions=40)
    place = np.tile(np.arange(40), 3)
    apart = frame[((frame["con_id"] != 1) | (place < 25)) & ((frame["con_id"] != 2) | (place >= 15))]
    with pytest.raises(DataProblem, match="The factors SPY, C2 have 10 sessions in common, and 30 are needed"):
        regress_loadings(frame, apart.reset_index(drop=True), names=["SPY", "C2"])


def test_no_contracts_beside_the_factors_are_no_loadings(panel):
    frame = panel(2)
    assert loadings(frame, frame).empty
