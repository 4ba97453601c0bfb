"""Returns follow the exchange's calendar: never across a gap, always across a holiday."""

from __future__ import annotations

from math import log

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.frame import schema_of
from schemas.market import Prices, Returns
from tasks.connections.problems import DataProblem
from tasks.returns import compute_returns

# Eight sessions of New York: the 26th was Christmas's holiday, the 24th and 25th a weekend.
SESSIONS = [
    "2022-12-16",
    "2022-12-19",
    "2022-12-20",
    "2022-12-21",
    "2022-12-22",
    "2022-12-23",
    "2022-12-27",
    "2022-12-28",
]


def series(prices, con_id, closes, sessions=SESSIONS, **more):
    return prices(
        *({"con_id": con_id, "session": s, "close": c, **more} for s, c in zip(sessions, closes, strict=False))
    )


def together(*frames):
    whole = pd.concat([frame.astype({"symbol": object}) for frame in frames], ignore_index=True)
    return schema_of(Prices).validate(whole.astype({"symbol": "category"}))


def by_session(frame, con_id=1):
    own = frame[frame["con_id"] == con_id]
    return dict(zip(own["session"].dt.strftime("%Y-%m-%d"), own["return"], strict=True))


def test_a_simple_return_is_the_change_over_the_session_before(prices):
    found = by_session(compute_returns(series(prices, 1, [100.0, 110.0, 99.0])))
    assert found == pytest.approx({"2022-12-19": 0.10, "2022-12-20": -0.10}, rel=1e-14)


def test_a_log_return_is_the_logarithm_of_the_ratio(prices):
    found = by_session(compute_returns(series(prices, 1, [100.0, 110.0, 99.0]), kind="log"))
    assert found == pytest.approx({"2022-12-19": log(1.1), "2022-12-20": log(0.9)}, rel=1e-14)


def test_a_weekend_with_a_holiday_is_no_gap(prices, notes):
    found = by_session(compute_returns(series(prices, 1, [50.0, 51.0], ["2022-12-23", "2022-12-27"])))
    assert found == pytest.approx({"2022-12-27": 0.02})
    assert notes == []


def test_a_missing_session_gives_no_return_and_is_named(prices, notes):
    whole = series(prices, 1, [100.0, 101.0, 102.0, 103.0], symbol="KO")
    gappy = series(prices, 2, [10.0, 11.0, 22.0], ["2022-12-16", "2022-12-20", "2022-12-21"], symbol="PEP")
    found = compute_returns(together(whole, gappy))
    theirs = by_session(found, 2)
    assert list(theirs) == ["2022-12-20", "2022-12-21"]
    assert np.isnan(theirs["2022-12-20"])
    assert theirs["2022-12-21"] == pytest.approx(1.0)
    assert not found[found["con_id"] == 1]["return"].isna().any()
    assert notes == ["1 price is missing in 1 contract and not bridged: PEP 2022-12-19."]


def test_a_session_that_every_contract_misses_is_a_gap_too(prices, notes):
    days = ["2022-12-16", "2022-12-20"]
    found = compute_returns(together(series(prices, 1, [1.0, 2.0], days), series(prices, 2, [1.0, 2.0], days)))
    assert found["return"].isna().all()
    assert "Nothing has a price on 2022-12-19." in notes[0]


def test_many_gaps_are_named_in_a_short_sentence(prices, notes):
    frames = [series(prices, n, [1.0, 2.0], ["2022-12-16", "2022-12-28"]) for n in range(1, 41)]
    compute_returns(together(*frames))
    assert notes[0].startswith("240 prices are missing in 40 contracts")
    assert "and 35 more gaps." in notes[0]
    assert len(notes[0]) < 600


def test_contracts_of_one_symbol_are_kept_apart(prices):
    two = together(series(prices, 1, [100.0, 101.0], symbol="ABC"), series(prices, 2, [7.0, 14.0], symbol="ABC"))
    found = compute_returns(two)
    assert found["return"].tolist() == pytest.approx([0.01, 1.0])
    assert found["con_id"].tolist() == [1, 2]


