from __future__ import annotations

import pandas as pd
import pytest

from tasks.connections.problems import DataProblem
from tasks.sessions import close_before, closed_sessions


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="America/New_York").tz_convert("UTC")


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2022-12-28 15:59:59", "2022-12-27"),
        ("2022-12-28 16:00", "2022-12-28"),
        ("2022-11-25 12:59", "2022-11-23"),  # the day after Thanksgiving closes at 13:00
        ("2022-11-25 13:00", "2022-11-25"),
        ("2022-12-25 12:00", "2022-12-23"),
        ("2001-09-16 12:00", "2001-09-10"),  # the exchange stayed shut from the 11th to the 14th
    ],
)
def test_a_session_is_over_at_its_close(now: str, last: str) -> None:
    sessions = closed_sessions("XNYS", at(now), 253)
    assert len(sessions) == 253
    assert str(sessions[-1]) == last
    assert (sessions[1:] > sessions[:-1]).all()


def test_many_years_back() -> None:
    # skfolio's data has 8313 sessions of this exchange, from 1990-01-02 on
    assert str(closed_sessions("XNYS", at("2022-12-28 16:00"), 8313)[0]) == "1990-01-02"


@pytest.mark.parametrize(
    ("now", "close"),
    [
        ("2022-12-28 15:45", "2022-12-27 16:00"),
        ("2022-12-28 18:00", "2022-12-27 16:00"),  # until the next opening, the close before is still yesterday's
        ("2022-12-28 09:00", "2022-12-23 16:00"),
        ("2022-11-28 10:00", "2022-11-25 13:00"),
    ],
)
def test_the_close_before(now: str, close: str) -> None:
    assert close_before("XNYS", at(now)) == at(close)


def test_an_unknown_calendar() -> None:
    with pytest.raises(DataProblem, match="no exchange calendar `NYSE2`"):
        closed_sessions("NYSE2", at("2022-12-28 16:00"), 2)
