"""Which session a moment belongs to, by the exchange's calendar."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from flows.sessions import require_session, session_at
from tasks.connections.problems import DataProblem


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ("2022-12-28T20:45:00Z", date(2022, 12, 28)),  # a quarter of an hour before the close
        ("2022-12-28T14:29:59Z", date(2022, 12, 27)),  # a second before the open: still the session before
        ("2022-12-28T14:30:00Z", date(2022, 12, 28)),
        ("2022-12-29T02:00:00Z", date(2022, 12, 28)),  # the evening in New York
        ("2022-12-26T18:00:00Z", date(2022, 12, 23)),  # Christmas observed, a Monday
        ("2026-11-27T17:59:00Z", date(2026, 11, 27)),  # a half day
    ],
)
def test_session_of_a_moment_in_new_york(moment: str, session: date) -> None:
    assert session_at(pd.Timestamp(moment)) == session


def test_a_session_of_futures_begins_the_evening_before() -> None:
    # Sunday 17:00 in Chicago is 23:00Z in winter.
    assert session_at(pd.Timestamp("2026-11-22T23:00:00Z"), "CMES") == date(2026, 11, 23)
    assert session_at(pd.Timestamp("2026-11-22T22:59:59Z"), "CMES") == date(2026, 11, 20)


def test_a_day_without_a_session_is_refused_with_those_around_it() -> None:
    with pytest.raises(DataProblem, match=r"2022-12-26 is no session of XNYS.*2022-12-23 and 2022-12-27"):
        require_session(date(2022, 12, 26))


def test_an_unknown_calendar_is_named() -> None:
    with pytest.raises(DataProblem, match="no exchange calendar `NYSEX`"):
        session_at(pd.Timestamp("2022-12-28", tz="UTC"), "NYSEX")
