"""Moments as the broker writes them beside orders and executions."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tasks.connections.problems import DataProblem

ZONES = {
    **dict.fromkeys(("EST", "EDT", "EST5EDT", "Eastern Standard Time", "Eastern Daylight Time"), "America/New_York"),
    **dict.fromkeys(("CST", "CDT", "Central Standard Time", "Central Daylight Time"), "America/Chicago"),
    **dict.fromkeys(("MST", "MDT", "Mountain Standard Time", "Mountain Daylight Time"), "America/Denver"),
    **dict.fromkeys(("PST", "PDT", "Pacific Standard Time", "Pacific Daylight Time"), "America/Los_Angeles"),
    **dict.fromkeys(("GMT", "BST", "Greenwich Mean Time", "British Summer Time", "GMT Standard Time"), "Europe/London"),
    **dict.fromkeys(("CET", "CEST", "MET", "Central European Standard Time"), "Europe/Paris"),
    **dict.fromkeys(("JST", "Japan Standard Time", "Tokyo Standard Time"), "Asia/Tokyo"),
    **dict.fromkeys(("HKT", "Hong Kong Standard Time"), "Asia/Hong_Kong"),
    **dict.fromkeys(("UTC", "Coordinated Universal Time", "Z"), "UTC"),
}
"""What gateways call zones, beside the names of the zone database."""
FORMS = ("%Y%m%d %H:%M:%S", "%Y%m%d-%H:%M:%S")


def moment(text: str, zone: str) -> datetime:
    """A moment in UTC.

    Parameters
    ----------
    text
        `20221228 15:45:00`, with the name of a zone behind it or not, or seconds since 1970; with `-` between date
        and time it is UTC.
    zone
        Of a text that names none.

    Raises `DataProblem` where the text can't be read or the zone isn't known.
    """
    if text.isdigit() and len(text) > 8:
        return datetime.fromtimestamp(int(text), UTC)
    date, _, rest = text.strip().replace("  ", " ").partition(" ")
    if "-" in date:
        date, _, time = date.partition("-")
        named = rest.strip() or "UTC"
    else:
        time, _, named = rest.strip().partition(" ")
    try:
        local = datetime.strptime(f"{date} {time}", FORMS[0])  # noqa: DTZ007 - its zone comes next
    except ValueError:
        raise DataProblem(f"The broker's time {text!r} can't be read.") from None
    return local.replace(tzinfo=_zone(named.strip() or zone)).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(ZONES.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DataProblem(
            f"The gateway's time zone {name!r} isn't known.",
            "Set the gateway's zone to one such as America/New_York, or have it write times in UTC.",
        ) from None
