"""The broker's algorithms, simulated: an order is sent in equal slices over time.

Adaptive: Urgent in 2 slices, Normal in 4, Patient in 8, one a second, the first at once. Twap and
Vwap: in 10 slices from `startTime` (or at once) to `endTime` (or the session's close); Vwap's are
not equal but follow the shape of a session's volume, more at both ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.connections.ib.simulator.trading.grammar import Values
from tasks.connections.ib.simulator.trading.times import parse_time

SECOND = 1_000_000_000
ADAPTIVE = {"Urgent": 2, "Normal": 4, "Patient": 8}
SLICES = 10
SHAPE = (16, 11, 9, 8, 7, 7, 8, 9, 11, 14)
"""Vwap's slices, in percent."""

PARAMETERS = {
    "Adaptive": ("adaptivePriority",),
    "Twap": ("strategyType", "startTime", "endTime", "allowPastEndTime"),
    "Vwap": ("maxPctVol", "startTime", "endTime", "allowPastEndTime", "noTakeLiq", "speedUp"),
}
ALGORITHMS = tuple(PARAMETERS)


def problem_of(name: str, parameters: Sequence[Values]) -> str:
    """What is wrong with an algorithm's parameters; empty where nothing is."""
    for item in parameters:
        if item["tag"] not in PARAMETERS[name]:
            return f"{name} has no parameter {item['tag'][:20]!r}; it has {', '.join(PARAMETERS[name])}."
    given = {item["tag"]: item["value"] for item in parameters}
    if name == "Adaptive" and given.get("adaptivePriority", "Normal") not in ADAPTIVE:
        return f"adaptivePriority is one of {', '.join(ADAPTIVE)}."
    for end in ("startTime", "endTime"):
        try:
            if given.get(end):
                parse_time(given[end])
        except ValueError:
            return f"{end} is no time: {given[end][:30]!r}."
    return ""


def due(name: str, parameters: Sequence[Values], quantity: float, placed: int, close: int, now: int) -> float:
    """How much of an order should have been sent by now, whole contracts."""
    given = {item["tag"]: item["value"] for item in parameters}
    if name == "Adaptive":
        slices = ADAPTIVE[given.get("adaptivePriority", "Normal")]
        sent = min(slices, (now - placed) // SECOND + 1)
        return quantity if sent >= slices else float(quantity * sent // slices)
    start = max(placed, parse_time(given["startTime"])) if given.get("startTime") else placed
    end = min(close, parse_time(given["endTime"])) if given.get("endTime") else close
    if now < start:
        return 0.0
    sent = SLICES if end <= start else min(SLICES, int((now - start) * SLICES / (end - start)) + 1)
    share = sum(SHAPE[:sent]) / 100 if name == "Vwap" else sent / SLICES
    return quantity if sent == SLICES else float(int(quantity * share))
