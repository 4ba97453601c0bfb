"""A calendar is built once, for whatever years are asked."""

from __future__ import annotations

from datetime import date

import pytest

from tasks.connections import calendars
from tasks.connections.calendars import exchange_calendar
from tasks.connections.problems import DataProblem


@pytest.fixture(autouse=True)
def nothing_made(monkeypatch):
    monkeypatch.setattr(calendars, "_made", {})


def test_years_within_those_known_are_served_from_memory_and_others_are_added():
    first = exchange_calendar("XNYS", date(2021, 3, 1), date(2022, 3, 1))
    assert exchange_calendar("XNYS", date(2021, 1, 1), date(2022, 12, 31)) is first
    wider = exchange_calendar("XNYS", date(2019, 5, 5), date(2020, 5, 5))
    assert str(wider.sessions[0].date()) == "2019-01-02"
    assert str(wider.sessions[-1].date()) == "2022-12-30"
    assert exchange_calendar("XNYS", date(2022, 1, 1), date(2022, 1, 2)) is wider


def test_it_ends_where_the_holidays_are_known_no_further():
    known = exchange_calendar("XHKG", date(2048, 1, 1), date(2060, 1, 1))
    assert known.sessions[-1].year < 2060
    assert exchange_calendar("XHKG", date(2048, 1, 1), date(2060, 1, 1)) is known


@pytest.mark.parametrize(
    ("name", "first", "words"),
    [
        ("NYSEX", date(2020, 1, 1), "no exchange calendar `NYSEX`"),
        ("XKRX", date(1901, 1, 1), "XKRX doesn't cover 1901"),
    ],
)
def test_what_there_is_not_is_named(name, first, words):
    with pytest.raises(DataProblem, match=words):
        exchange_calendar(name, first, first)
