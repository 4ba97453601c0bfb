"""Which sessions of an exchange are over."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.connections.calendars import exchange_calendar
from tasks.connections.problems import DataProblem

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
