"""Which request a message answers.

Source: the broker's published client, server versions below 201.
"""

from __future__ import annotations

from collections.abc import Sequence

PLACES = {
    **dict.fromkeys((1, 2, 4, 12, 13, 20, 45, 46, 47, 50, 51, 52, 55, 56, 57, 58, 63, 64, 67, 68, 71, 72, 73, 74), 2),
    **dict.fromkeys((11, 17, 75, 76, 77, 79, 81, 82, 83, 84, 86, 87, 88, 89, 90, 91, 92, 94, 95, 96, 97, 98, 99), 1),
    **dict.fromkeys((103, 104, 105, 106, 107, 108), 1),
}
"""Which field names the request, by kind of message."""

CONTRACT_DATA, BOND_DATA, OPTION_TICK = 10, 18, 21

ROUTES = {
    61: "positions",
    62: "positions",
    6: "account updates",
    7: "account updates",
    8: "account updates",
    54: "account updates",
    3: "open orders",
    5: "open orders",
    53: "open orders",
    101: "completed orders",
    102: "completed orders",
    14: "bulletins",
    19: "scanner parameters",
    78: "family codes",
    80: "depth exchanges",
    85: "news providers",
    93: "market rule",
}
"""The routes of messages that answer a request without naming it, by kind of message."""


def request_number(fields: Sequence[bytes], version: int) -> int | None:
    """The request's number; None where the message names none. Raises `ValueError` for one that can't be read."""
    kind = int(fields[0])
    place = PLACES.get(kind)
    if kind in (CONTRACT_DATA, BOND_DATA):
        place = 1 if version >= 164 else 2
    elif kind == OPTION_TICK:
        place = 1 if version >= 156 else 2
    if place is None:
        return None
    if place >= len(fields):
        raise ValueError(f"message {kind} has only {len(fields)} fields")
    return int(fields[place])
