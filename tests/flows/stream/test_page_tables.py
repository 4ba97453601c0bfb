"""What the live page is sent of a frame: every row once, then only those that changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.stream.page.columns import kinds_of_frame, plain_columns
from flows.stream.page.history import History
from flows.stream.page.layout import TAIL, Table
from flows.stream.page.looks import AGE, look_of
from flows.stream.page.picture import Picture, Standing
from flows.stream.page.tables import KEY, Change, DisplayTable
from schemas.market import Quotes
from schemas.risk import Hedges

NOON = pd.Timestamp("2022-12-28T12:00:00Z")


def frame(rows: dict[int, float | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "con_id": np.array(list(rows), dtype=np.int64),
            "symbol": pd.Categorical([f"S{con_id}" for con_id in rows]),
            "price": np.array([np.nan if price is None else price for price in rows.values()]),
        }
    )


class Mirror:
    """What a browser would hold."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def take(self, change: Change | None) -> list[str]:
        """Keys of the rows that were sent."""
        if change is None:
            return []
        for key in change.removed:
            del self.rows[key]
        sent = pa.ipc.open_stream(change.rows).read_all().to_pylist() if change.rows else []
        assert change.count == len(sent)
        keys = [row.pop(KEY) for row in sent]
        self.rows |= dict(zip(keys, sent, strict=True))
        return keys


def shown(display: DisplayTable, mirror: Mirror, rows: dict[int, float | None]) -> list[str]:
    given_ = frame(rows)
    return mirror.take(display.take(plain_columns(given_, kinds_of_frame(given_))))


@pytest.fixture
def display() -> DisplayTable:
    return DisplayTable(kinds_of_frame(frame({1: 1.0})), ("con_id",))


def test_only_the_rows_that_changed_are_sent(display):
    mirror = Mirror()
    assert shown(display, mirror, {1: 10.0, 2: 20.0, 3: None}) == ["1", "2", "3"]
    assert shown(display, mirror, {1: 10.0, 2: 20.5, 3: None}) == ["2"]
    assert shown(display, mirror, {1: 10.0, 2: 20.5, 3: None}) == []
    assert shown(display, mirror, {1: 10.0, 2: 20.5, 3: 7.0}) == ["3"]


def test_a_symbol_that_appears_later_is_added_and_one_that_goes_is_taken_away(display):
    mirror = Mirror()
    shown(display, mirror, {1: 10.0, 2: 20.0})
    assert shown(display, mirror, {1: 10.0, 2: 20.0, 9: 90.0}) == ["9"]
    assert shown(display, mirror, {9: 90.0, 1: 11.0}) == ["1"]
    assert mirror.rows == {
        "1": {"con_id": 1.0, "symbol": "S1", "price": 11.0},
        "9": {"con_id": 9.0, "symbol": "S9", "price": 90.0},
    }


@given(st.lists(st.dictionaries(st.integers(1, 6), st.none() | st.sampled_from([1.0, 2.5, -3.0])), max_size=8))
def test_what_the_browser_holds_is_the_frame_whatever_came_before(frames):
    display, mirror = DisplayTable(kinds_of_frame(frame({1: 1.0})), ("con_id",)), Mirror()
    for rows in frames:
        shown(display, mirror, rows)
        assert {key: row["price"] for key, row in mirror.rows.items()} == {str(key): p for key, p in rows.items()}
        again = Mirror()
        again.take(display.whole())
        assert again.rows == mirror.rows


def test_one_contract_in_two_accounts_is_two_rows():
    both = pd.DataFrame({"account": pd.Categorical(["A", "B"]), "con_id": np.array([7, 7]), "quantity": [1.0, 2.0]})
    display, mirror = DisplayTable(kinds_of_frame(both), ("account", "con_id")), Mirror()
    assert mirror.take(display.take(plain_columns(both, kinds_of_frame(both)))) == ["A|7", "B|7"]


def test_moments_sessions_and_nothing_are_shown_as_what_they_are():
    given_ = pd.DataFrame(
        {
            "time": pd.to_datetime(["2022-12-28T15:00:00.25Z", None], utc=True),
            "session": pd.to_datetime(["2022-12-28", None]),
            "covered": [True, False],
            "reason": ["", None],
        }
    )
    display, mirror = DisplayTable(kinds_of_frame(given_)), Mirror()
    mirror.take(display.take(plain_columns(given_, kinds_of_frame(given_))))
    first, second = mirror.rows["0"], mirror.rows["1"]
    assert pd.Timestamp(first["time"], tz="UTC") == pd.Timestamp("2022-12-28T15:00:00.25Z")
    assert (first["session"], first["covered"], first["reason"]) == ("2022-12-28", True, "")
    assert (second["time"], second["session"], second["covered"], second["reason"]) == (None, None, False, None)


def picture(frame_: pd.DataFrame, time: pd.Timestamp = NOON) -> Picture:
    return Picture(1, time, {"it": Standing({None: frame_}, time, 1, "", "", 1, len(frame_), 0, 0, 0)})


def quotes(*seen: str) -> pd.DataFrame:
    rows = len(seen)
    return pd.DataFrame(
        {
            "con_id": np.arange(1, rows + 1),
            "symbol": pd.Categorical([f"S{number}" for number in range(rows)]),
            "price": np.full(rows, 10.0),
            "time": pd.to_datetime(list(seen), utc=True),
        }
    )


def test_a_quote_grows_older_though_nothing_comes_and_is_sent_again_only_when_that_shows():
    table, mirror = Table("it", "it", None, Quotes, False, look_of(Quotes)), Mirror()
    mirror.take(table.take(picture(quotes("2022-12-28T11:59:58Z", "2022-12-28T11:30:00Z"))))
    assert [row[AGE] for row in mirror.rows.values()] == [2.0, 1800.0]
    assert table.age(NOON + pd.Timedelta("0.5s")) is None
    assert mirror.take(table.age(NOON + pd.Timedelta("61s"))) == ["1"]
    assert [row[AGE] for row in mirror.rows.values()] == [60.0, 1800.0]


def test_of_a_log_the_latest_rows_are_kept_each_once():
    table, mirror = Table("it", "it", None, None, True, look_of(None)), Mirror()
    for first in range(0, 3 * TAIL, 100):
        mirror.take(table.take(picture(pd.DataFrame({"number": np.arange(first, first + 100)}))))
    assert sorted(row["number"] for row in mirror.rows.values()) == list(range(2 * TAIL, 3 * TAIL))
    assert (table.rows, table.shown) == (3 * TAIL, TAIL)


def test_the_plots_have_a_point_a_second_at_most_and_a_tab_that_comes_late_gets_them_all():
    history = History(look_of(Hedges))
    for number in range(40):
        hedge = pd.DataFrame(
            {"portfolio_beta": [number / 100], "quantity": [-3.0], "target_beta": [0.1], "band": [0.05]}
        )
        history.note(hedge, NOON + pd.Timedelta(seconds=number / 4), 1000 + number / 4)
    told = history.news()
    assert told is not None
    assert told.count == 10
    assert history.news() is None
    points = pa.ipc.open_stream(history.whole().rows).read_all().to_pylist()
    assert [point["beta"] for point in points] == [number / 100 for number in range(0, 40, 4)]
    assert [point["upper"] for point in points] == [pytest.approx(0.15)] * 10
    assert [point["lower"] for point in points] == [pytest.approx(0.05)] * 10
    assert points[1]["time"] == (NOON + pd.Timedelta("1s")).tz_localize(None)