def test_a_first_or_only_price_has_no_row(prices):
    for day in SESSIONS:
        assert len(compute_returns(series(prices, 1, [100.0], [day]))) == 0
    assert len(compute_returns(series(prices, 1, [100.0, 100.0, 100.0]))) == 2


def test_no_prices_give_no_returns(prices):
    schema_of(Returns).validate(compute_returns(prices()))


def test_what_it_yields_is_a_valid_frame_even_with_gaps(prices):
    found = compute_returns(series(prices, 1, [1.0, 2.0, 3.0], ["2022-12-16", "2022-12-20", "2022-12-21"]))
    schema_of(Returns).validate(found)


def test_a_saturday_is_refused_by_name(prices):
    with pytest.raises(DataProblem, match=r"2022-12-17 in the prices of KO is no session of the calendar XNYS"):
        compute_returns(series(prices, 1, [1.0, 2.0], ["2022-12-16", "2022-12-17"], symbol="KO"))


def test_a_session_with_a_time_of_day_is_refused(prices):
    with pytest.raises(DataProblem, match=r"2022-12-19T16:00:00 in the prices"):
        compute_returns(series(prices, 1, [1.0, 2.0], ["2022-12-16", "2022-12-19 16:00"]))


def test_the_calendar_decides_what_a_gap_is(prices, notes):
    # London was closed on the 27th, New York was not.
    frame = series(prices, 1, [100.0, 103.0], ["2022-12-23", "2022-12-28"])
    assert by_session(compute_returns(frame, calendar="XLON")) == pytest.approx({"2022-12-28": 0.03})
    assert notes == []
    assert compute_returns(frame, calendar="XNYS")["return"].isna().all()


def test_an_unknown_calendar_is_refused(prices):
    with pytest.raises(DataProblem, match=r"no exchange calendar `NYSE2`.*XNYS"):
        compute_returns(series(prices, 1, [1.0, 2.0]), calendar="NYSE2")


def test_an_infinite_close_gives_no_return_on_either_side(prices, notes):
    found = by_session(compute_returns(series(prices, 1, [100.0, np.inf, 100.0, 101.0], symbol="KO")))
    assert np.isnan([found["2022-12-19"], found["2022-12-20"]]).all()
    assert found["2022-12-21"] == pytest.approx(0.01)
    assert notes == ["KO: closes with no finite ratio, which give no return."]


closes = st.lists(st.floats(0.01, 1e6), min_size=len(SESSIONS), max_size=len(SESSIONS))
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(first=closes, second=closes, seed=st.integers(0, 999))
def test_the_order_of_rows_does_not_matter(prices, first, second, seed):
    frame = together(series(prices, 2, first), series(prices, 1, second))
    shuffled = frame.sample(frac=1.0, random_state=seed)
    pd.testing.assert_frame_equal(compute_returns(frame), compute_returns(shuffled))


@quick
@given(values=closes, power=st.integers(-20, 20))
def test_the_unit_of_the_price_does_not_matter(prices, values, power):
    scaled = [value * 2.0**power for value in values]
    expected, found = (compute_returns(series(prices, 1, one))["return"] for one in (values, scaled))
    pd.testing.assert_series_equal(found, expected)


@quick
@given(values=closes, hole=st.integers(1, len(SESSIONS) - 2))
def test_taking_a_price_away_takes_only_the_return_after_it(prices, values, hole):
    frame = series(prices, 1, values)
    whole, holed = by_session(compute_returns(frame)), by_session(compute_returns(frame.drop(index=hole)))
    assert np.isnan(holed.pop(SESSIONS[hole + 1]))
    assert holed == {day: value for day, value in whole.items() if day not in SESSIONS[hole : hole + 2]}
