"""How many instants of a schedule a server is given, and when it needs more."""

from __future__ import annotations

import asyncio

import pandas as pd
import pytest
from prefect.server.schemas.schedules import RRuleSchedule

from flows.grammar import Schedule
from flows.schedule import Slot
from flows.serve.instants import FEWEST, MOST, RENEWED, held, instants_text, renewal, upcoming

NOW = pd.Timestamp("2026-11-22", tz="UTC")
NEAR_CLOSE = {"calendar": "XNYS", "at": "close - 15m"}
EVERY_MINUTE = {"calendar": "XNYS", "from": "open", "until": "close", "every": "1m"}
MONTHLY = {"cron": "0 7 1 * *", "timezone": "Europe/London"}
ALL = [NEAR_CLOSE, EVERY_MINUTE, MONTHLY, {"cron": "30 2 * * *", "timezone": "America/New_York"}]


def due(keys: dict[str, str], now: pd.Timestamp = NOW, most: int | None = None) -> tuple[Slot, ...]:
    return upcoming(Schedule.model_validate(keys), now, most)


@pytest.mark.parametrize("keys", ALL)
def test_the_server_reads_the_very_instants(keys: dict[str, str]) -> None:
    found = due(keys)
    schedule = RRuleSchedule(rrule=instants_text(found), timezone="UTC")
    dates = asyncio.run(schedule.get_dates(n=2 * MOST, start=NOW.to_pydatetime(warn=False)))
    assert [pd.Timestamp(moment) for moment in dates] == [slot.instant for slot in found]


def test_daily_ones_get_five_weeks_and_frequent_ones_as_many_as_a_server_bears() -> None:
    assert len(due(NEAR_CLOSE)) == FEWEST
    assert len(due(EVERY_MINUTE)) == MOST
    assert len(due(MONTHLY)) == 12
    assert len(due(NEAR_CLOSE, most=250)) == 250


@pytest.mark.parametrize("keys", ALL)
def test_a_server_is_told_again_when_half_is_used_up_and_not_before(keys: dict[str, str]) -> None:
    first = due(keys)
    told = [instants_text(first)]
    now, known = NOW, held(told, first, NOW)
    assert known == len(first)
    for _ in range(100):  # as time goes by: looked at whenever it is due, and told when it must be
        renew = renewal(due(keys, now), known, now)
        assert renew is not None
        assert now < renew <= now + RENEWED
        now = renew
        known = held(told, due(keys, now), now)
        if known is None:
            break
    left = [slot for slot in first if slot.instant >= now]
    assert len(left) == len(first) // 2
    assert left, "it never runs out"


def test_a_server_that_has_other_instants_is_told_the_right_ones() -> None:
    wanted = due(NEAR_CLOSE)
    assert held([instants_text(due({**NEAR_CLOSE, "at": "close - 10m"}))], wanted, NOW) is None
    assert held([instants_text(due(NEAR_CLOSE, most=100))], wanted, NOW) is None
    assert held([instants_text(wanted)] * 2, wanted, NOW) is None
    assert held([instants_text(wanted)], (), NOW) is None
    assert held(["FREQ=DAILY"], wanted, NOW) is None
    assert held([], wanted, NOW) is None
    assert held([], (), NOW) == 0
    holiday = [slot for slot in wanted if slot.instant.day != 27]
    assert held([instants_text(wanted)], holiday, NOW) is None


def test_what_is_past_does_not_matter() -> None:
    told = [instants_text(due(NEAR_CLOSE, NOW - pd.Timedelta("7D")))]
    assert held(told, due(NEAR_CLOSE), NOW) == FEWEST - 5
    assert renewal((), 0, NOW) is None
