"""How far an order can have come, and what may follow what."""

from __future__ import annotations

from typing import Literal

FINAL = frozenset({"Filled", "Cancelled", "ApiCancelled"})
"""Statuses that an order never leaves."""
GONE = "Gone"
"""Ours, not the broker's: it was open, and the broker lists it nowhere any more."""

_RANKS = {"ApiPending": 0, "PendingSubmit": 1, "PreSubmitted": 2, "Submitted": 3, "Inactive": 3, "PendingCancel": 4}

Status = Literal["sent", "working", "partially_filled", "filled", "cancelled", "rejected"]


def follows(new: str, old: str, *, is_listed: bool) -> bool:
    """Whether a status may take the place of another: messages come twice, and late.

    Parameters
    ----------
    is_listed
        The broker lists what is open just now: a status that isn't final may then go back.
    """
    if old in FINAL:
        return False
    if new in FINAL or old in ("", GONE) or is_listed:
        return True
    if new == "Inactive" or old == "Inactive":
        return new != old
    return _RANKS.get(new, 2) > _RANKS.get(old, 2)


def plain_status(status: str, filled: float, quantity: float, *, is_rejected: bool = False) -> Status:
    """The status in the desk's words."""
    if status == "Filled" or (quantity > 0 and filled >= quantity):
        return "filled"
    if status in ("Cancelled", "ApiCancelled", GONE):
        return "rejected" if is_rejected and filled == 0 else "cancelled"
    if status == "Inactive" and is_rejected and filled == 0:
        return "rejected"
    if filled > 0:
        return "partially_filled"
    if status in ("", "ApiPending", "PendingSubmit", "Inactive"):
        return "sent"
    return "working"
