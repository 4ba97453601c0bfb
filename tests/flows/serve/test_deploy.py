"""What a schedule becomes on the server."""

from __future__ import annotations

import asyncio
from itertools import islice

import pandas as pd
import pytest
from prefect.server.schemas.schedules import RRuleSchedule

from flows.grammar import Schedule
from flows.schedule import Slot, slots
from flows.serve.deploy import LONGEST, RENEWED, instants_text, renewal

NOW = pd.Timestamp("2026-11-22", tz="UTC")
NEAR_CLOSE = {"calendar": "XNYS", "at": "close - 15m"}
EVERY_MINUTE = {"calendar": "XNYS", "from": "open", "until": "close", "every": "1m"}


def upcoming(keys: dict[str, str], now: pd.Timestamp = NOW) -> list[Slot]:
    return list(islice(slots(Schedule.model_validate(keys), now, now + pd.Timedelta("366D")), LONGEST))


@pytest.mark.parametrize("keys", [NEAR_CLOSE, EVERY_MINUTE, {"cron": "30 2 * * *", "timezone": "America/New_York"}])
def test_the_server_reads_the_very_instants(keys: dict[str, str]) -> None:
    found = upcoming(keys)
    schedule = RRuleSchedule(rrule=instants_text(found), timezone="UTC")
    start = NOW.to_pydatetime(warn=False)
    dates = asyncio.run(schedule.get_dates(n=2 * LONGEST, start=start))
    assert [pd.Timestamp(moment) for moment in dates] == [slot.instant for slot in found]


def test_it_is_renewed_before_it_runs_out() -> None:
    often = upcoming(EVERY_MINUTE)
    renewed = renewal(often, NOW)
    assert renewed == often[LONGEST // 2].instant
    assert upcoming(EVERY_MINUTE, renewed)[0].instant == renewed
    assert renewal(upcoming(NEAR_CLOSE), NOW) == NOW + RENEWED
    assert upcoming(NEAR_CLOSE)[LONGEST // 2].instant > NOW + RENEWED
    assert renewal([], NOW) is None
