"""What is wrong with a schedule, key by key, in words for whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import available_timezones

import pandas as pd

from flows.diagnostics import close_to, nearest
from flows.grammar import Schedule
from flows.schedule import slots
from flows.sessions import DEFAULT
from tasks.connections.problems import DataProblem

SHORTEST = timedelta(seconds=1)
_WELL_KNOWN = (DEFAULT, "XNAS", "XLON", "XEUR", "XTKS", "XHKG", "CMES")


@dataclass(frozen=True)
class ScheduleFault:
    """A mistake, under the key of `schedule:` that holds it."""

    key: str
    message: str
    hint: str = ""


def faults(
    schedule: Schedule, now: pd.Timestamp, *, is_stream: bool = False, pipelines: Iterable[str] | None = None
) -> list[ScheduleFault]:
    """Every mistake in a schedule that has the right shape.

    Parameters
    ----------
    schedule
        As the grammar read it.
    now
        The wall's time: a schedule must come due at some time after it.
    is_stream
        Whether its pipeline has a `stream:`.
    pipelines
        The pipelines that `after:` may name; None leaves that unchecked.
    """
    found = [*_calendar(schedule), *_cron(schedule), *_steps(schedule, is_stream)]
    if schedule.after is not None and pipelines is not None and schedule.after not in set(pipelines):
        hint = close_to(schedule.after, pipelines)
        found.append(ScheduleFault("after", f"no pipeline `{schedule.after}`", hint))
    if not found and schedule.after is None:
        found += _never(schedule, now)
    return found


def circle(after: Mapping[str, str]) -> list[str]:
    """Pipelines that wait for each other, the first one again at the end; empty where there are none.

    Parameters
    ----------
    after
        Pipelines by those that run after them: {later: earlier}.
    """
    for start in sorted(after):
        chain = [start]
        while (earlier := after.get(chain[-1])) is not None and earlier not in chain:
            chain.append(earlier)
        if earlier is not None:
            chain = chain[chain.index(earlier) :]
            return [*chain, earlier]
    return []


def _calendar(schedule: Schedule) -> list[ScheduleFault]:
    name = schedule.calendar
    if name is None:
        return []
    known = _calendars()
    if name in known:
        return []
    meant = nearest(name, known)
    hint = f"did you mean `{meant}`?" if meant else f"use an exchange's code, such as {', '.join(_WELL_KNOWN)}"
    return [ScheduleFault("calendar", f"no calendar `{name}`", hint)]


@lru_cache(maxsize=1)
def _calendars() -> frozenset[str]:
    import exchange_calendars

    return frozenset(exchange_calendars.get_calendar_names(include_aliases=True))


def _cron(schedule: Schedule) -> list[ScheduleFault]:
    from cronsim import CronSim, CronSimError

    found: list[ScheduleFault] = []
    if schedule.cron is not None:
        try:
            CronSim(schedule.cron, pd.Timestamp(0, tz="UTC").to_pydatetime())
        except CronSimError as error:
            message = f"`{schedule.cron}` is no cron: {str(error).lower()}"
            found.append(ScheduleFault("cron", message, "its fields are minute, hour, day, month, weekday"))
    if schedule.timezone is not None and schedule.timezone not in available_timezones():
        meant = nearest(schedule.timezone, available_timezones())
        hint = f"did you mean `{meant}`?" if meant else "name it as America/New_York"
        found.append(ScheduleFault("timezone", f"no time zone `{schedule.timezone}`", hint))
    return found


def _steps(schedule: Schedule, is_stream: bool) -> list[ScheduleFault]:
    found: list[ScheduleFault] = []
    moments = {"at": schedule.at, "from": schedule.from_, "until": schedule.until}
    lengths = {key: moment.offset for key, moment in moments.items() if moment is not None}
    if schedule.every is not None:
        lengths["every"] = schedule.every
        if schedule.every < SHORTEST:
            found.append(ScheduleFault("every", "`every` is at least 1s"))
    for key, length in lengths.items():
        if length.microseconds and not (key == "every" and length < SHORTEST):
            found.append(ScheduleFault(key, "a schedule is kept to the second", "leave the fraction out"))
    if schedule.every is not None and is_stream:
        hint = "leave `every` out: it runs from `from` until `until`"
        found.append(ScheduleFault("every", "a pipeline with a `stream:` isn't repeated", hint))
    if schedule.from_ is not None and schedule.every is None and not is_stream:
        hint = "give `every: 30m`, or `at:` for once a session"
        found.append(ScheduleFault("from", "without a `stream:`, nothing runs through a span", hint))
    return found


def _never(schedule: Schedule, now: pd.Timestamp) -> list[ScheduleFault]:
    """It must come due within a year, or within four by cron: 29 February counts."""
    try:
        if any(islice(slots(schedule, now, now + pd.Timedelta(days=365 * 4 if schedule.cron else 365)), 1)):
            return []
    except DataProblem as problem:
        return [ScheduleFault("calendar", str(problem))]
    if schedule.from_ is not None:
        return [ScheduleFault("from", "`from` is after `until` in every session")]
    return [ScheduleFault("cron" if schedule.cron else "at", "it never comes due")]
