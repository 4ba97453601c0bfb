"""Whether an order's conditions hold: of a price, or of the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tasks.connections.ib.simulator.trading.grammar import Values
from tasks.connections.ib.simulator.trading.times import parse_time

PRICE, TIME = 1, 3


def hold(conditions: Sequence[Values], now: int, price: Callable[[int], float | None]) -> bool:
    """Taken one after the other, each bound to the next by its own "a" (and) or "o" (or); none: it holds.

    `price` gives a contract's last price by its id.
    """
    result, joined_by = True, "a"
    for condition in conditions:
        met = _holds(condition, now, price)
        result = (result and met) if joined_by == "a" else (result or met)
        joined_by = condition["conjunction"]
    return result


def _holds(condition: Values, now: int, price: Callable[[int], float | None]) -> bool:
    if condition["condType"] == TIME:
        moment = parse_time(condition["time"])
        return now >= moment if condition["isMore"] else now <= moment
    last = price(condition["conId"])
    if last is None:
        return False
    return bool(last >= condition["price"] if condition["isMore"] else last <= condition["price"])
