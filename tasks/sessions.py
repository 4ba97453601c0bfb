"""When an exchange's sessions are, and which of them are over."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.connections.calendars import exchange_calendar
from tasks.connections.problems import DataProblem
from tasks.run import Run

_DAY = pd.Timedelta(days=1)


def closed_sessions(calendar: str, now: pd.Timestamp, count: int) -> NDArray[np.datetime64]:
    """Dates of the latest `count` sessions that have closed by `now`, ascending, unit days.

    Raises `DataProblem` where the calendar is unknown, or doesn't reach back so far.
    """
    # No exchange has a year of fewer than 230 sessions; two weeks are more than any pause.
    start = now.tz_convert(None).normalize() - int(count * 365 / 230 + 14) * _DAY
    table = exchange_calendar(calendar, start, now + 2 * _DAY)
    closed = table.closes[(table.closes <= now) & (table.closes.index >= start)]
    if len(closed) < count:
        raise DataProblem(f"The calendar {calendar} has only {len(closed)} sessions up to {now:%Y-%m-%d}, not {count}.")
    dates: NDArray[np.datetime64] = closed.index[-count:].to_numpy().astype("datetime64[D]")
    return dates


def close_before(calendar: str, now: pd.Timestamp) -> pd.Timestamp:
    """When the session before the latest one that has opened by `now` closed: the time of a quote's `close`."""
    start = now.tz_convert(None).normalize() - 21 * _DAY
    table = exchange_calendar(calendar, start, now + 2 * _DAY)
    opened = int((table.opens <= now).sum())
    moment: pd.Timestamp = table.closes.iloc[opened - 2]
    return moment.as_unit("ns")


def moment_of(run: Run, calendar: str) -> pd.Timestamp:
    """The moment that a run reads history up to: now, or when its session closed, where that is over.

    Raises `DataProblem` where the past session is none of the calendar's.
    """
    return session_hours(calendar, run.session)[1] if run.past else run.now()


def session_hours(calendar: str, session: date) -> tuple[pd.Timestamp, pd.Timestamp]:
    """When a session opens and closes. Raises `DataProblem` for a day that is no session."""
    table = exchange_calendar(calendar, session, session)
    day = pd.Timestamp(session)
    if day not in table.closes.index:
        raise DataProblem(f"{session} is no session of {calendar}.")
    return table.opens[day].as_unit("ns"), table.closes[day].as_unit("ns")


def have_closed(calendar: str, days: NDArray[np.datetime64], now: pd.Timestamp) -> NDArray[np.bool_]:
    """Whether the latest session up to and with each day has closed by `now`."""
    if not len(days):
        return np.zeros(0, dtype=bool)
    first = pd.Timestamp(days.min()) - 14 * _DAY
    table = exchange_calendar(calendar, first, pd.Timestamp(days.max()) + _DAY)
    place = np.searchsorted(table.closes.index.to_numpy(), days, side="right") - 1
    closed: NDArray[np.bool_] = (table.closes.iloc[np.maximum(place, 0)] <= now).to_numpy()
    return closed
