"""Waiting for a person to approve orders."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import date

from tasks.connections.clock import WallClock
from tasks.connections.ib.orders.ledger import Intent, Ledger
from tasks.connections.ib.orders.values import Order
from tasks.connections.scope import current

LOOK = 0.2
"""Seconds between two looks at the ledger."""
MARGIN = 1.0
"""Seconds of the step's time, at most, that are left for sending what was approved at the last moment."""
NOBODY = "nobody approved it in time"
_WALL = WallClock()


def ask_approval(
    ledger: Ledger, orders: Sequence[Order], session: date, notionals: Sequence[float], seconds: float
) -> Mapping[str, Intent]:
    """Put orders before a person, and wait until each is decided, or its time is up: it then is never sent.

    Parameters
    ----------
    seconds
        How long, at most; the step's deadline may be sooner. An order that was put before a person earlier
        keeps the time it was given then.

    Returns
    -------
    mapping of str to Intent
        What is known of each reference then.
    """
    references = [order.reference for order in orders]
    deadline = current().deadline
    given = deadline.remaining(seconds)
    if given < seconds:
        given -= min(MARGIN, given / 10)
    ledger.wait(orders, session, notionals, _WALL.now().value + int(given * 1e9))
    until = time.monotonic() + given
    while True:
        ledger.expire(references, NOBODY)
        found = {reference: intent for reference in references if (intent := ledger.find(reference)) is not None}
        if all(intent.state != "waiting" for intent in found.values()):
            return found
        if deadline.passed or time.monotonic() >= until + 1:
            ledger.expire(references, NOBODY, always=True)
            deadline.check("Orders that wait to be approved")
            return {reference: intent for reference in references if (intent := ledger.find(reference)) is not None}
        time.sleep(min(LOOK, max(0.01, until - time.monotonic())))
