"""What sending orders needs of a connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tasks.connections.ib.orders.book import OrderBook
from tasks.connections.ib.orders.guard import Guard
from tasks.connections.ib.orders.ledger import Ledger
from tasks.connections.ib.orders.limits import Quoted
from tasks.connections.ib.orders.values import Order
from tasks.connections.problems import ConnectionProblem

if TYPE_CHECKING:
    from tasks.connections.ib.bridge import Bridge


class Line(NamedTuple):
    """A connection as one client id, and what it has told of orders."""

    bridge: Bridge
    book: OrderBook


@dataclass(frozen=True, slots=True)
class Desk:
    """What placing needs of a connection."""

    name: str
    """Of the connection."""
    gateway: str
    """Where it leads: order ids are counted for each."""
    ledger: Ledger
    guard: Guard
    line: Callable[[], Line]
    line_as: Callable[[int], AbstractContextManager[Line | None]]
    """As this very client id; None where another run holds it."""
    quoted: Callable[[Sequence[Order]], Quoted]


class Unknown(ConnectionProblem):
    """Nobody can say whether the broker has an order: another try finds out, and doubles nothing."""
