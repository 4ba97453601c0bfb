"""The orders of all clients, found by their number, and who is bound to whom."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.connections.ib.simulator.trading.order import Order

FIRST_PERM_ID = 1_000_000_000
MOST_DONE = 5_000
"""Completed orders that are kept; the oldest are forgotten first."""


class Registry:
    """Every order by client and number; numbers are never used twice."""

    def __init__(self, run: int) -> None:
        self._orders: dict[tuple[int, int], Order] = {}
        self._live: dict[int, Order] = {}
        self._highest: dict[int, int] = {}
        self._perm_id = FIRST_PERM_ID + run % 1_000_000 * 1000

    def next_number(self) -> int:
        """A number that no client has used."""
        return max(self._highest.values(), default=0) + 1

    def next_perm_id(self) -> int:
        """Unique in the gateway's run."""
        self._perm_id += 1
        return self._perm_id

    def is_used(self, client_id: int, number: int) -> bool:
        """Whether a client has come as far as this number; from then on its orders must have higher ones."""
        return number <= self._highest.get(client_id, 0)

    def add(self, order: Order) -> None:
        """Keep a new order."""
        self._orders[order.client_id, order.order_id] = order
        self._live[order.perm_id] = order
        self._highest[order.client_id] = max(order.order_id, self._highest.get(order.client_id, 0))

    def find(self, client_id: int, number: int) -> Order | None:
        """The order of this number."""
        return self._orders.get((client_id, number))

    def live(self) -> list[Order]:
        """Orders that aren't done, oldest first."""
        for perm_id in [perm_id for perm_id, order in self._live.items() if not order.is_live]:
            del self._live[perm_id]
        return list(self._live.values())

    def all(self) -> list[Order]:
        """Every order that isn't forgotten, oldest first."""
        return list(self._orders.values())

    def done(self) -> Iterator[Order]:
        """Orders that are done, oldest first."""
        return (order for order in self.all() if not order.is_live)

    def group(self, order: Order) -> list[Order]:
        """The other live orders of an order's OCA group."""
        name = order.values["ocaGroup"]
        return [
            other
            for other in self.live()
            if name and other is not order and other.values["ocaGroup"] == name and other.account == order.account
        ]

    def forget(self) -> None:
        """Drop the oldest completed orders beyond `MOST_DONE`."""
        extra = len(self._orders) - len(self._live) - MOST_DONE
        if extra <= 0:
            return
        for order in list(self.done())[:extra]:
            del self._orders[order.client_id, order.order_id]
