"""Exchanges' calendars, each built once a process: building one takes longer than sizing a hedge."""

from __future__ import annotations

import threading
from datetime import date
from typing import Any

from tasks.connections.problems import DataProblem

_made: dict[str, Any] = {}
_making = threading.Lock()


def exchange_calendar(name: str, first: date, last: date) -> Any:
    """The calendar of an exchange, an `exchange_calendars.ExchangeCalendar`, from `first` to `last` at least.

    It covers whole years, and may end before `last` where the exchange's holidays are known only so far.

    Raises
    ------
    DataProblem
        There is no such calendar, or it doesn't reach back to `first`.
    """
    with _making:
        known = _made.get(name)
        years = [first.year, last.year]
        if known is not None:
            if known.asked[0] <= years[0] and years[1] <= known.asked[1]:
                return known.calendar
            years = [min(years[0], known.asked[0]), max(years[1], known.asked[1])]
        _made[name] = made = _Made(_build(name, *years), (years[0], years[1]))
        return made.calendar


class _Made:
    def __init__(self, calendar: Any, asked: tuple[int, int]) -> None:
        self.calendar = calendar
        self.asked = asked


def _build(name: str, first: int, last: int) -> Any:
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    for end in range(last, first - 1, -1):
        try:
            return exchange_calendars.get_calendar(name, start=f"{first}-01-01", end=f"{end}-12-31")
        except InvalidCalendarName as error:
            raise DataProblem(
                f"There is no exchange calendar `{name}`.",
                "Give an ISO 10383 code such as XNYS (New York), XLON (London) or XEUR (Eurex).",
            ) from error
        except ValueError as error:  # it knows no holidays so far ahead, or so far back
            reason = error
    raise DataProblem(f"The calendar {name} doesn't cover {first} to {last}: {reason}") from reason
