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
    DEACTIVATED = "deactivated"
    """A subscription that worked has stopped: it is to be sent again."""
    FAILED = "failed"
    """The request has failed."""
    CONNECTION = "connection"
    """The connection can't be used."""


SENTENCES = {
    1100: "The gateway has lost the broker: no orders until it is back.",
    1101: "The gateway has the broker again, without its subscriptions: they are sent again.",
    1102: "The gateway has the broker again, with its subscriptions.",
    1300: "The gateway listens on another port now.",
    2103: "A market data farm is away: quotes may stand still, no orders until it is back.",
    2104: "A market data farm is there.",
    2105: "A farm of historical data is away: no history from there, and no orders until it is back.",
    2106: "A farm of historical data is there.",
    2107: "A farm of historical data sleeps until it is asked.",
    2108: "A market data farm sleeps until it is asked.",
    2110: "The gateway has lost the broker's server: no orders until it is back.",
    2119: "A market data farm is being connected.",
    2157: "The farm of contract details is away: no orders until it is back.",
    2158: "The farm of contract details is there.",
    10182: "Bars that were to go on have stopped: they are asked for again.",
    10197: "Another session of this login takes the live data: nothing comes here until it ends.",
    10225: "A trade was busted, which ends the real-time bars: they are asked for again.",
    100: "More than 50 messages a second: the gateway ends connections that go on so.",
    202: "An order is cancelled.",
    326: "The client id is in use.",
    366: "Nothing to cancel: the history had come already.",
    399: "The gateway has a remark about an order.",
    404: "An order waits for shares to be lent.",
    10167: "Delayed data stands in for live data that isn't subscribed to.",
}
"""In words, for those that need some beside the broker's own."""

_INFO = {2104, 2106, 2107, 2108, 2119, 2158, 202, 366}
_WARNING = {110, 165, 300, 310, 316, 317, 399, 404, 481, 10090, 10091, 10167, 10197, 10285}
_DEGRADED = {1100, 2103, 2105, 2110, 2157}
_RESTORED = {1101, 1102}
_DEACTIVATED = {10182, 10225}
_CONNECTION = {326, 501, 502, 504, 506, 507, 1300}
_BUSY = {100, 101, 322, 420, 10190}
_OUTDATED = {503, 505}
_PERMISSION = {354, 10089, 10168, 10186, 10189}
_NEWS = {10172, 10276}
_DATES = {10314}
_ORDER = {*range(103, 162), *range(382, 464)} - {110, 399, 404, 420} | {
    201,
    203,
    10006,
    10147,
    10148,
    10243,
    10268,
    10289,
}

PERMISSIONS = (
    "Subscribe to the data at the broker or, to take delayed prices that are marked so, "
    "set `market_data: delayed` on the connection."
)
UPGRADE = "Upgrade TWS or IB Gateway: this one is older than what was asked of it."


def meaning(code: int) -> Meaning:
    """What a code means. An unknown one fails the request that it names, except notices (21xx)."""
    known = {
        Meaning.INFO: _INFO,
        Meaning.DEGRADED: _DEGRADED,
        Meaning.RESTORED: _RESTORED,
        Meaning.DEACTIVATED: _DEACTIVATED,
        Meaning.CONNECTION: _CONNECTION,
        Meaning.WARNING: _WARNING,
    }
    found = next((sense for sense, codes in known.items() if code in codes), None)
    return found or (Meaning.WARNING if 2100 <= code < 2200 else Meaning.FAILED)


def sentence(code: int, text: str) -> str:
    """A code that names no request, for a person: in our words where there are some, with the broker's."""
    said = text.strip().rstrip(".")
    ours = SENTENCES.get(code)
    return f"{ours} ({code}: {said})" if ours else f"The broker says {code}: {said}."


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
    if code in _NEWS:
        return DataProblem(said, "Subscribe to the news provider at the broker.")
    if code in _DATES:
        return DataProblem(said, "Give the end as `yyyymmdd-HH:MM:SS`, in UTC.")
    if code in _BUSY:
        return ConnectionProblem(said, "Ask for less at once, or try again later.")
    if code in _OUTDATED:
        return Refused(said, UPGRADE)
    if code in _CONNECTION or code in _DEGRADED:
        return ConnectionProblem(said, "Look at the gateway, then try again.")
    if code in _DEACTIVATED:
        return ConnectionProblem(said, "Try again.")
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
