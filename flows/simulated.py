"""Takes a simulated market through its sessions: one further with each session of the wall.

The scheduler is always on the wall, and the market's data is of years gone by. So the n-th session
in which a scheduled run of the desk happens, from 0, is the n-th of the market from the one in which
its clock starts; pipelines of one session of the wall share one of the market.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from filelock import FileLock

from flows.desk import Desk
from flows.grammar import Schedule
from flows.journal import Journal
from flows.occasion import Occasion
from flows.schedule import Slot, slots_of
from flows.sessions import DEFAULT, calendar, session_at
from tasks.connections.clock import Clock, MovableClock
from tasks.connections.lmdb import make_folder
from tasks.connections.problems import Problem

log = logging.getLogger("hedgerow")
_TICK = pd.Timedelta(1, "ns")


def take_to_session(
    occasion: Occasion, schedule: Schedule | None, asked: date | None, clock: Clock, desk: Desk, journal: Journal
) -> Occasion:
    """Take the desk's simulated market to where a scheduled run, or one that follows another, belongs.

    A slot goes to the same slot of the simulated session: `close - 15m` to 15 minutes before that
    session's own close, the third of `every: 30m` to the third (to the last where that session has
    fewer, to its close where it has none), cron to the same time of day. A run that follows another
    goes to where that one began. Any other stays where the clock starts, and so does a desk whose
    clock can't be moved.

    Parameters
    ----------
    occasion, schedule, asked
        Why the run begins, its pipeline's schedule, and the session that was asked for.
    clock
        The desk's, before anything is asked of its gateway.
    desk
        Remembers in its data folder which session of the wall was which of the market's.
    journal
        Of the run that this one follows.

    Returns
    -------
    Occasion
        With the session that the market was taken to. Where its data has ended, that is its last
        one, which a warning in the log says.

    Raises
    ------
    Problem
        What the desk remembers can't be read or written.
    """
    if not isinstance(clock, MovableClock):
        return occasion
    if occasion.follows is not None and asked is not None:
        return _follow(occasion, occasion.follows, asked, clock, journal)
    if occasion.due is None or schedule is None:
        return occasion
    begin, end = clock.span
    base, last = session_at(clock.start), session_at(end - _TICK)
    number = number_of(_folder(desk), base, market_session(occasion.due.session))
    session, has_ended = simulated_session(base, last, number)
    moment, own = simulated_moment(schedule, occasion.due, session)
    if has_ended or moment >= end:
        log.warning("the simulated market's data has ended at %s: this run stays in that session", last)
    clock.move_to(min(max(moment, begin), end - _TICK))
    return replace(occasion, stands=own)


def number_of(folder: Path, base: date, wall: date) -> int:
    """The how many-th session of the wall, from 0, this is of those that were ever asked for.

    In the order first asked for, and for ever the same; another base starts anew.

    Parameters
    ----------
    folder
        Where they are remembered, in `sessions.json`.
    base
        The market's session that number 0 is.
    wall
        The session of the wall.

    Raises
    ------
    Problem
        The file can't be read or written.
    """
    make_folder(folder, "The desk's data folder")
    path = folder / "sessions.json"
    try:
        with FileLock(folder / "sessions.lock"):
            seen = _remembered(path, base)
            if wall.isoformat() not in seen:
                seen.append(wall.isoformat())
                draft = path.with_name(f".{path.name}.{os.getpid()}")
                draft.write_text(json.dumps({"base": base.isoformat(), "wall": seen}))
                draft.replace(path)
            return seen.index(wall.isoformat())
    except OSError as error:
        raise Problem(
            f"The simulated market's sessions can't be kept in {path}: {error.strerror or error}.",
            "Mend the folder's permissions, or make room on its disk.",
        ) from error


def simulated_session(base: date, last: date, number: int) -> tuple[date, bool]:
    """The market's session of this number from `base` on; (`last`, True) where that is past its last."""
    found = calendar(DEFAULT, base.year, last.year).sessions_in_range(pd.Timestamp(base), pd.Timestamp(last))
    session: pd.Timestamp = found[min(number, len(found) - 1)]
    return session.date(), number >= len(found)


def simulated_moment(schedule: Schedule, due: Slot, session: date) -> tuple[pd.Timestamp, date]:
    """(moment, session) of a slot of the wall, in a session of the market.

    The session is the one of the schedule's own calendar: the one before where it has none on that day.
    """
    if schedule.calendar is None:
        return _time_of_day(due.instant.tz_convert(ZoneInfo(str(schedule.timezone))), session), session
    exchange = calendar(schedule.calendar, session.year)
    own: date = exchange.date_to_session(pd.Timestamp(session), direction="previous").date()
    found = slots_of(schedule, own)
    if not found:
        close: pd.Timestamp = exchange.session_close(pd.Timestamp(own))
        return close.as_unit("ns"), own
    return found[min(due.index, len(found) - 1)].instant, own


def market_session(wall: date) -> date:
    """The market's session on a day of another calendar, one of whose sessions it is; on its holidays, the one before.

    A pipeline that runs on every day of the week doesn't take the market on over the weekend.
    """
    session: pd.Timestamp = calendar(DEFAULT, wall.year).date_to_session(pd.Timestamp(wall), direction="previous")
    return session.date()


def _follow(occasion: Occasion, earlier: str, asked: date, clock: MovableClock, journal: Journal) -> Occasion:
    moment = _begun(journal, earlier) or _close(asked)
    begin, end = clock.span
    if moment is None or not begin <= moment < end:
        return occasion
    clock.move_to(moment)
    return replace(occasion, stands=asked)


def _begun(journal: Journal, run: str) -> pd.Timestamp | None:
    """Where the clock of a run stood as it began; None where the journal, of another machine, doesn't know it."""
    try:
        _, moment = journal.run(run).clock.split()
    except Problem:
        return None
    return pd.Timestamp(moment)


def _close(session: date) -> pd.Timestamp | None:
    exchange, stamp = calendar(DEFAULT, session.year), pd.Timestamp(session)
    return exchange.session_close(stamp).as_unit("ns") if exchange.is_session(stamp) else None


def _time_of_day(wall: pd.Timestamp, session: date) -> pd.Timestamp:
    """The first moment after the session's opening at the wall's time of day, in the wall's zone."""
    opened = calendar(DEFAULT, session.year).session_open(pd.Timestamp(session))
    day = session
    while (moment := pd.Timestamp(datetime.combine(day, wall.time(), wall.tzinfo)).tz_convert("UTC")) < opened:
        day += timedelta(days=1)
    return moment.as_unit("ns")


def _remembered(path: Path, base: date) -> list[str]:
    if not path.exists():
        return []
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
        return list(kept["wall"]) if kept["base"] == base.isoformat() else []
    except (ValueError, KeyError, TypeError) as error:
        raise Problem(
            f"{path} doesn't hold the simulated market's sessions.",
            "Remove it: the next scheduled run is then in the session in which the market's clock starts.",
        ) from error


def _folder(desk: Desk) -> Path:
    return desk.data / "simulated" / (desk.profile or "_")
