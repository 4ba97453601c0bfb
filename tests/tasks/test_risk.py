"""Figures of a book worked out by hand, and of a book of one against its own returns."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from schemas.accounts import AccountSummaries
from schemas.frame import schema_of
from schemas.limits import Equity, RiskFigures
from tasks.connections.clock import ManualClock
from tasks.connections.problems import DataProblem
from tasks.risk import gather_figures, measure_drawdown, measure_exposure, measure_tail
from tasks.run import Run
from tasks.tail_risk import historical, parametric

RUN = Run("r", "p", date(2022, 12, 28), clock=ManualClock("2022-12-28T15:00Z"))


def exposure(*rows: tuple[str, int, float, float], account: str = "A") -> pd.DataFrame:
    """(symbol, con_id, value, beta); NaN for none."""
    symbols, ids, values, betas = zip(*rows, strict=True)
    count = len(rows)
    value, beta = np.array(values, dtype=float), np.array(betas, dtype=float)
    covered = ~np.isnan(value) & ~np.isnan(beta)
    return pd.DataFrame(
        {
            "account": pd.Categorical([f"{account}{number}" for number in range(count)]),
            "con_id": np.array(ids, dtype=np.int64),
            "symbol": pd.Categorical(symbols),
            "security_type": pd.Categorical(["STK"] * count),
            "quantity": np.ones(count),
            "multiplier": np.ones(count),
            "price": np.abs(value),
            "contract_currency": pd.Categorical(["USD"] * count),
            "currency": pd.Categorical(["USD"] * count),
            "rate": np.ones(count),
            "value": value,
            "pnl": np.zeros(count),
            "benchmark_id": np.full(count, 9, dtype=np.int64),
            "beta": beta,
            "r_squared": np.full(count, 0.5),
            "beta_exposure": value * beta,
            "covered": covered,
            "reason": np.full(count, "", dtype=object),
        }
    )


def summary(*worth: float, currency: str = "USD") -> pd.DataFrame:
    count = len(worth)
    columns = {name: np.full(count, np.nan) for name in schema_of(AccountSummaries).columns}
    return pd.DataFrame(
        columns
        | {
            "account": pd.Categorical([f"A{number}" for number in range(count)]),
            "account_type": pd.Categorical([""] * count),
            "currency": pd.Categorical([currency] * count),
            "net_liquidation": np.array(worth),
            "time": pd.DatetimeIndex(["2022-12-28T15:00Z"] * count).as_unit("ns"),
        }
    )


def returns(con_id: int, values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "con_id": np.full(len(values), con_id, dtype=np.int64),
            "symbol": pd.Categorical([f"S{con_id}"] * len(values)),
            "session": pd.bdate_range("2022-01-03", periods=len(values)).as_unit("ns"),
            "return": values,
        }
    )


def told(frame: pd.DataFrame) -> dict[str, float]:
    schema_of(RiskFigures).validate(frame)
    return dict(zip(frame["figure"].astype(str), frame["value"], strict=True))


def test_exposure_by_hand():
    book = exposure(("X", 1, 600.0, 1.5), ("Y", 2, -300.0, 0.5), ("X", 1, 100.0, 1.5), ("Z", 3, np.nan, 1.0))
    figures = told(measure_exposure.function(book, RUN, summary(400.0, 100.0), unpriced=0.5))
    assert figures == pytest.approx(
        {
            "gross": 1000.0,
            "net": 400.0,
            "beta_weighted": 600 * 1.5 - 300 * 0.5 + 100 * 1.5,
            "largest": 0.7,  # X is held in two accounts
            "uncovered": 0.25,
            "gross_leverage": 2.0,
            "net_leverage": 0.8,
        }
    )


def test_an_empty_book_risks_nothing():
    book = exposure(("X", 1, 1.0, 1.0)).iloc[:0]
    assert told(measure_exposure.function(book, RUN)) == {
        "gross": 0.0, "net": 0.0, "beta_weighted": 0.0, "largest": 0.0, "uncovered": 0.0
    }  # fmt: skip


def test_the_tail_of_one_holding_is_its_value_times_that_of_its_returns():
    daily = np.random.default_rng(5).normal(0.0005, 0.02, 250)
    figures = told(
        measure_tail.function(exposure(("X", 1, -2000.0, 1.0)), returns(1, daily), RUN, 0.95, summary(10_000.0))
    )
    past, normal = historical(-2000 * daily, 0.95), parametric(-2000 * daily, 0.95)
    assert figures["var_95"] == pytest.approx(past.var, rel=1e-12)
    assert figures["cvar_95"] == pytest.approx(past.cvar, rel=1e-12)
    assert figures["cvar_95_normal"] == pytest.approx(normal.cvar, rel=1e-12)
    assert figures["cvar_95_of_worth"] == pytest.approx(past.cvar / 10_000, rel=1e-12)
    assert figures["cvar_95"] > figures["var_95"] > 0


def test_a_long_and_a_short_of_the_same_returns_cancel():
    daily = np.random.default_rng(5).normal(0, 0.02, 100)
    book = exposure(("X", 1, 500.0, 1.0), ("Y", 2, -500.0, 1.0))
    both = pd.concat([returns(1, daily), returns(2, daily)], ignore_index=True).assign(
        symbol=lambda rows: rows["symbol"].astype("category")
    )
    figures = told(measure_tail.function(book, both, RUN))
    assert figures["var_95"] == pytest.approx(0.0, abs=1e-9)
    assert figures["cvar_95"] == pytest.approx(0.0, abs=1e-9)


def test_too_short_a_past_gives_null_and_not_zero():
    figures = told(measure_tail.function(exposure(("X", 1, 500.0, 1.0)), returns(1, np.full(19, -0.1)), RUN))
    assert np.isnan(list(figures.values())).all()


def equity(*rows: tuple[float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "account": pd.Categorical(["A"] * len(rows)),
            "session": pd.bdate_range("2022-01-03", periods=len(rows)).as_unit("ns"),
            "net_liquidation": [float(worth) for worth, _ in rows],
            "flows": [float(flow) for _, flow in rows],
        }
    )
    return schema_of(Equity).validate(frame)


def test_money_paid_in_is_no_gain_and_money_taken_out_no_loss():
    figures = told(measure_drawdown.function(equity((100, 0), (210, 100), (105, -105)), RUN))
    assert figures["drawdown"] == pytest.approx(0.0, abs=1e-12)
    assert figures["worst_drawdown"] == pytest.approx(0.0, abs=1e-12)


def test_the_curve_goes_on_to_this_moment():
    figures = told(measure_drawdown.function(equity((100, 0), (120, 0)), RUN, summary=summary(60.0, 30.0)))
    assert figures["drawdown"] == pytest.approx(0.25)
    assert figures["sessions_below_peak"] == 1


def test_figures_of_several_tasks_are_gathered_and_none_is_there_twice():
    one = measure_exposure.function(exposure(("X", 1, 1.0, 1.0)), RUN)
    two = measure_tail.function(exposure(("X", 1, 1.0, 1.0)), returns(1, np.zeros(30)), RUN)
    assert list(told(gather_figures.function(one, two))) == [*told(one), *told(two)]
    with pytest.raises(DataProblem, match=r"gross.*: measured twice"):
        gather_figures.function(one, one)


def test_a_book_in_another_currency_than_its_accounts_is_refused():
    with pytest.raises(DataProblem, match="The book is in USD, and accounts are in EUR"):
        measure_exposure.function(exposure(("X", 1, 1.0, 1.0)), RUN, summary(1.0, currency="EUR"))


def test_of_a_book_that_is_mostly_without_prices_nothing_is_told():
    book = exposure(("X", 1, 600.0, 1.5), ("Y", 2, np.nan, 0.5))
    figures = measure_exposure.function(book, RUN)
    assert figures["value"].isna().all()
    assert set(figures["detail"]) == {"1 of 2 positions without a price"}
    tail = measure_tail.function(book, returns(1, np.zeros(100)), RUN)
    assert tail["value"].isna().all()
