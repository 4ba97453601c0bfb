"""Which session and slot a run has."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pandas as pd
import pytest
from prefect.client.schemas.objects import FlowRun

from flows.grammar import Schedule
from flows.occasion import Occasion
from flows.schedule import slots
from flows.serve.flow_run import occasion_of
from tasks.connections.clock import ManualClock, WallClock
from tasks.connections.problems import Refused

NEAR_CLOSE = Schedule.model_validate({"calendar": "XNYS", "at": "close - 15m"})
DUE = next(slots(NEAR_CLOSE, pd.Timestamp("2026-11-27", tz="UTC"), pd.Timestamp("2026-11-28", tz="UTC")))
ID = UUID("00000000-0000-0000-0000-000000000001")


class Wall(WallClock):
    """The wall's clock, at a moment that the test says."""

    def __init__(self, now: str) -> None:
        self._now = pd.Timestamp(now)

    def now(self) -> pd.Timestamp:
        return self._now


def flow_run(**keys: object) -> FlowRun:
    return FlowRun.model_validate({"id": ID, "flow_id": ID, **keys})


def test_a_scheduled_run_that_starts_late_keeps_its_session() -> None:
    occasion = Occasion("schedule", DUE)
    on_time = occasion.place(NEAR_CLOSE, None, Wall("2026-11-27T17:45:02Z"))
    in_the_night = occasion.place(NEAR_CLOSE, None, Wall("2026-11-28T07:00:00Z"))
    assert (on_time.session, on_time.past) == (date(2026, 11, 27), False)
    assert in_the_night == on_time


def test_once_the_next_session_has_opened_it_is_past_and_never_acts() -> None:
    after_the_weekend = Occasion("schedule", DUE).place(NEAR_CLOSE, None, Wall("2026-11-30T14:30:00Z"))
    assert (after_the_weekend.session, after_the_weekend.past) == (date(2026, 11, 27), True)


def test_a_slot_before_the_open_is_of_the_session_to_come() -> None:
    early = Schedule.model_validate({"calendar": "XNYS", "at": "open - 30m"})
    due = next(slots(early, pd.Timestamp("2026-11-27", tz="UTC"), pd.Timestamp("2026-11-28", tz="UTC")))
    place = Occasion("schedule", due).place(early, None, Wall("2026-11-27T14:00:01Z"))
    assert (place.session, place.past) == (date(2026, 11, 27), False)


def test_a_simulated_desk_keeps_its_own_session_and_has_a_slot_for_each_instant_of_the_wall() -> None:
    clock = ManualClock("2022-12-28T20:45:00Z")
    place = Occasion("schedule", DUE).place(NEAR_CLOSE, None, clock)
    assert (place.session, place.slot, place.past) == (date(2022, 12, 28), "2026-11-27T17:45:00Z", False)


def test_where_its_market_was_taken_to_a_session_that_is_the_runs_also_before_it_opens() -> None:
    before_the_open = ManualClock("2022-11-22T14:00:00Z")
    taken = Occasion("schedule", DUE, stands=date(2022, 11, 22))
    place = taken.place(NEAR_CLOSE, None, before_the_open)
    assert (place.session, place.slot, place.past) == (date(2022, 11, 22), "2026-11-27T17:45:00Z", False)
    follower = Occasion("after early", slot="after early 0", stands=date(2022, 11, 22))
    place = follower.place(None, date(2022, 11, 22), before_the_open)
    assert (place.session, place.past) == (date(2022, 11, 22), False)


def test_by_hand_it_is_the_session_asked_for_or_that_of_now() -> None:
    clock = ManualClock("2022-12-28T20:45:00Z")
    assert Occasion().place(None, None, clock).session == date(2022, 12, 28)
    asked = Occasion().place(None, date(2022, 12, 27), clock)
    assert (asked.session, asked.past, asked.slot) == (date(2022, 12, 27), True, "manual")
    with pytest.raises(Refused, match="Session 2022-12-29 has not begun: it is 2022-12-28"):
        Occasion().place(None, date(2022, 12, 29), clock)


def test_a_flow_run_of_the_schedule_is_its_slot() -> None:
    run = flow_run(auto_scheduled=True, expected_start_time="2026-11-27T17:45:00Z", idempotency_key="scheduled a b c")
    occasion = occasion_of(run, NEAR_CLOSE)
    assert (occasion.trigger, occasion.due, occasion.flow_run) == ("schedule", DUE, str(ID))


def test_one_that_somebody_asked_for_is_none_even_if_it_was_planned_for_later() -> None:
    run = flow_run(expected_start_time="2026-11-27T17:45:00Z")
    assert occasion_of(run, NEAR_CLOSE) == Occasion("Prefect", flow_run=str(ID))


def test_one_that_makes_up_is_the_slot_that_was_missed_and_waits_its_turn() -> None:
    run = flow_run(expected_start_time="2026-11-28T09:00:00Z", idempotency_key="caught-up 2026-11-27T17:45:00Z")
    occasion = occasion_of(run, NEAR_CLOSE)
    assert (occasion.trigger, occasion.due, occasion.is_patient) == ("caught up", DUE, True)


def test_one_that_follows_has_the_slot_of_what_it_follows() -> None:
    after = Schedule.model_validate({"after": "beta_hedge"})
    first = occasion_of(flow_run(idempotency_key="after beta_hedge 0123456789ab 0"), after)
    again = occasion_of(flow_run(idempotency_key="after beta_hedge ba9876543210 0"), after)
    assert first.slot == again.slot == "after beta_hedge 0"
    assert first.trigger == "after beta_hedge"
    assert (first.follows, again.follows) == ("0123456789ab", "ba9876543210")


def test_a_slot_that_the_schedule_no_longer_has_is_told_by_its_instant() -> None:
    run = flow_run(auto_scheduled=True, expected_start_time="2026-11-27T17:50:00Z")
    occasion = occasion_of(run, NEAR_CLOSE)
    assert (occasion.due, occasion.slot) == (None, "2026-11-27T17:50:00Z")
