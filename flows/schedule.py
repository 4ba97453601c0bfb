"""When a pipeline is due: the true instants of its schedule, each with its session.

Sessions, half days and lunch breaks are those of the exchange's calendar; daylight saving is that
of its zone. A pipeline that runs `after:` another has no instants: it is triggered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from flows.grammar import Schedule, SessionTime
from flows.sessions import calendar, session_at

_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Slot:
    """One time that a pipeline is due."""

    instant: pd.Timestamp
    """When, in UTC."""
    session: date
    index: int = 0
    """Which of its session's slots it is, from 0. A cron schedule knows no sessions: always 0."""
    until: pd.Timestamp | None = None
    """When it is to stop, for a stream that runs through a span of the session."""


def slots(schedule: Schedule, begin: pd.Timestamp, end: pd.Timestamp) -> Iterator[Slot]:
    """The slots in a span of time, in order.

    Parameters
    ----------
    schedule
        A schedule that `flows.schedule_faults.faults` finds nothing wrong with.
    begin, end
        The span: begin ≤ instant < end.

    Returns
    -------
    Iterator of Slot
        `{calendar, at}`: one a session. `{calendar, from, until, every}`: from `from` in steps of
        `every`, up to and with `until`; none that falls in a lunch break, whose first moment
        belongs to it and whose last doesn't. `{calendar, from, until}`: one a session, at `from`.
        `{cron, timezone}`: as cron, so that a time which the clocks skip is due right after, and
        one which they repeat is due once. `{after}`: none.
    """
    if schedule.cron is not None:
        found = _by_cron(schedule.cron, str(schedule.timezone), begin)
    elif schedule.calendar is not None:
        found = _by_calendar(schedule, schedule.calendar, begin, end)
    else:
        return
    for slot in takewhile(lambda slot: slot.instant < end, found):
        if slot.instant >= begin:
            yield slot


def slot_at(schedule: Schedule, instant: pd.Timestamp) -> Slot | None:
    """The slot that is due at this very instant; None where none is."""
    return next(slots(schedule, instant, instant + pd.Timedelta(1, "ns")), None)


def slots_of(schedule: Schedule, session: date) -> list[Slot]:
    """The slots of one session of the schedule's calendar, in order; a schedule must have one."""
    name = str(schedule.calendar)
    stamp = pd.Timestamp(session)
    (found,) = calendar(name, session.year).schedule.loc[stamp:stamp].itertuples()
    return list(_in_session(schedule, found))


def missed(
    schedule: Schedule, since: pd.Timestamp, now: pd.Timestamp, begun: Collection[pd.Timestamp] = ()
) -> tuple[Slot | None, int]:
    """What to make up for after nobody was up.

    Parameters
    ----------
    schedule
        With what to do about it: `missed: skip` or `run`.
    since, now
        From when until when nobody was up: since ≤ instant < now.
    begun
        Instants of slots in that time that have had their run all the same.

    Returns
    -------
    (Slot or None, int)
        The slot to run now, which is the latest and only one, however many were missed; and how
        many are let go.
    """
    lost = [slot for slot in slots(schedule, since, now) if slot.instant not in begun]
    if schedule.missed == "run" and lost and lost[-1].instant >= max(begun, default=since):
        return lost[-1], len(lost) - 1
    return None, len(lost)


def key_of(schedule: Schedule, slot: Slot) -> str:
    """What tells a slot from the others of its session, in idempotency keys.

    For `at:` it doesn't hold the time: an edit that moves it within a session leaves it the same slot.
    """
    return "0" if schedule.at is not None else f"{slot.instant:%Y-%m-%dT%H:%M:%SZ}"


def _by_cron(cron: str, timezone: str, begin: pd.Timestamp) -> Iterator[Slot]:
    from cronsim import CronSim

    # It yields what comes after its start; a zone's clocks are read by their own calendar.
    start = (begin - pd.Timedelta(seconds=1)).tz_convert(ZoneInfo(timezone)).to_pydatetime(warn=False)
    for moment in CronSim(cron, start):
        instant = _utc(moment)
        yield Slot(instant, session_at(instant))


def _by_calendar(schedule: Schedule, name: str, begin: pd.Timestamp, end: pd.Timestamp) -> Iterator[Slot]:
    moments = [moment for moment in (schedule.at, schedule.from_, schedule.until) if moment is not None]
    reach = max(abs(pd.Timedelta(moment.offset)) for moment in moments) + 2 * _DAY
    exchange = calendar(name, begin.year, (end + reach).year)
    first, last = ((moment.tz_convert("UTC").tz_localize(None)).normalize() for moment in (begin - reach, end + reach))
    for session in exchange.schedule.loc[first:last].itertuples():
        yield from _in_session(schedule, session)


def _in_session(schedule: Schedule, session: Any) -> Iterator[Slot]:
    day = session.Index.date()
    if schedule.at is not None:
        yield Slot(_instant(session, schedule.at), day)
        return
    assert schedule.from_ is not None and schedule.until is not None  # noqa: S101, PT018 - the grammar's forms
    begin, end = _instant(session, schedule.from_), _instant(session, schedule.until)
    if schedule.every is None:
        if begin < end:
            yield Slot(begin, day, until=end)
        return
    index = 0
    instant = begin
    while instant <= end:
        # Comparing with a missing break is False.
        if not session.break_start <= instant < session.break_end:
            yield Slot(instant, day, index)
            index += 1
        instant += schedule.every


def _instant(session: Any, moment: SessionTime) -> pd.Timestamp:
    anchor: pd.Timestamp = session.open if moment.anchor == "open" else session.close
    return (anchor + moment.offset).as_unit("ns")


def _utc(moment: datetime) -> pd.Timestamp:
    return pd.Timestamp(moment).tz_convert("UTC").as_unit("ns")
