"""Rolling betas: at every place of the window, the regression of what is in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from schemas.frame import schema_of
from schemas.risk import RollingBetas
from tasks.betas import regress_betas
from tasks.connections.problems import DataProblem
from tasks.rolling import roll_betas

NUMBERS = ["beta", "beta_error", "intercept", "r_squared", "residual_volatility"]


def rolled(*arguments, **named) -> pd.DataFrame:
    return schema_of(RollingBetas).validate(roll_betas(*arguments, **named))


@pytest.mark.parametrize("half_life", [None, 8.0])
def test_every_window_is_the_regression_of_its_own_returns(panel, half_life):
    frame = panel(6, sessions=90, missing=0.15)
    found = rolled(frame, "SPY", window=40, minimum=20, half_life=half_life)
    days = np.sort(frame["session"].unique())
    for end in range(40, 91):
        window = frame[frame["session"].isin(days[end - 40 : end])]
        alone = regress_betas(window.reset_index(drop=True), "SPY", minimum=20, half_life=half_life)
        here = found[found["last_session"] == days[end - 1]].reset_index(drop=True)
        assert here["con_id"].tolist() == alone["con_id"].tolist()
        np.testing.assert_allclose(here[NUMBERS], alone[NUMBERS], rtol=1e-9, atol=1e-15)
        assert set(here["first_session"]) == {pd.Timestamp(days[end - 40])}
        assert here["observations"].tolist() == alone["observations"].tolist()
    assert len(found) == 6 * 51


def test_a_window_is_what_a_straight_line_through_its_points_gives(panel):
    frame = panel(2, sessions=50)
    found = rolled(frame, "SPY", window=30).set_index(["con_id", "last_session"])
    x, y = (frame.loc[frame["con_id"] == con_id, "return"].to_numpy() for con_id in (1, 2))
    days = frame.loc[frame["con_id"] == 1, "session"].to_numpy()
    for end in range(30, 51):
        slope, level = np.polyfit(x[end - 30 : end], y[end - 30 : end], 1)
        row = found.loc[(2, days[end - 1])]
        assert row["beta"] == pytest.approx(slope, rel=1e-9)
        assert row["intercept"] == pytest.approx(level, rel=1e-7)
        assert row["r_squared"] == pytest.approx(np.corrcoef(x[end - 30 : end], y[end - 30 : end])[0, 1] ** 2, rel=1e-9)


def test_a_step_thins_the_windows_out_from_the_latest_back(panel):
    frame = panel(3, sessions=100)
    every, fifth = rolled(frame, "SPY", window=63), rolled(frame, "SPY", window=63, step=5)
    ends = np.sort(every["last_session"].unique())
    assert np.sort(fifth["last_session"].unique()).tolist() == ends[::-1][::5][::-1].tolist()
    expected = every[every["last_session"].isin(fifth["last_session"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(fifth, expected)


def test_a_contract_begins_with_its_first_beta_and_a_hole_is_null(panel):
    frame = panel(2, sessions=120)
    place = np.tile(np.arange(120), 2)
    listed_later = (frame["con_id"] == 2) & (place < 50)
    halted = (frame["con_id"] == 2) & (place >= 80) & (place < 100)
    frame = frame[~listed_later & ~halted].reset_index(drop=True)
    found = rolled(frame, "SPY", window=30, minimum=15)
    own = found[found["con_id"] == 2]
    days = np.sort(frame["session"].unique())
    assert own["last_session"].iloc[0] == days[64]  # fifteen returns by then
    assert own["observations"].iloc[0] == 15
    assert own["beta"].isna().sum() == (own["observations"] < 15).sum() > 0
    assert own["last_session"].iloc[-1] == days[-1]


def test_the_benchmark_is_exact_at_each_session(panel):
    own = rolled(panel(2, sessions=70), "SPY").query("con_id == 1")
    assert len(own) == 8
    assert (own[NUMBERS].to_numpy() == [1.0, 0.0, 0.0, 1.0, 0.0]).all()


def test_a_contract_with_no_beta_in_any_window_is_named(panel, notes):
    frame = panel(3, sessions=70)
    frame = frame[(frame["con_id"] != 2) | (frame["session"] < "2022-01-20")].reset_index(drop=True)
    assert rolled(frame, "SPY")["con_id"].unique().tolist() == [1, 3]
    assert notes == ["No beta in any window for 1 of 3 contracts: C2."]


def test_less_history_than_a_window_is_refused(panel):
    with pytest.raises(DataProblem, match="The benchmark SPY has 62 returns, 63 are needed"):
        roll_betas(panel(2, sessions=62), "SPY")
    assert len(rolled(panel(2, sessions=63), "SPY")) == 2


def test_a_window_that_never_holds_enough_is_refused(panel):
    with pytest.raises(DataProblem, match="A window of 20 sessions never has 30 observations"):
        roll_betas(panel(2), "SPY", window=20)


def test_the_order_of_rows_does_not_matter(panel):
    frame = panel(4, sessions=80, missing=0.1)
    pd.testing.assert_frame_equal(roll_betas(frame.sample(frac=1.0, random_state=3), "SPY"), roll_betas(frame, "SPY"))
