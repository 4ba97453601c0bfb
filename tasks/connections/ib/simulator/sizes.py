"""Sizes of bars, what is shown in them, and how far back a request may reach."""

from __future__ import annotations

import re
from dataclasses import dataclass

SECONDS = {
    "1 secs": 1,
    "5 secs": 5,
    "10 secs": 10,
    "15 secs": 15,
    "30 secs": 30,
    "1 min": 60,
    "2 mins": 120,
    "3 mins": 180,
    "5 mins": 300,
    "10 mins": 600,
    "15 mins": 900,
    "20 mins": 1200,
    "30 mins": 1800,
    "1 hour": 3600,
    "2 hours": 7200,
    "3 hours": 10800,
    "4 hours": 14400,
    "8 hours": 28800,
}
"""Length of the sizes that are shorter than a day."""

DAYS = {"1 day": "D", "1 week": "W", "1 month": "M"}
OTHER_NAMES = {"1 sec": "1 secs", "1D": "1 day", "1W": "1 week", "1M": "1 month"}
SIZES = (*SECONDS, *DAYS)

SHOWN = ("TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST")
NOT_SERVED = ("HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE", "YIELD_BID", "YIELD_ASK", "SCHEDULE")
"""Kinds that the broker has and this gateway hasn't."""

DAY = 86400
FURTHEST = {1: 1800, 5: 3600, 10: 14400, 15: 14400, 30: 28800, 60: DAY, 120: 2 * DAY, 1800: 31 * DAY}
"""Longest duration in seconds by size of the bars, as the broker's table of valid durations has it.

Sizes between those named have the limit of the one below; of bars of a day and more there is none.
"""
WEEK_LIMIT = 7 * DAY
LONGEST = 100 * 366 * DAY


class InvalidError(Exception):
    """The request asks for what can't be; the text is the broker's."""


@dataclass(frozen=True)
class Duration:
    """How far back: a count of S (seconds), D (sessions), W, M or Y."""

    count: int
    unit: str

    @property
    def seconds(self) -> int:
        """About how long."""
        return self.count * {"S": 1, "D": DAY, "W": 7 * DAY, "M": 31 * DAY, "Y": 366 * DAY}[self.unit]


def read_size(text: str) -> str:
    """The size's usual name. Raises `InvalidError`."""
    size = OTHER_NAMES.get(text, text)
    if size not in SIZES:
        raise InvalidError(f"Historical data bar size setting is invalid: {text!r}. Legal ones are: {', '.join(SIZES)}")
    return size


def read_duration(text: str) -> Duration:
    """A duration such as `3 D`. Raises `InvalidError`."""
    match = re.fullmatch(r"(\d{1,6}) ([SDWMY])", text)
    if not match or not int(match[1]):
        raise InvalidError(f"Historical data query duration is invalid: {text!r}")
    duration = Duration(int(match[1]), match[2])
    if duration.unit == "D" and duration.count > 365:
        raise InvalidError("Historical data requests for durations longer than 365 days must be made in years.")
    if duration.unit == "S" and duration.count > DAY:
        raise InvalidError("Historical data requests for durations longer than 86400 seconds must be made in days.")
    if duration.seconds > LONGEST:
        raise InvalidError(f"Historical data query duration is invalid: {text!r} is longer than 100 years")
    return duration


def check_length(size: str, duration: Duration) -> bool:
    """Whether bars of this size may reach so far back."""
    seconds = SECONDS.get(size)
    return seconds is None or duration.seconds <= longest(seconds)


def longest(seconds: int) -> int:
    """The longest duration, in seconds, of bars of so many seconds."""
    if 180 <= seconds < 1800:
        return WEEK_LIMIT
    return FURTHEST[max(known for known in FURTHEST if known <= seconds)]
