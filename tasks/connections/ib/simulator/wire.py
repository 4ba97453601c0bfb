"""The text encoding of the wire: length-prefixed messages of NUL-terminated fields.

Source: the broker's published client, server versions below 201.
"""

from __future__ import annotations

import re
import struct
from typing import Any

UNSET = "1.7976931348623157E308"
"""What the broker sends for a number that isn't set."""


MOST_FIELDS = 20_000
"""Of a request; none that is meant has more."""

SHOWN = 40
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,24}\.?[0-9]{0,24}|\.[0-9]{1,24})([eE][+-]?[0-9]{1,3})?")


class MalformedError(Exception):
    """A request that can't be read; says which field, or what is left over."""


def encode(*fields: Any) -> bytes:
    """One message: four bytes of length, big-endian, and the fields. Booleans are 1 and 0."""
    return frame(body(*fields))


def body(*fields: Any) -> bytes:
    """The fields of a message, or of a part of it."""
    return "".join([f"{_text(field)}\0" for field in fields]).encode("utf-8")


def frame(payload: bytes) -> bytes:
    """A message of these fields."""
    return struct.pack(">I", len(payload)) + payload


def _text(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "1" if value else "0"
    if isinstance(value, float):
        text = repr(float(value))
        return text[:-2] if text.endswith(".0") else text
    return str(value)


class Fields:
    """The fields of a request, read one after the other; `end` refuses leftovers."""

    def __init__(self, payload: bytes) -> None:
        *self._values, self._unfinished = payload.decode("utf-8", "replace").split("\0", MOST_FIELDS)
        self._next = 0

    @property
    def left(self) -> int:
        """How many fields have not been read."""
        return len(self._values) - self._next

    def text(self, name: str) -> str:
        """The next field as it is."""
        if self._next >= len(self._values):
            raise MalformedError(f"the field {name} is missing" + (" its end" if self._unfinished else ""))
        self._next += 1
        return self._values[self._next - 1]

    def whole(self, name: str) -> int:
        """The next field as an integer; empty is 0."""
        value = self.text(name)
        if value and not _WHOLE.fullmatch(value):
            raise MalformedError(f"the field {name} is no integer: {value[:SHOWN]!r}")
        return int(value or 0)

    def number(self, name: str) -> float:
        """The next field as a number; empty or unset is 0."""
        value = self.text(name)
        if value and not _NUMBER.fullmatch(value):
            raise MalformedError(f"the field {name} is no number: {value[:SHOWN]!r}")
        number = float(value or 0)
        return 0.0 if abs(number) >= float(UNSET) else number

    def flag(self, name: str) -> bool:
        """The next field as a truth value."""
        value = self.text(name)
        if value not in ("", "0", "1"):
            raise MalformedError(f"the field {name} is neither 0 nor 1: {value[:SHOWN]!r}")
        return value == "1"

    def count(self, name: str) -> int:
        """The next field as a number of things that follow; no more than there are fields."""
        value = self.whole(f"number of {name}")
        if not 0 <= value <= len(self._values):
            raise MalformedError(f"the number of {name} can't be {value}")
        return value

    def version(self, *known: int) -> int:
        """The message's own version, which must be one of `known`."""
        value = self.whole("version")
        if value not in known:
            raise MalformedError(f"version {value} of this message is not known")
        return value

    def end(self) -> None:
        """Nothing may be left."""
        left = self._values[self._next :]
        if left:
            shown = [value[:SHOWN] for value in left[:5]]
            raise MalformedError(f"{len(left)} fields are left over: {shown}")
        if self._unfinished:
            raise MalformedError(f"the last field has no end: {self._unfinished[:SHOWN]!r}")
