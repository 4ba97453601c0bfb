"""How far back a question has to go, and what an answer says of the stored bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as some

from tasks.bars_store import COLUMNS, NUMBERS, no_bars
from tasks.incremental import Answer, reach, taken

DAYS = np.array([f"2022-12-{day:02}" for day in (1, 2, 5, 6, 7, 8, 9, 12)], dtype="datetime64[D]")


def bars(closes: dict[int, float], run: str = "old") -> pd.DataFrame:
    """Bars of these days, by their places in `DAYS`."""
    if not closes:
        return no_bars()
    days = DAYS[list(closes)].astype("datetime64[ns]")
    frame = pd.DataFrame({"session": days, "time": pd.DatetimeIndex(days).tz_localize("UTC").as_unit("ns")})
    return frame.assign(**{**dict.fromkeys(NUMBERS, 1.0), "close": list(closes.values())}, run=run)[list(COLUMNS)]


def answer(closes: dict[int, float], since: int = 0) -> Answer:
    return Answer(bars(closes, "new"), DAYS[since])


def closes(frame: pd.DataFrame | None) -> list[float]:
    assert frame is not None
    return frame["close"].tolist()


def test_from_the_last_stored_session_to_the_last_wanted() -> None:
    stored = bars(dict.fromkeys(range(6), 1.0))
    assert reach(stored, DAYS, 1) == 3  # two new ones, and the one before
    assert reach(stored, DAYS[:6], 1) == 0
    assert reach(stored, DAYS, 5) == 7
    assert reach(stored, DAYS, 7) == 8  # not so many are stored
    assert reach(no_bars(), DAYS, 1) == 8


def test_from_before_the_first_gap() -> None:
    assert reach(bars({0: 1.0, 1: 1.0, 3: 1.0, 4: 1.0, 5: 1.0, 6: 1.0, 7: 1.0}), DAYS, 1) == 7
    assert reach(bars({1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0, 6: 1.0, 7: 1.0}), DAYS, 1) == 8


def test_a_session_that_was_answered_with_no_bar_does_not_lack() -> None:
    stored = bars({0: 1.0, 1: 1.0, 2: np.nan, 3: 1.0, 4: 1.0, 5: np.nan})
    assert reach(stored, DAYS[:5], 1) == 0
    assert reach(stored, DAYS, 1) == 4  # the bar before is two sessions back


def test_what_agrees_is_joined() -> None:
    found = taken(bars({0: 1.0, 1: 2.0}), answer({1: 2.0, 2: 3.0}, 1), DAYS[:3], 2, is_longest=False)
    assert (closes(found.bars), found.change) == ([1.0, 2.0, 3.0], "")
    assert found.bars is not None
    assert found.bars["run"].tolist() == ["old", "old", "new"]


def test_within_a_millionth_is_the_same_and_beyond_it_is_not() -> None:
    stored = bars({0: 100.0, 1: 100.0})
    near = taken(stored, answer({1: 100.00009, 2: 1.0}, 1), DAYS[:3], 2, is_longest=False)
    far = taken(stored, answer({1: 100.00011, 2: 1.0}, 1), DAYS[:3], 2, is_longest=False)
    assert near.bars is not None
    assert far.bars is None


def test_a_whole_answer_that_differs_replaces_all_and_one_whose_last_bar_alone_differs_does_not() -> None:
    stored = bars({0: 4.0, 1: 8.0, 2: 12.0, 3: 16.0})
    split = taken(stored, answer({1: 2.0, 2: 3.0, 3: 4.0, 4: 5.0}, 1), DAYS[1:5], 4, is_longest=True)
    assert (closes(split.bars), split.change) == ([2.0, 3.0, 4.0, 5.0], "adjusted")
    fixed = taken(stored, answer({1: 8.0, 2: 12.0, 3: 17.0, 4: 5.0}, 1), DAYS[1:5], 4, is_longest=True)
    assert (closes(fixed.bars), fixed.change) == ([4.0, 8.0, 12.0, 17.0, 5.0], "corrected")


def test_sessions_without_a_bar_are_marked_up_to_the_last_bar_as_far_as_the_answer_vouches() -> None:
    found = taken(no_bars(), answer({2: 1.0, 4: 1.0}, 1), DAYS[:6], 6, is_longest=True)
    assert found.bars is not None
    days = found.bars["session"].to_numpy().astype("datetime64[D]")
    assert days.tolist() == DAYS[1:5].tolist()
    assert found.bars["close"].isna().tolist() == [True, False, True, False]


def test_later_sessions_stay_where_an_earlier_window_is_asked_for() -> None:
    stored = bars({2: 3.0, 3: 4.0, 6: 7.0})
    found = taken(stored, answer({1: 2.0, 2: 3.0, 3: 4.0}, 1), DAYS[1:4], 3, is_longest=True)
    assert closes(found.bars) == [2.0, 3.0, 4.0, 7.0]


@given(some.sets(some.integers(0, 7)), some.integers(1, 3))
def test_after_an_answer_nothing_lacks_that_has_a_bar_and_nothing_is_there_twice(known: set[int], overlap: int) -> None:
    everything = {place: float(place + 1) for place in range(8)}
    stored = bars({place: everything[place] for place in sorted(known)})
    asked = reach(stored, DAYS, overlap)
    if asked == 0:
        assert len(known) == 8
        return
    rows = {place: close for place, close in everything.items() if place >= 8 - asked}
    found = taken(stored, answer(rows, 8 - asked), DAYS, asked, is_longest=False)
    assert closes(found.bars) == list(everything.values())
    assert reach(found.bars if found.bars is not None else no_bars(), DAYS, overlap) == 0
