"""unknown-calendar, bad-clock, bad-interval, bad-cron, unknown-timezone: when the pipeline is to run.

Also unknown-pipeline and cycle, for one that runs after another.
"""

from __future__ import annotations

from collections.abc import Collection

from flows.check.subject import Subject
from flows.document import Document
from flows.schedule_faults import circle, faults
from tasks.connections.clock import WallClock

_CODES = {
    "calendar": "unknown-calendar",
    "at": "bad-clock",
    "from": "bad-clock",
    "until": "bad-clock",
    "every": "bad-interval",
    "cron": "bad-cron",
    "timezone": "unknown-timezone",
    "after": "unknown-pipeline",
}
"""By the key that holds the mistake."""


def check(subject: Subject, name: str, beside: Collection[str] | None) -> None:
    """Hold the schedule against the exchanges' calendars, and `after` against the other pipelines.

    Parameters
    ----------
    name
        The pipeline's.
    beside
        The pipelines that there are; None where they can't be known, which leaves `after` unchecked.
    """
    schedule = subject.file.schedule
    if schedule is None:
        return
    now = WallClock().now()  # a schedule is always by the wall, and must come due at some time
    for fault in faults(schedule, now, is_stream=bool(subject.file.stream), pipelines=beside):
        location = ("schedule", fault.key)
        subject.say(location, _CODES[fault.key], fault.message, fault.hint)
    if schedule.after in (beside or ()):
        way = _way_round(subject, name, str(schedule.after))
        if name in way:
            way = [*way[way.index(name) : -1], *way[: way.index(name) + 1]]
            told = " → ".join(f"`{each}`" for each in reversed(way))
            subject.say(("schedule", "after"), "cycle", f"pipelines wait for each other: {told}")


def _way_round(subject: Subject, name: str, after: str) -> list[str]:
    """The pipelines, in a circle, that this one waits for; empty where they are in none."""
    found = {name: after}
    while after not in found:
        earlier = _after(subject.reader(subject.folder / f"{after}.yaml"))
        if earlier is None:
            return []
        found[after] = earlier
        after = earlier
    return circle(found)


def _after(document: Document) -> str | None:
    value = document.value
    schedule = value.get("schedule") if isinstance(value, dict) else None
    earlier = schedule.get("after") if isinstance(schedule, dict) else None
    return earlier if isinstance(earlier, str) else None
