"""Trading sessions by an exchange's calendar."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

import pandas as pd

from tasks.connections.problems import DataProblem

DEFAULT = "XNYS"


@lru_cache(maxsize=8)
def calendar(name: str, year: int) -> Any:
    """The exchange's calendar from two years before `year` to one after it."""
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    try:
        return exchange_calendars.get_calendar(name, start=f"{year - 2}-01-01", end=f"{year + 1}-12-31")
    except InvalidCalendarName:
        raise DataProblem(f"There is no calendar `{name}`.", "Use an exchange's code, such as XNYS or XLON.") from None


def session_at(moment: pd.Timestamp, name: str = DEFAULT) -> date:
    """The session that the moment belongs to: from its date in the exchange's zone, the last one begun."""
    exchange = calendar(name, moment.year)
    local = moment.tz_convert(exchange.tz).normalize().tz_localize(None)
    session: pd.Timestamp = exchange.date_to_session(local, direction="previous")
    if moment < exchange.session_open(session):
        session = exchange.previous_session(session)
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
