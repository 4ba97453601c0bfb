"""How far orders have come, put down in the ledger."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tasks.connections.ib.orders.desk import Desk
from tasks.connections.ib.orders.known import BookOrder
from tasks.connections.ib.orders.ledger import Intent, Ledger
from tasks.connections.ib.orders.states import GONE, plain_status
from tasks.connections.ib.orders.values import Placed


def follow(desk: Desk, references: Sequence[str], seconds: float) -> list[Placed]:
    """See `Broker.follow`."""
    intents = [intent for each in references if (intent := desk.ledger.find(each)) is not None and intent.sent]
    book = desk.line().book

    def found() -> list[BookOrder | None]:
        return [book.by_reference(intent.reference) for intent in intents]

    book.wait(lambda: all(order is not None and order.is_over for order in found()), seconds)
    return [
        record(desk.ledger, intent, order)
        for intent, order in zip(intents, found(), strict=True)
        if order is not None and intent.state == "placed"
    ]


def record(ledger: Ledger, intent: Intent, found: BookOrder) -> Placed:
    """Put down how far an order has come."""
    status = plain_status(found.status, found.filled, intent.order.quantity, is_rejected=found.is_rejected)
    reason = found.reason or ("the broker lists it nowhere any more" if found.status == GONE else "")
    if status == "rejected":
        ledger.refused(intent.reference, found.reason)
        return placed_of(intent, status, found.reason)
    average = None if math.isnan(found.average_price) or found.filled == 0 else found.average_price
    ledger.placed(intent.reference, perm_id=found.perm_id, status=status, filled=found.filled, average_price=average)
    return Placed(
        intent.reference,
        status,
        reason,
        order_id=intent.order_id,
        client_id=intent.client_id,
        perm_id=found.perm_id,
        filled=found.filled,
        average_price=math.nan if average is None else average,
        order=intent.order,
    )


def placed_of(intent: Intent, status: str | None = None, reason: str = "") -> Placed:
    return Placed(
        intent.reference,
        status or intent.status or "sent",
        reason or intent.reason,
        order_id=intent.order_id,
        client_id=intent.client_id,
        perm_id=intent.perm_id,
        filled=intent.filled,
        average_price=math.nan if intent.average_price is None else intent.average_price,
        order=intent.order,
    )
