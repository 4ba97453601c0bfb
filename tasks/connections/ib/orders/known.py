"""An order as far as is known, and what more is told of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.messages import BrokerMessage
from tasks.connections.ib.orders.states import FINAL, GONE, follows
from tasks.connections.ib.rows.orders import CompletedOrder

NOTHING = Contract()


@dataclass(frozen=True, slots=True)
class BookOrder:
    """An order as far as is known; NaN where a price isn't set or a number isn't known."""

    key: str
    """The same as long as it lives: `17:42` for order 42 of client 17, `perm:9` for one entered by hand."""
    order_id: int
    client_id: int
    perm_id: int = 0
    reference: str = ""
    account: str = ""
    contract: Contract = NOTHING
    action: str = ""
    quantity: float = math.nan
    order_type: str = ""
    limit_price: float = math.nan
    stop_price: float = math.nan
    time_in_force: str = ""
    oca_group: str = ""
    parent_id: int = 0
    algo: str = ""
    status: str = ""
    """In the broker's words; empty until it has said one."""
    filled: float = 0.0
    average_price: float = math.nan
    why_held: str = ""
    reason: str = ""
    """What the broker last said of it: why it was rejected or cancelled."""
    is_rejected: bool = False
    updated_ns: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more will become of it."""
        return self.status in FINAL or self.status == GONE

    @property
    def is_told(self) -> bool:
        """Whether the broker has said anything of it."""
        return self.status != "" or self.filled > 0

    @property
    def remaining(self) -> float:
        """What is still to be filled; 0 for one that is over, NaN where its quantity isn't known."""
        return 0.0 if self.is_over else self.quantity - self.filled


CANCELLED = 202
REJECTIONS = frozenset({103, 104, 110, 200, 201, 203, 321, 387, 10268})
"""Codes that say no to an order itself; 103 and 110 not always."""


def with_message(order: BookOrder, message: BrokerMessage) -> BookOrder:
    """The order with what was said of it."""
    reason = f"{message.code}: {message.text.strip()}"
    if message.code == CANCELLED:
        reason = message.text.partition("reason:")[2].strip() or order.reason
    return replace(order, reason=reason, is_rejected=order.is_rejected or message.code in REJECTIONS)


def quantity_of(quantity: float, row: CompletedOrder) -> float:
    """What it was for: the broker tells 0 of some that are filled."""
    if not math.isnan(quantity):
        return quantity
    return row.quantity if row.quantity > 0 else row.filled


def merged(order: BookOrder, other: BookOrder) -> BookOrder:
    """What two notions of one order come to."""
    status = other.status if follows(other.status, order.status, is_listed=False) else order.status
    known = other if math.isnan(order.quantity) else order
    return replace(
        known,
        perm_id=order.perm_id or other.perm_id,
        status=status,
        filled=max(order.filled, other.filled),
        average_price=other.average_price if other.filled > order.filled else order.average_price,
        reason=order.reason or other.reason,
        is_rejected=order.is_rejected or other.is_rejected,
    )


def is_same(order: BookOrder, row: CompletedOrder) -> bool:
    return row.reference != "" and order.reference == row.reference and order.perm_id in (0, row.perm_id)


def _key(client_id: int, order_id: int, perm_id: int) -> str:
    return f"{client_id}:{order_id}" if order_id else f"perm:{perm_id}"
