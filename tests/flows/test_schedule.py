"""When a pipeline is due, against what the exchanges publish."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from flows.grammar import Schedule
from flows.schedule import key_of, missed, slot_at, slots
from flows.schedule_faults import circle, faults


def schedule(**keys: object) -> Schedule:
    return Schedule.model_validate({key.rstrip("_"): value for key, value in keys.items()})


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def due(chosen: Schedule, begin: str, end: str) -> list[str]:
    """Instants as text, year and seconds left out."""
    return [f"{slot.instant:%m-%d %H:%M}" for slot in slots(chosen, utc(begin), utc(end))]


def test_new_york_closes_early_after_thanksgiving_and_not_at_all_on_it() -> None:
    # nyse.com: 26 November 2026 closed; 27 November early close at 13:00 Eastern, which is 18:00Z.
    near_close = schedule(calendar="XNYS", at="close - 15m")
    assert due(near_close, "2026-11-24", "2026-12-01") == ["11-24 20:45", "11-25 20:45", "11-27 17:45", "11-30 20:45"]


def test_new_york_follows_daylight_saving() -> None:
    # Clocks go back on 1 November 2026 and forward on 8 March 2026: 16:00 Eastern is 20:00Z, then 21:00Z.
    after_close = schedule(calendar="XNYS", at="close + 45m")
    assert due(after_close, "2026-10-30", "2026-11-03") == ["10-30 20:45", "11-02 21:45"]
    assert due(after_close, "2026-03-06", "2026-03-10") == ["03-06 21:45", "03-09 20:45"]


def test_a_slot_after_midnight_utc_belongs_to_the_session_before() -> None:
    late = schedule(calendar="XNYS", at="close + 5h")
    (slot,) = slots(late, utc("2026-11-25 12:00"), utc("2026-11-26 12:00"))
    assert (slot.instant, slot.session) == (utc("2026-11-26 02:00"), date(2026, 11, 25))


def test_london_has_half_days_at_christmas_and_its_own_clocks() -> None:
    # londonstockexchange.com: 24 and 31 December close at 12:30; 25 and 28 December 2026 closed.
    at_close = schedule(calendar="XLON", at="close")
    assert due(at_close, "2026-12-23", "2027-01-01") == [
        "12-23 16:30", "12-24 12:30", "12-29 16:30", "12-30 16:30", "12-31 12:30",
    ]  # fmt: skip
    assert due(at_close, "2026-10-23", "2026-10-27") == ["10-23 15:30", "10-26 16:30"]


def test_tokyo_closes_at_half_past_three_and_over_the_new_year() -> None:
    # jpx.co.jp: since 5 November 2024 the afternoon session ends at 15:30; closed from 31 December to 3 January.
    at_close = schedule(calendar="XTKS", at="close")
    assert due(at_close, "2026-12-29", "2027-01-05") == ["12-29 06:30", "12-30 06:30", "01-04 06:30"]


def test_hong_kong_has_a_lunch_break_and_none_on_a_half_day() -> None:
    # hkex.com.hk: 9:30 to 12:00 and 13:00 to 16:00; on Christmas Eve the morning only.
    hourly = schedule(calendar="XHKG", from_="open", until="close", every="30m")
    assert due(hourly, "2026-12-23", "2026-12-24") == [
        "12-23 01:30", "12-23 02:00", "12-23 02:30", "12-23 03:00", "12-23 03:30",
        "12-23 05:00", "12-23 05:30", "12-23 06:00", "12-23 06:30", "12-23 07:00", "12-23 07:30", "12-23 08:00",
    ]  # fmt: skip
    half = list(slots(hourly, utc("2026-12-24"), utc("2026-12-25")))
    assert [slot.index for slot in half] == [0, 1, 2, 3, 4, 5]
    assert half[-1].instant == utc("2026-12-24 04:00")


def test_futures_in_chicago_open_the_evening_before() -> None:
    # cmegroup.com: Sunday 17:00 Central, 23:00Z, begins Monday's session.
    opening = schedule(calendar="CMES", at="open + 5m")
    (sunday, monday) = slots(opening, utc("2026-11-22"), utc("2026-11-24"))
    assert (sunday.instant, sunday.session) == (utc("2026-11-22 23:05"), date(2026, 11, 23))
    assert (monday.instant, monday.session) == (utc("2026-11-23 23:05"), date(2026, 11, 24))


def test_a_year_of_new_york_has_its_sessions() -> None:
    at_close = schedule(calendar="XNYS", at="close")
    assert sum(1 for _ in slots(at_close, utc("2026-01-01"), utc("2027-01-01"))) == 251
    # the span may begin in one calendar year and end in the next but one
    assert sum(1 for _ in slots(at_close, utc("2026-12-31"), utc("2028-01-01"))) == 252


def test_a_calendar_that_ends_soon_is_followed_to_its_end() -> None:
    # Shanghai's holidays are announced year by year.
    last = list(slots(schedule(calendar="XSHG", at="close"), utc("2026-12-25"), utc("2027-12-25")))
    assert last
    assert last[0].instant == utc("2026-12-25 07:00")


def test_every_is_held_within_its_span_both_ends_counted() -> None:
    spaced = schedule(calendar="XNYS", from_="open + 5m", until="close - 15m", every="2h")
    assert due(spaced, "2026-11-25", "2026-11-28") == [
        "11-25 14:35", "11-25 16:35", "11-25 18:35", "11-25 20:35", "11-27 14:35", "11-27 16:35",
    ]  # fmt: skip
    ends_on_it = schedule(calendar="XNYS", from_="open", until="close - 30m", every="1h")
    assert due(ends_on_it, "2026-11-27", "2026-11-28")[-1] == "11-27 17:30"


def test_a_span_without_steps_is_one_slot_with_its_end() -> None:
    (slot,) = slots(schedule(calendar="XNYS", from_="open", until="close"), utc("2026-11-27"), utc("2026-11-28"))
    assert (slot.instant, slot.until) == (utc("2026-11-27 14:30"), utc("2026-11-27 18:00"))


def test_cron_keeps_to_its_zone_through_both_changes_of_the_clock() -> None:
    nightly = schedule(cron="30 2 * * *", timezone="America/New_York")
    # 2:30 doesn't exist on 8 March 2026: due at 3:00 EDT. 1:30 comes twice on 1 November: due once, at the first.
    assert due(nightly, "2026-03-07", "2026-03-10") == ["03-07 07:30", "03-08 07:00", "03-09 06:30"]
    twice = schedule(cron="30 1 * * *", timezone="America/New_York")
    assert due(twice, "2026-10-31", "2026-11-03") == ["10-31 05:30", "11-01 05:30", "11-02 06:30"]
    weekdays = schedule(cron="30 16 * * 1-5", timezone="Europe/London")
    assert due(weekdays, "2026-11-20", "2026-11-24") == ["11-20 16:30", "11-23 16:30"]


def test_the_span_has_its_beginning_and_not_its_end() -> None:
    at_close = schedule(calendar="XNYS", at="close")
    assert due(at_close, "2026-11-24 21:00", "2026-11-25 21:00") == ["11-24 21:00"]
    hourly = schedule(cron="0 * * * *", timezone="UTC")
    assert due(hourly, "2026-11-24 01:00", "2026-11-24 03:00") == ["11-24 01:00", "11-24 02:00"]


def test_a_pipeline_after_another_has_no_instants() -> None:
    assert due(schedule(after="other"), "2026-01-01", "2027-01-01") == []


def test_the_slot_of_an_instant_is_known_however_late_it_is_looked_up() -> None:
    near_close = schedule(calendar="XNYS", at="close - 15m")
    found = slot_at(near_close, utc("2026-11-27 17:45"))
    assert found is not None
    assert (found.session, found.index) == (date(2026, 11, 27), 0)
    assert slot_at(near_close, utc("2026-11-27 17:46")) is None
    assert slot_at(schedule(cron="0 7 * * *", timezone="UTC"), utc("2026-11-27 07:00")) is not None


def test_an_edit_that_moves_a_daily_slot_leaves_it_the_same_one() -> None:
    early, late = schedule(calendar="XNYS", at="close - 20m"), schedule(calendar="XNYS", at="close - 15m")
    keys = {key_of(one, next(slots(one, utc("2026-11-27"), utc("2026-11-28")))) for one in (early, late)}
    assert len(keys) == 1
    spaced = schedule(calendar="XNYS", from_="open", until="close", every="1h")
    assert len({key_of(spaced, slot) for slot in slots(spaced, utc("2026-11-27"), utc("2026-11-28"))}) == 4


def test_missed_slots_are_made_up_for_once_or_let_go() -> None:
    down = (utc("2026-11-24 12:00"), utc("2026-11-28"))  # 24, 25 and 27 November were missed
    caught_up = schedule(calendar="XNYS", at="close", missed="run")
    slot, let_go = missed(caught_up, *down)
    assert slot is not None
    assert (slot.session, let_go) == (date(2026, 11, 27), 2)
    assert missed(schedule(calendar="XNYS", at="close"), *down) == (None, 3)
    assert missed(caught_up, utc("2026-11-26"), utc("2026-11-27")) == (None, 0)


def test_a_missed_slot_that_had_its_run_is_not_missed() -> None:
    caught_up = schedule(calendar="XNYS", at="close", missed="run")
    latest = utc("2026-11-27 18:00")
    # the latest has run: those before it are let go, since a later one has been
    assert missed(caught_up, utc("2026-11-24 12:00"), utc("2026-11-28"), {latest}) == (None, 2)
    assert missed(caught_up, utc("2026-11-26"), utc("2026-11-28"), {latest}) == (None, 0)


@pytest.mark.parametrize(
    ("keys", "key", "sentence", "hint"),
    [
        ({"calendar": "XNYC", "at": "close"}, "calendar", "no calendar `XNYC`", "did you mean `XNYS`?"),
        ({"calendar": "NOWHERE", "at": "close"}, "calendar", "no calendar `NOWHERE`", ""),
        ({"cron": "61 * * * *", "timezone": "UTC"}, "cron", "`61 * * * *` is no cron: bad minute", "its fields are"),
        ({"cron": "0 0 30 2 *", "timezone": "UTC"}, "cron", "bad day-of-month", ""),
        ({"cron": "0 0 * * *", "timezone": "America/NewYork"}, "timezone", "no time zone", "`America/New_York`?"),
        ({"calendar": "XNYS", "from": "close", "until": "open", "every": "1h"}, "from", "after `until`", ""),
        ({"calendar": "XNYS", "from": "open", "until": "close", "every": "0s"}, "every", "at least 1s", ""),
        ({"calendar": "XNYS", "from": "open", "until": "close"}, "from", "without a `stream:`", "`every: 30m`"),
        ({"after": "beta_hegde"}, "after", "no pipeline `beta_hegde`", "did you mean `beta_hedge`?"),
    ],
)
def test_mistakes_are_said(keys: dict[str, str], key: str, sentence: str, hint: str) -> None:
    (fault,) = faults(Schedule.model_validate(keys), utc("2026-11-22"), pipelines=["beta_hedge"])
    assert fault.key == key
    assert sentence in fault.message
    assert hint in fault.hint


def test_right_ones_have_no_faults() -> None:
    now = utc("2026-11-22")
    assert faults(schedule(calendar="XNYS", at="close - 15m"), now) == []
    assert faults(schedule(cron="0 0 29 2 *", timezone="Europe/London"), now) == []
    assert faults(schedule(calendar="XNYS", from_="open", until="close"), now, is_stream=True) == []
    assert faults(schedule(after="a"), now, pipelines=["a"]) == []


def test_pipelines_that_wait_for_each_other_are_found() -> None:
    assert circle({"b": "a", "c": "b"}) == []
    assert circle({"a": "c", "b": "a", "c": "b"}) == ["a", "c", "b", "a"]
    assert circle({"a": "a"}) == ["a", "a"]
