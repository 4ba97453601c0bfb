"""bad-value: keys that hold nothing."""

from __future__ import annotations

from collections.abc import Iterator

from flows.check.subject import Subject
from flows.document import Location

USERS_OWN = ("with", "each", "last", "in")
"""Keys below which the names are the user's, or the task's."""


def check(subject: Subject) -> None:
    """A key with nothing behind it was begun and not ended: it could as well be left out."""
    for location in _empty(subject):
        if not any(location[: len(dropped)] == dropped for dropped in subject.dropped):
            hint = "give it a value, or leave it out"
            subject.say_at_key(location, "bad-value", f"`{location[-1]}` holds nothing", hint)


def _empty(subject: Subject) -> Iterator[Location]:
    for location in subject.document.key_spans:
        depth = 3 if location[0] in ("steps", "stream") else 2 if location[0] in ("schedule", "defaults") else 1
        is_value = (
            location[0] == "params" or str(location[0]).startswith("x-") or not set(location[:-1]).isdisjoint(USERS_OWN)
        )
        if not is_value and len(location) >= depth and subject.document.value_at(location) is None:
            yield location
