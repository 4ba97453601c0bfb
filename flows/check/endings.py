"""endless-stream: a stream that nothing ends."""

from __future__ import annotations

from flows.check.subject import Subject


def check(subject: Subject) -> None:
    """A stream that starts by a schedule without `until:` runs on until somebody stops it."""
    schedule = subject.file.schedule
    if not subject.is_stream or schedule is None or schedule.until is not None or subject.lacks(("schedule",)):
        return
    key = next(key for key in ("at", "cron", "after") if getattr(schedule, key) is not None)
    subject.say_at_key(
        ("schedule", key),
        "endless-stream",
        "a schedule starts this stream, and nothing ends it",
        "give its span of the session: `{calendar: XNYS, from: open, until: close}`",
        severity="note",
    )
