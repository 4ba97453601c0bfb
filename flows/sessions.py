"""Trading sessions by an exchange's calendar."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from tasks.connections.calendars import exchange_calendar
from tasks.connections.problems import DataProblem

DEFAULT = "XNYS"


def calendar(name: str, year: int, until: int | None = None) -> Any:
    """The exchange's calendar from two years before `year` to the end of `until`, by default the year after it.

    It ends sooner where the exchange's holidays are known only so far.
    """
    return exchange_calendar(name, date(year - 2, 1, 1), date(year + 1 if until is None else until, 12, 31))


def session_at(moment: pd.Timestamp, name: str = DEFAULT) -> date:
    """The session that the moment belongs to: the last one that has opened."""
    exchange = calendar(name, moment.year)
    opened = exchange.opens.searchsorted(moment, side="right")
    session: pd.Timestamp = exchange.sessions[int(opened) - 1]
    return session.date()


def require_session(day: date, name: str = DEFAULT) -> date:
    """`day` if the exchange has a session on it. Raises `DataProblem` naming the sessions around it."""
    exchange = calendar(name, day.year)
    stamp = pd.Timestamp(day)
    if exchange.is_session(stamp):
        return day
    before = exchange.date_to_session(stamp, direction="previous").date()
    after = exchange.date_to_session(stamp, direction="next").date()
    raise DataProblem(f"{day} is no session of {name}.", f"The sessions around it are {before} and {after}.")
