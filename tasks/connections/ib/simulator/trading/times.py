"""Times in orders: until when one is good, from when on, or when a condition holds."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NEW_YORK = "America/New_York"


def parse_time(text: str, end_of_day: bool = False) -> int:
    """Nanoseconds since 1970 of `20221229 15:00:00 US/Eastern`, `20221229-20:00:00` (UTC) or `20221229`.

    Without a zone it is New York's. A bare date is its beginning, or the day's end. Raises `ValueError`.
    """
    words = text.split()
    if len(words) == 1 and "-" in text:
        return _instant(datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=ZoneInfo("UTC")))
    zone = words[2] if len(words) == 3 else NEW_YORK
    if not 1 <= len(words) <= 3:
        raise ValueError(f"no time: {text!r}")
    clock = words[1] if len(words) > 1 else ("23:59:59" if end_of_day else "00:00:00")
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"no time zone: {zone!r}") from error
    return _instant(datetime.strptime(f"{words[0]} {clock}", "%Y%m%d %H:%M:%S").replace(tzinfo=place))


def _instant(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000
