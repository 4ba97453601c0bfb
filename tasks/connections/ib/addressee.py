"""Which request a message answers.

Source: the broker's published client, server versions below 201.
"""

from __future__ import annotations

from collections.abc import Sequence

PLACES = {1: 2, 2: 2, 4: 2, 17: 1, 45: 2, 46: 2, 52: 2, 57: 2, 58: 2, 81: 1}
"""Which field names the request, by kind of message."""

CONTRACT_DATA, OPTION_TICK = 10, 21
POSITIONS = frozenset({61, 62})
"""Kinds of messages that answer the request for positions, without naming it."""


def request_number(fields: Sequence[bytes], version: int) -> int | None:
    """The request's number; None where the message names none. Raises `ValueError` for one that can't be read."""
    kind = int(fields[0])
    place = PLACES.get(kind)
    if kind == CONTRACT_DATA:
        place = 1 if version >= 164 else 2
    elif kind == OPTION_TICK:
        place = 1 if version >= 156 else 2
    if place is None:
        return None
    if place >= len(fields):
        raise ValueError(f"message {kind} has only {len(fields)} fields")
    return int(fields[place])
