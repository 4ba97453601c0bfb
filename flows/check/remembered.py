"""bad-last: what a step may remember."""

from __future__ import annotations

from flows.check.subject import Subject


def check(subject: Subject) -> None:
    """`last` is a step's output of the time before. A source has none: it has rows, which come or hold."""
    for piece in subject.pieces.values():
        for parameter, text in getattr(piece.keys, "last", {}).items():
            name = text.partition(".")[0]
            if name in subject.file.stream:
                location = (*piece.location, "last", parameter)
                message = f"`{name}` is a source, and `last` is what a step yielded the time before"
                subject.say(
                    location, "bad-last", message, "take it under `in:`, or let a step keep what it needs of it"
                )
