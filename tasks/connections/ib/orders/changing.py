"""Changing and cancelling what was placed, and asking what an order would do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tasks.connections.ib.codes import Meaning
from tasks.connections.ib.orders.desk import Desk, Line, Unknown
from tasks.connections.ib.orders.known import BookOrder
from tasks.connections.ib.orders.ledger import Intent
from tasks.connections.ib.orders.limits import notional_of
from tasks.connections.ib.orders.recording import record
from tasks.connections.ib.orders.values import Order, Placed
from tasks.connections.ib.rows.orders import Margins
from tasks.connections.problems import ConnectionProblem, DataProblem, Refused
from tasks.connections.scope import current

LOOK = 0.25
"""Seconds between two looks at what is still open."""
CHANGEABLE = frozenset(
    {"quantity", "limit_price", "stop_price", "trail", "trail_percent", "limit_offset", "time_in_force", "good_till"}
)


def modify(desk: Desk, reference: str, changes: Mapping[str, Any], patience: float) -> Placed:
    """See `Broker.modify`."""
    from tasks.connections.ib.orders.wire import send_order

    if fixed := sorted(changes.keys() - CHANGEABLE):
        raise DataProblem(f"An order's {fixed[0]} can't be changed.", f"These can: {', '.join(sorted(CHANGEABLE))}.")
    desk.guard.sending()
    with desk.ledger.exclusive([reference]):
        intent = _working(desk, reference)
        changed = replace(intent.order, **changes)
        changed.check()
        quoted = desk.quoted([changed])
        if faults := desk.guard.faults(changed, quoted):
            raise Refused(f"{changed} ({reference}) is not changed: {'; '.join(faults)}.")
        before, after = (notional_of(order, quoted) for order in (intent.order, changed))
        added = 0.0 if math.isnan(after - before) else after - before
        with desk.line_as(intent.client_id) as held:
            line = _held(held, intent)
            parent = desk.ledger.find(changed.parent) if changed.parent else None
            parent_id = 0 if parent is None else parent.order_id
            seen = len(line.book.messages(intent.client_id, intent.order_id))
            desk.ledger.change(changed, added, desk.guard.limits)
            what = f"{changed} (order {intent.order_id}, changed)"
            _act(desk, line, what, partial(send_order, order_id=intent.order_id, order=changed, parent_id=parent_id))
            said = _wait_for(line, intent, seen, patience, lambda order: order.is_over or _fits(order, changed))
            if said:
                desk.ledger.change(intent.order, 0.0, replace(desk.guard.limits, orders_per_minute=None))
                raise Refused(f"{changed} ({reference}): the broker didn't take the change: {said}.")
            found = line.book.order(intent.client_id, intent.order_id)
            if found is None or not (found.is_over or _fits(found, changed)):
                raise Unknown(f"{changed} ({reference}): the broker has not confirmed the change.", "Ask again.")
            return record(desk.ledger, replace(intent, order=changed), found)


def cancel(desk: Desk, references: Sequence[str], patience: float) -> list[Placed]:
    """See `Broker.cancel`."""
    from tasks.connections.ib.orders.wire import send_cancel

    desk.guard.allowed()
    results = []
    with desk.ledger.exclusive(references):
        for reference in references:
            intent = desk.ledger.find(reference)
            if intent is not None and intent.state in ("waiting", "approved"):
                desk.ledger.expire([reference], "cancelled before it was sent", always=True)
                results.append(Placed(reference, "expired", "cancelled before it was sent", order=intent.order))
                continue
            intent = _working(desk, reference)
            with desk.line_as(intent.client_id) as held:
                line = _held(held, intent)
                order = line.book.order(intent.client_id, intent.order_id)
                if order is None or not order.is_over:
                    seen = len(line.book.messages(intent.client_id, intent.order_id))
                    what = f"The cancel of {intent.order} (order {intent.order_id})"
                    _act(desk, line, what, partial(send_cancel, order_id=intent.order_id), is_cancel=True)
                    _wait_for(line, intent, seen, patience, lambda found: found.is_over)
                found = line.book.order(intent.client_id, intent.order_id)
                if found is None or not found.is_over:
                    line.book.ask_all(line.bridge, desk.name, patience)
                    found = line.book.by_reference(reference)
                if found is None:
                    raise Unknown(f"{intent.order} ({reference}): the broker doesn't know of it.")
                results.append(record(desk.ledger, intent, found))
    return results


def cancel_all(desk: Desk, patience: float) -> int:
    """See `Broker.cancel_all`."""
    from tasks.connections.ib.orders.wire import send_cancel_all

    desk.guard.allowed()
    line = desk.line()
    for state in ("waiting", "approved"):
        waiting = [intent.reference for intent in desk.ledger.intents(state=state)]
        desk.ledger.expire(waiting, "all orders were cancelled", always=True)
    line.book.ask_open(line.bridge, desk.name, patience)
    _act(desk, line, "The cancel of all orders", send_cancel_all, is_cancel=True)
    until = time.monotonic() + patience
    while True:
        line.book.wait(lambda: not _open(line), LOOK)
        line.book.ask_open(line.bridge, desk.name, patience)  # others' orders change without a word to us
        if not _open(line) or time.monotonic() >= until:
            break
    line.book.ask_completed(line.bridge, desk.name, patience)
    return len(_open(line))


def preview(desk: Desk, order: Order, patience: float) -> Margins:
    """See `Broker.preview`."""
    from tasks.connections.ib.orders.wire import send_order

    order.check()
    desk.guard.allowed()
    line, scope = desk.line(), current()
    order_id = desk.ledger.reserve_id(desk.gateway, line.bridge.client_id, line.bridge.next_order_id or 1)
    what = f"What {order} would do"
    line.bridge.act(
        what,
        lambda client: send_order(client, order_id, order, is_preview=True),
        lambda: scope.deadline.check(what),
        lambda frame: None,
    )
    place = (line.bridge.client_id, order_id)
    told: list[Margins] = []

    def is_told() -> bool:
        if (row := line.book.preview(order_id)) is not None:
            told.append(row.margins)
        return bool(told or _objection(line, *place, 0)) or not line.bridge.alive

    line.book.wait(is_told, patience)
    if told:
        return told[0]
    if said := _objection(line, *place, 0):
        raise Refused(f"{order}: the broker would refuse it: {said}.")
    raise ConnectionProblem(f"{what}: the broker doesn't say within {patience:g} s.", "Try again.")


def _act(desk: Desk, line: Line, what: str, send: Callable[[Any], None], *, is_cancel: bool = False) -> None:
    scope = current()
    line.book.follow(line.bridge)
    line.bridge.act(
        what, send, lambda: desk.guard.check_now(line.bridge, scope, what, is_cancel=is_cancel), lambda frame: None
    )


def _working(desk: Desk, reference: str) -> Intent:
    intent = desk.ledger.find(reference)
    if intent is None or intent.state not in ("placed", "sending"):
        state = "was never sent" if intent is None else f"is {intent.state}"
        raise Refused(f"{reference} {state}: this desk has no such order at the broker.")
    return intent


def _held(line: Line | None, intent: Intent) -> Line:
    if line is None:
        raise ConnectionProblem(
            f"{intent.order} was placed as client {intent.client_id}, which another run of the desk is now.",
            "Only that client can change or cancel it: try again when that run has ended, or cancel all.",
        )
    return line


def _wait_for(line: Line, intent: Intent, seen: int, patience: float, done: Callable[[BookOrder], bool]) -> str:
    """Wait until the order is so, or the broker objects; its objection, or empty."""
    place = (intent.client_id, intent.order_id)

    def is_done() -> bool:
        order = line.book.order(*place)
        return not line.bridge.alive or bool(_objection(line, *place, seen)) or (order is not None and done(order))

    line.book.wait(is_done, patience)
    return _objection(line, *place, seen)


def _objection(line: Line, client_id: int, order_id: int, seen: int) -> str:
    for message in line.book.messages(client_id, order_id)[seen:]:
        if message.meaning is Meaning.FAILED or message.code == 110:
            return f"{message.code}: {message.text.strip()}"
    return ""


def _fits(found: BookOrder, order: Order) -> bool:
    """Whether the broker holds it as it is meant."""
    prices = [(found.limit_price, order.limit_price)]
    if order.trail is None and order.trail_percent is None:
        prices.append((found.stop_price, order.stop_price))
    return (
        found.quantity == order.quantity
        and (found.time_in_force or order.time_in_force) == order.time_in_force
        and all(wanted is None or math.isclose(held, wanted) for held, wanted in prices)
    )


def _open(line: Line) -> list[BookOrder]:
    return [order for order in line.book.orders() if order.status and not order.is_over]
