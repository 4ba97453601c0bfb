"""Where a simulated market stands in the runs of a schedule. Sessions and half days are the NYSE's published ones."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flows.batch import Finished, run_batch
from flows.check import check_file, render
from flows.desk import Desk, load_desk
from flows.grammar import Schedule
from flows.journal import Journal
from flows.occasion import Occasion
from flows.schedule import Slot, slot_at, slots
from flows.simulated import number_of, take_to_session
from tasks.connections.clock import ManualClock
from tasks.connections.ib.simulator.clock import SimulatedClock
from tasks.connections.problems import Problem, Refused
from tasks.registry import catalog

NEAR_CLOSE = {"calendar": "XNYS", "at": "close - 15m"}
MONDAY = "2022-11-21T20:45Z"
SPAN = (pd.Timestamp("1990-01-03T14:30Z"), pd.Timestamp("2022-12-29T14:30Z"))
"""Of the shipped closes: the opening of the second session to that after the last, 2022-12-28."""


def due(keys: dict[str, str], begin: str, end: str) -> list[Slot]:
    return list(slots(Schedule.model_validate(keys), pd.Timestamp(begin, tz="UTC"), pd.Timestamp(end, tz="UTC")))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "pipelines").mkdir()
    text = f"name: test\nconnections:\n  gateway: {{kind: ib, simulated: true, at: {MONDAY}}}\n"
    (tmp_path / "pipelines" / "_desk.yaml").write_text(text)
    return load_desk(tmp_path / "pipelines", None)


@pytest.fixture
def journal(desk: Desk) -> Iterator[Journal]:
    with Journal(desk.data) as journal:
        yield journal


Take = Callable[..., tuple[date | None, str]]


@pytest.fixture
def take(desk: Desk, journal: Journal) -> Take:
    """Where the market, whose clock starts at `start`, is taken to: (session, moment)."""

    def taken(keys: dict[str, str], slot: Slot, start: str = MONDAY, on: Desk = desk) -> tuple[date | None, str]:
        clock = SimulatedClock(pd.Timestamp(start), span=SPAN)
        occasion = Occasion("schedule", slot)
        occasion = take_to_session(occasion, Schedule.model_validate(keys), None, clock, on, journal)
        return occasion.stands, f"{clock.now():%m-%d %H:%M}"

    return taken


def test_ten_sessions_of_the_wall_are_ten_of_the_market_whose_half_day_is_its_own(take: Take) -> None:
    found = [take(NEAR_CLOSE, slot) for slot in due(NEAR_CLOSE, "2026-11-16", "2026-12-01")]
    # The wall's Thanksgiving is 26 November 2026, the ninth is its half day; the market's is 24 November 2022.
    assert [moment for _, moment in found] == [
        "11-21 20:45", "11-22 20:45", "11-23 20:45", "11-25 17:45", "11-28 20:45",
        "11-29 20:45", "11-30 20:45", "12-01 20:45", "12-02 20:45", "12-05 20:45",
    ]  # fmt: skip
    assert [f"{session:%m-%d}" for session, _ in found] == [moment[:5] for _, moment in found]


def test_pipelines_of_one_session_share_one_of_the_market_and_a_repetition_moves_nothing(take: Take) -> None:
    after = {"calendar": "XNYS", "at": "close + 45m"}
    monday, tuesday = due(NEAR_CLOSE, "2026-11-23", "2026-11-25")
    assert take(NEAR_CLOSE, monday)[1] == "11-21 20:45"
    assert take(after, due(after, "2026-11-23", "2026-11-24")[0])[1] == "11-21 21:45"
    assert take(NEAR_CLOSE, tuesday)[1] == "11-22 20:45"
    assert take(NEAR_CLOSE, monday)[1] == "11-21 20:45"


def test_sessions_that_nobody_ran_in_are_none_of_the_market(take: Take) -> None:
    found = [take(NEAR_CLOSE, due(NEAR_CLOSE, day, "2026-12-31")[0])[1] for day in ("2026-11-17", "2026-12-07")]
    assert found == ["11-21 20:45", "11-22 20:45"]


def test_a_start_in_another_session_begins_anew_and_each_profile_has_its_own(take: Take, desk: Desk) -> None:
    monday, tuesday = due(NEAR_CLOSE, "2026-11-23", "2026-11-25")
    paper = replace(desk, profile="paper")
    assert take(NEAR_CLOSE, monday)[1] == "11-21 20:45"
    assert take(NEAR_CLOSE, tuesday, "2022-11-21T15:00Z")[1] == "11-22 20:45"
    assert take(NEAR_CLOSE, tuesday, "2022-12-01T20:45Z", paper)[1] == "12-01 20:45"
    assert take(NEAR_CLOSE, tuesday)[1] == "11-22 20:45"
    assert take(NEAR_CLOSE, tuesday, "2022-12-01T20:45Z")[1] == "12-01 20:45"


def test_when_the_data_has_ended_it_stays_in_the_last_session_and_says_so_once(
    take: Take, caplog: pytest.LogCaptureFixture
) -> None:
    start = "2022-12-27T20:45Z"
    first, second, third, fourth = due(NEAR_CLOSE, "2026-11-23", "2026-11-28")
    assert take(NEAR_CLOSE, first, start) == (date(2022, 12, 27), "12-27 20:45")
    assert take(NEAR_CLOSE, second, start) == (date(2022, 12, 28), "12-28 20:45")
    assert not caplog.records
    for slot in (third, fourth):
        caplog.clear()
        assert take(NEAR_CLOSE, slot, start) == (date(2022, 12, 28), "12-28 20:45")
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        wanted = "the simulated market's data has ended at 2022-12-28: this run stays in that session"
        assert record.getMessage() == wanted


def test_a_slot_past_the_last_price_is_at_the_last_moment_there_is(
    take: Take, caplog: pytest.LogCaptureFixture
) -> None:
    keys = {"calendar": "XNYS", "at": "close + 20h"}
    (slot,) = due(keys, "2026-11-24T12:00", "2026-11-25T12:00")
    # The opening after the last session, 14:30Z, is the end.
    assert take(keys, slot, "2022-12-28T20:45Z") == (date(2022, 12, 28), "12-29 14:29")
    assert "has ended at 2022-12-28" in caplog.text


def test_the_third_of_a_session_is_its_third_and_where_it_has_fewer_its_last(take: Take) -> None:
    keys = {"calendar": "XNYS", "from": "open + 30m", "until": "close - 30m", "every": "1h"}
    found = [take(keys, slot, "2022-11-25T15:00Z")[1] for slot in due(keys, "2026-11-23", "2026-11-25")]
    # 10:00 to 15:00 in New York, an hour apart; on the half day 25 November 2022 until 12:30.
    assert found == [
        "11-25 15:00", "11-25 16:00", "11-25 17:00", "11-25 17:00", "11-25 17:00", "11-25 17:00",
        "11-28 15:00", "11-28 16:00", "11-28 17:00", "11-28 18:00", "11-28 19:00", "11-28 20:00",
    ]  # fmt: skip


def test_where_the_session_has_no_such_slot_it_is_at_its_close(take: Take) -> None:
    keys = {"calendar": "XNYS", "from": "open + 4h", "until": "close - 1h", "every": "1h"}
    assert take(keys, due(keys, "2026-11-23", "2026-11-24")[0], "2022-11-25T15:00Z")[1] == "11-25 18:00"


def test_before_the_open_it_is_the_session_to_come(take: Take) -> None:
    keys = {"calendar": "XNYS", "at": "open - 30m"}
    found = [take(keys, slot) for slot in due(keys, "2026-11-23", "2026-11-25")]
    assert found == [(date(2022, 11, 21), "11-21 14:00"), (date(2022, 11, 22), "11-22 14:00")]


def test_cron_is_the_same_time_of_day_in_its_zone(take: Take) -> None:
    nightly = {"cron": "30 2 * * 2-6", "timezone": "America/New_York"}
    # On the wall it is summer, where 02:30 is 06:30Z; it belongs to the session that closed in the evening before.
    (tuesday, wednesday) = due(nightly, "2026-07-07", "2026-07-09")
    assert tuesday.instant == pd.Timestamp("2026-07-07T06:30Z")
    assert take(nightly, tuesday) == (date(2022, 11, 21), "11-22 07:30")
    # That of Monday is one with what ran near Monday's close.
    assert take(NEAR_CLOSE, due(NEAR_CLOSE, "2026-07-06", "2026-07-07")[0])[1] == "11-21 20:45"
    assert take(nightly, wednesday)[1] == "11-23 07:30"
    noon = {"cron": "0 12 * * *", "timezone": "America/New_York"}
    assert take(noon, due(noon, "2026-07-07", "2026-07-08")[0])[1] == "11-22 17:00"


def test_days_on_which_the_market_is_shut_are_of_the_session_before(take: Take) -> None:
    keys = {"calendar": "24/7", "at": "open + 15h"}
    found = [take(keys, slot)[1] for slot in due(keys, "2026-11-20", "2026-11-24")]
    assert found == ["11-21 15:00", "11-21 15:00", "11-21 15:00", "11-22 15:00"]


def test_a_calendar_that_has_no_session_that_day_is_in_the_one_before(take: Take) -> None:
    keys = {"calendar": "XHKG", "at": "open + 30m"}
    (slot,) = due(keys, "2026-11-23", "2026-11-24")
    # 27 December 2022 was a session in New York, and in Hong Kong the second holiday after Christmas.
    assert take(keys, slot, "2022-12-27T20:45Z") == (date(2022, 12, 23), "12-23 02:00")


def test_processes_that_ask_at_once_agree(tmp_path: Path) -> None:
    days = [date(2026, 11, day) for day in (16, 17, 18, 19, 20)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda day: number_of(tmp_path, date(2022, 11, 21), day), days * 6))
    assert sorted(found[:5]) == [0, 1, 2, 3, 4]
    assert found == found[:5] * 6


def test_what_cannot_be_read_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "sessions.json").write_text('{"base": "2022')
    with pytest.raises(Problem, match=r"sessions\.json doesn't hold the simulated market's sessions.*Remove it"):
        number_of(tmp_path, date(2022, 11, 21), date(2026, 11, 23))


def test_by_hand_and_with_a_clock_that_cannot_be_moved_nothing_is(desk: Desk, journal: Journal) -> None:
    schedule = Schedule.model_validate(NEAR_CLOSE)
    clock = SimulatedClock(pd.Timestamp(MONDAY), span=SPAN)
    assert take_to_session(Occasion(), schedule, None, clock, desk, journal) == Occasion()
    scheduled = Occasion("schedule", due(NEAR_CLOSE, "2026-11-23", "2026-11-24")[0])
    assert take_to_session(scheduled, schedule, None, ManualClock(MONDAY), desk, journal) == scheduled
    assert clock.now() == pd.Timestamp(MONDAY)
    assert not (desk.data / "simulated").exists()


PRICES = """
    schedule: {calendar: XNYS, at: close - 15m}
    steps:
      positions: {task: read_positions}
      prices: {task: pull_history, in: {universe: positions}, with: {returns: 2}}
    output: prices
    """
FOLLOWS = """
    schedule: {after: prices}
    steps: {positions: {task: read_positions}}
    """


def run(desk: Desk, name: str, text: str, occasion: Occasion, session: date | None = None) -> Finished:
    path = desk.root / "pipelines" / f"{name}.yaml"
    path.write_text(textwrap.dedent(text))
    checked = check_file(path, catalog(), desk, desk.root / "pipelines")
    assert checked.plan is not None, render(checked)
    finished = run_batch(checked.plan, desk, {}, session=session, occasion=occasion, untracked=True)
    assert finished.status == "completed", finished.failures
    return finished


def test_scheduled_runs_see_a_session_more_each_time_and_runs_by_hand_the_first(desk: Desk, journal: Journal) -> None:
    slots_due = due(NEAR_CLOSE, "2026-11-23", "2026-11-28")
    runs = [run(desk, "prices", PRICES, Occasion("schedule", slot)) for slot in slots_due]
    assert [finished.session for finished in runs] == [date(2022, 11, day) for day in (21, 22, 23, 25)]
    prices = [finished.outcomes["prices"].frames[None]["session"] for finished in runs]
    # A pull in a session ends at the one before: 18 November is the Friday, 24 November the holiday.
    assert [f"{column.max():%m-%d}" for column in prices] == ["11-18", "11-21", "11-22", "11-23"]
    records = [journal.run(finished.id) for finished in runs]
    assert [record.clock.split()[1] for record in records] == [
        "2022-11-21T20:45:00+00:00", "2022-11-22T20:45:00+00:00",
        "2022-11-23T20:45:00+00:00", "2022-11-25T17:45:00+00:00",
    ]  # fmt: skip
    assert [record.slot for record in records] == [f"{slot.instant:%Y-%m-%dT%H:%M:%SZ}" for slot in slots_due]
    assert run(desk, "prices", PRICES, Occasion()).session == date(2022, 11, 21)


def test_a_run_that_follows_is_where_the_one_before_it_was(desk: Desk, journal: Journal) -> None:
    monday, tuesday = due(NEAR_CLOSE, "2026-11-23", "2026-11-25")
    run(desk, "prices", PRICES, Occasion("schedule", monday))
    earlier = run(desk, "prices", PRICES, Occasion("caught up", tuesday))
    follows = Occasion("after prices", slot="after prices 0", follows=earlier.id)
    finished = run(desk, "later", FOLLOWS, follows, session=earlier.session)
    assert (finished.session, finished.past) == (date(2022, 11, 22), False)
    assert journal.run(finished.id).clock == journal.run(earlier.id).clock
    # Where another machine ran the earlier one, its session's close is what is known.
    elsewhere = run(desk, "later", FOLLOWS, replace(follows, follows="0123456789ab"), session=earlier.session)
    assert journal.run(elsewhere.id).clock.endswith("2022-11-22T21:00:00+00:00")
    with pytest.raises(Refused, match="Session 2022-11-23 has not begun: it is 2022-11-21"):
        run(desk, "later", FOLLOWS, Occasion(), session=date(2022, 11, 23))


def test_at_speed_the_clock_runs_on_from_there(desk: Desk, journal: Journal) -> None:
    schedule = Schedule.model_validate(NEAR_CLOSE)
    slot = slot_at(schedule, pd.Timestamp("2026-11-23T20:45Z"))
    clock = SimulatedClock(pd.Timestamp("2022-11-21T15:00Z"), speed=60.0, span=SPAN)
    take_to_session(Occasion("schedule", slot), schedule, None, clock, desk, journal)
    moved, later = clock.now(), clock.now()
    assert pd.Timestamp(MONDAY) <= moved < later < pd.Timestamp("2022-11-21T21:45Z")
