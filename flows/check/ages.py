"""bad-max-age, bad-interval: how old a frame may be, against how often it is made anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flows.check.subject import Piece, Subject
from flows.document import Location
from flows.grammar import Source, Step

_LENGTHS = ("every", "max_age", "timeout", "keep")


def check(subject: Subject) -> None:
    """No time may be nothing, and no frame be asked to be younger than it ever is."""
    for location, length in _lengths(subject):
        if length == timedelta():
            subject.say(location, "bad-interval", f"`{location[-1]}` is no time at all", "give one, such as 30s")
    for piece in subject.pieces.values():
        keys = piece.keys
        if isinstance(keys, Source) and keys.max_age is not None and keys.window is not None and keys.window.every:
            if keys.window.every > keys.max_age:
                message = f"its rows are passed on {_told(subject, piece, 'window', 'every')} apart: they are older"
                subject.say((*piece.location, "max_age"), "bad-max-age", message, "give it more time than its window")
        elif isinstance(keys, Step) and keys.max_age is not None and subject.is_stream and keys.pipeline is None:
            _step(subject, piece, keys.max_age)


def _step(subject: Subject, piece: Piece, max_age: timedelta) -> None:
    location = (*piece.location, "max_age")
    if not piece.upstream and not subject.lacks((*piece.location, "in")):
        subject.say(location, "bad-max-age", f"`{piece.name}` takes nothing that could grow old", "leave it out")
    for name in piece.upstream:
        earlier = subject.pieces.get(name)
        if earlier is None or not isinstance(earlier.keys, Step):
            continue
        every = earlier.keys.every
        if every is None and name not in subject.fed and earlier.keys.pipeline is None:
            message = f"`{name}` is made once, as the stream begins, and grows older than that"
            subject.say(location, "bad-max-age", message, f"give step `{name}` an `every:`, or leave this out")
        elif every is not None and every > max_age:
            message = f"`{name}` is made anew {_told(subject, earlier, 'every')} apart: it is older than that"
            subject.say(location, "bad-max-age", message, f"give it more time than `{name}` takes")


def _told(subject: Subject, piece: Piece, *keys: str) -> str:
    return str(subject.document.value_at((*piece.location, *keys)))


def _lengths(subject: Subject) -> Iterator[tuple[Location, Any]]:
    for piece in subject.every():
        for key in _LENGTHS:
            yield (*piece.location, key), getattr(piece.keys, key, None)
        if isinstance(piece.keys, Source) and piece.keys.window is not None:
            yield (*piece.location, "window", "every"), piece.keys.window.every
    yield ("defaults", "timeout"), subject.file.defaults.timeout
