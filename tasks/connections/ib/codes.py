"""What the broker's codes mean, and what to tell a person of them.

Source: the broker's list of message codes, and what its clients' users report of them.
"""

from __future__ import annotations

from enum import Enum

from tasks.connections.problems import ConnectionProblem, DataProblem, Problem, Refused


class Meaning(Enum):
    """What a code does to the request that it names, or to the connection."""

    INFO = "info"
    """Nothing."""
    WARNING = "warning"
    """Nothing yet: worth a line in the log."""
    DEGRADED = "degraded"
    """The gateway has lost the broker or a data farm."""
    RESTORED = "restored"
    """And has it again."""
    FAILED = "failed"
    """The request has failed."""
    CONNECTION = "connection"
    """The connection can't be used."""


_INFO = {2104, 2106, 2107, 2108, 2119, 2158, 202, 366}
_WARNING = {110, 165, 300, 399, 404, 10090, 10167, 10285}
_DEGRADED = {1100, 2103, 2105, 2110}
_RESTORED = {1101, 1102}
_CONNECTION = {326, 502, 503, 504, 507, 1300}
_BUSY = {100, 101, 420, 10190}
_PERMISSION = {354, 10089, 10168, 10189}
_ORDER = {103, 104, 201, 203, 387, 10147, 10148, 10268}

PERMISSIONS = (
    "Subscribe to the data at the broker or, to take delayed prices that are marked so, "
    "set `market_data: delayed` on the connection."
)


def meaning(code: int) -> Meaning:
    """What a code means. An unknown one fails the request that it names, except notices (21xx)."""
    if code in _INFO:
        return Meaning.INFO
    if code in _DEGRADED:
        return Meaning.DEGRADED
    if code in _RESTORED:
        return Meaning.RESTORED
    if code in _CONNECTION:
        return Meaning.CONNECTION
    if code in _WARNING or 2100 <= code < 2200:
        return Meaning.WARNING
    return Meaning.FAILED


def failure(code: int, text: str, what: str) -> Problem:
    """The problem of a failed request, in a sentence.

    Parameters
    ----------
    code, text
        As the broker sent them.
    what
        What was asked, as in `daily history of AAPL STK USD (265598)`.
    """
    said = f"{what}: the broker says {code}, {text.strip().rstrip('.')}."
    if code == 162:
        return _history_failure(said, text.lower())
    if code == 200:
        return DataProblem(said, "Check symbol, type, exchange and currency.")
    if code in _PERMISSION:
        return DataProblem(said, PERMISSIONS)
    if code in _BUSY:
        return ConnectionProblem(said, "Ask for less at once, or try again later.")
    if code in _CONNECTION or code in _DEGRADED:
        return ConnectionProblem(said, "Look at the gateway, then try again.")
    if code in _ORDER or (code == 321 and "read-only" in text.lower()):
        return Refused(said)
    return DataProblem(said)


def _history_failure(said: str, text: str) -> Problem:
    """162 says pacing, no data, cancelled or no permission in its text alone."""
    if "pacing" in text:
        return ConnectionProblem(said, "Wait a little, then try again.")
    if "permission" in text:
        return DataProblem(said, "Subscribe to the data at the broker.")
    if "cancel" in text or "disconnect" in text or "timed out" in text:
        return ConnectionProblem(said, "Try again.")
    return DataProblem(said)
