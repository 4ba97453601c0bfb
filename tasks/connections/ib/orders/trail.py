"""The broker's own messages about an order, as they went and came: what is told of it leads back to them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tasks.connections.ib.orders.ledger import Intent
from tasks.connections.scope import Message, current

if TYPE_CHECKING:
    from tasks.connections.ib.bridge import Bridge

PLACES = {b"3": 1, b"5": 1, b"4": 2, b"11": 2}
"""Which field names the order, by kind of message: status, order, error, execution."""
EXECUTION, COMMISSION = b"11", b"59"


class Trail:
    """Of one order, from when it is sent; hands its messages to the running step.

    Parameters
    ----------
    connection
        Its name in the desk file.
    """

    def __init__(self, connection: str, intent: Intent) -> None:
        self._place = (connection, intent.order_id, "order", intent.order.contract.con_id or None)
        self._number = str(intent.order_id).encode()
        self._begun = time.time_ns()

    def sent(self, frame: bytes) -> None:
        """It has gone out, as this message."""
        payload = frame[4:].decode("utf-8", "backslashreplace").removesuffix("\0")
        current().listener.message(Message(*self._place, "sent", time.time_ns(), payload))

    def heard(self, bridge: Bridge) -> None:
        """What has come about it since then."""
        executions: set[bytes] = set()
        listener = current().listener
        for moment, fields in list(bridge.about_orders):
            if moment < self._begun or not self._is_about_it(fields, executions):
                continue
            payload = b"\0".join(fields).decode("utf-8", "backslashreplace")
            listener.message(Message(*self._place, "received", moment, payload))

    def _is_about_it(self, fields: list[bytes], executions: set[bytes]) -> bool:
        kind = fields[0]
        if kind == COMMISSION:
            return len(fields) > 2 and fields[2] in executions
        place = PLACES.get(kind, 0)
        if place >= len(fields) or fields[place] != self._number:
            return False
        if kind == EXECUTION:
            executions.update(field for field in fields[3:20] if field.count(b".") >= 2)
        return True
