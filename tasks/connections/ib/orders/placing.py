"""Sending orders so that none is ever there twice, whatever dies in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd

from tasks.connections.clock import WallClock
from tasks.connections.ib.codes import Meaning
from tasks.connections.ib.orders.approval import NOBODY
from tasks.connections.ib.orders.desk import Desk, Line, Unknown
from tasks.connections.ib.orders.guard import day_uses
from tasks.connections.ib.orders.known import BookOrder
from tasks.connections.ib.orders.ledger import Intent
from tasks.connections.ib.orders.limits import notional_of
from tasks.connections.ib.orders.recording import placed_of, record
from tasks.connections.ib.orders.trail import Trail
from tasks.connections.ib.orders.values import Order, Placed, families
from tasks.connections.problems import ConnectionProblem, Problem, Refused
from tasks.connections.scope import current

SETTLING = 0.25
"""Seconds in which most market orders are filled."""
REFUSALS = frozenset({200, 201, 203, 321, 387, 10268})
"""Codes after which the broker surely has no such order."""
TICK_SIZE, DUPLICATE = 110, 103
PASSED = (
    ". It never arrived: it is listed nowhere, and later orders have passed its id."
    " See that TWS asks nothing, then ask for it once more (--again)"
)
NEW_YORK = "America/New_York"
_WALL = WallClock()


class Placing:
    """One call that places orders.

    Parameters
    ----------
    desk
        The connection and what goes with it.
    session
        Whose day the orders use.
    patience
        Seconds that the broker has to answer each.
    """

    def __init__(self, desk: Desk, session: date, patience: float) -> None:
        self._desk = desk
        self._session = session
        self._patience = patience
        self._lost: list[str] = []
        self._trails: dict[str, Trail] = {}

    def place(self, orders: Sequence[Order]) -> list[Placed]:
        """See `Broker.place`."""
        desk = self._desk
        for order in orders:
            order.check()
        policy = desk.guard.sending()
        with desk.ledger.exclusive([order.reference for order in orders]):
            desk.ledger.expire([order.reference for order in orders], NOBODY)
            known = {order.reference: desk.ledger.find(order.reference) for order in orders}
            results: dict[str, Placed] = {}
            fresh: list[Order] = []
            for order in orders:
                intent = known[order.reference]
                if intent is None and policy.mode == "approve":
                    reason = "nobody was asked to approve it"
                    results[order.reference] = Placed(order.reference, "refused", reason, order=order)
                elif intent is None or intent.state == "approved":
                    fresh.append(order if intent is None else intent.order)
            for intent in known.values():
                if intent is not None and intent.state != "approved":
                    results[intent.reference] = self._known(intent)
            if fresh:
                results |= self._fresh(fresh)
            results |= self._settled(results)
        if self._lost:
            raise Unknown(
                " ".join(self._lost), "Run it again: what the broker has is found by its reference, and not sent again."
            )
        return [results[order.reference] for order in orders]

    def _settled(self, results: Mapping[str, Placed]) -> dict[str, Placed]:
        """Where what was just sent has come to, a moment later: much is filled at once."""
        desk = self._desk
        try:
            book = desk.line().book
        except ConnectionProblem:
            return {}  # what is known already stands
        moving = [
            each for each in results.values() if each.reference in self._trails and each.status in ("sent", "working")
        ]
        moving += [each for each in results.values() if each.status == "partially_filled"]

        def found() -> list[BookOrder | None]:
            return [book.by_reference(each.reference) for each in moving]

        book.wait(lambda: all(order is None or order.is_over for order in found()), SETTLING)
        settled = {}
        for each, order in zip(moving, found(), strict=True):
            intent = desk.ledger.find(each.reference)
            if order is not None and intent is not None:
                settled[each.reference] = self._record(intent, order)
        return settled

    def _known(self, intent: Intent) -> Placed:
        """What became of an order that was meant before."""
        if intent.state == "sending":
            try:
                return self._recover(intent)
            except Unknown as problem:
                self._lost.append(problem.reason)
                return placed_of(intent, "sent", problem.reason)
        if intent.state == "placed":
            found = self._desk.line().book.by_reference(intent.reference)
            return placed_of(intent) if found is None else self._record(intent, found)
        if intent.state == "waiting":
            return placed_of(intent, "waiting")
        return placed_of(intent, "expired" if intent.state == "expired" else "rejected", intent.reason)

    def _recover(self, intent: Intent) -> Placed:
        """An order whose bytes may have gone out: look for it, and send it only where it surely isn't there."""
        desk = self._desk
        if (found := self._look_for(intent, desk.line())) is not None:
            return self._record(intent, found)
        if intent.gateway != desk.gateway:
            raise Unknown(f"{intent.order} was sent to {intent.gateway}, and {desk.gateway} doesn't know of it.")
        if not _is_today(intent.sent):
            raise Unknown(f"{intent.order} was sent on another day, which the gateway no longer tells of.")
        with desk.line_as(intent.client_id) as line:
            if line is None:
                raise Unknown(
                    f"{intent.order} may have been sent as client {intent.client_id}, which another run is now:"
                    " only as that client can it be sent again without being doubled."
                )
            # With its client id come all the bytes that were ever sent with it.
            if (found := self._look_for(intent, line)) is not None:
                return self._record(intent, found)
            quoted = desk.quoted([intent.order])
            if faults := desk.guard.faults(intent.order, quoted):
                desk.ledger.refused(intent.reference, "; ".join(faults))
                return placed_of(intent, "refused", "; ".join(faults))
            seen = self._send(intent, line, is_again=True)
            return self._answered(intent, line, seen, is_again=True)

    def _fresh(self, orders: Sequence[Order]) -> dict[str, Placed]:
        """Orders that were never sent."""
        desk = self._desk
        quoted = desk.quoted(orders)
        line = desk.line()
        results: dict[str, Placed] = {}
        sent: list[tuple[Intent, int]] = []
        for family in families(orders):
            faults = {order.reference: desk.guard.faults(order, quoted) for order in family}
            notionals = [notional_of(order, quoted) for order in family]
            reason = ""
            if any(faults.values()):
                reason = "an order of its family is refused"
            else:
                try:
                    intents = desk.ledger.begin(
                        *(family, self._session, day_uses(family, notionals), desk.gateway),
                        *(line.bridge.client_id, line.bridge.next_order_id or 1, desk.guard.limits),
                    )
                except Refused as refusal:
                    reason = refusal.reason
            if reason:
                results |= {
                    order.reference: Placed(
                        order.reference, "refused", "; ".join(faults[order.reference]) or reason, order=order
                    )
                    for order in family
                }
                continue
            sent += self._send_family(intents, line)
        for intent, seen in sent:
            try:
                results[intent.reference] = self._answered(intent, line, seen)
            except Unknown as problem:
                self._lost.append(problem.reason)
        return results

    def _send_family(self, intents: Sequence[Intent], line: Line) -> list[tuple[Intent, int]]:
        sent: list[tuple[Intent, int]] = []
        for place, intent in enumerate(intents):
            try:
                sent.append((intent, self._send(intent, line)))
            except BaseException:
                for rest in intents[place + 1 :]:
                    self._desk.ledger.unsent(rest.reference)
                raise
        return sent

    def _send(self, intent: Intent, line: Line, *, is_again: bool = False) -> int:
        """Send it; how many messages there were about it before."""
        from tasks.connections.ib.orders.wire import send_order

        desk, order = self._desk, intent.order
        line.book.follow(line.bridge)
        line.book.expect(intent.client_id, intent.order_id, order)
        seen = len(line.book.messages(intent.client_id, intent.order_id))
        parent = desk.ledger.find(order.parent) if order.parent else None
        parent_id = 0 if parent is None else parent.order_id
        what, scope = f"{order} (order {intent.order_id})", current()
        sent: list[bytes] = []
        trail = self._trails[intent.reference] = Trail(desk.name, intent)
        try:
            line.bridge.act(
                what,
                lambda client: send_order(client, intent.order_id, order, parent_id=parent_id),
                lambda: desk.guard.check_now(line.bridge, scope, what),
                sent.append,
            )
        except BaseException:
            if not sent and not is_again:
                desk.ledger.unsent(intent.reference)
            raise
        trail.sent(sent[-1])
        return seen

    def _answered(self, intent: Intent, line: Line, seen: int, *, is_again: bool = False) -> Placed:
        """What the broker says of an order just sent. Raises `Unknown`."""
        book, place = line.book, (intent.client_id, intent.order_id)

        def objections() -> list[tuple[int, str]]:
            return [
                (message.code, f"{message.code}: {message.text.strip()}")
                for message in book.messages(*place)[seen:]
                if message.meaning is Meaning.FAILED or message.code == TICK_SIZE
            ]

        def is_answered() -> bool:
            order = book.order(*place)
            return not line.bridge.alive or bool(objections()) or (order is not None and _is_taken(order))

        book.wait(is_answered, self._patience)
        self._trails[intent.reference].heard(line.bridge)
        found = book.order(*place)
        said = objections()
        if any(code in REFUSALS for code, _ in said) and (found is None or found.filled == 0):
            self._desk.ledger.refused(intent.reference, said[0][1])
            return placed_of(intent, "rejected", said[0][1])
        if found is None or not _is_taken(found):
            try:
                found = self._look_for(intent, line) or found
            except Problem as problem:
                raise Unknown(f"{intent.order} was sent, and nothing is known of it: {problem.reason}") from problem
        if found is not None and found.is_told:
            return self._record(intent, found)
        if said:
            passed = f"{said[0][1]}{PASSED}" if is_again and said[0][0] == DUPLICATE else said[0][1]
            self._desk.ledger.refused(intent.reference, passed)
            return placed_of(intent, "rejected", passed)
        raise Unknown(
            f"{intent.order} was sent as order {intent.order_id}, and the gateway neither answers nor lists it: it may"
            " be waiting for somebody to confirm it in TWS."
        )

    def _look_for(self, intent: Intent, line: Line) -> BookOrder | None:
        """Ask the broker for an order by its reference: among the open, the completed, and the executions."""
        line.book.follow(line.bridge)
        line.book.ask_all(line.bridge, self._desk.name, self._patience)
        return line.book.by_reference(intent.reference)

    def _record(self, intent: Intent, found: BookOrder) -> Placed:
        """Put down how far it has come."""
        return record(self._desk.ledger, intent, found)


def _is_taken(order: BookOrder) -> bool:
    return order.filled > 0 or order.status not in ("", "ApiPending", "PendingSubmit")


def _is_today(sent: int | None) -> bool:
    """Whether the gateway still tells of it: executions and completed orders reach back to midnight."""
    if sent is None:
        return False
    then, now = pd.Timestamp(sent, unit="ns", tz="UTC"), _WALL.now()
    return bool(then.tz_convert(NEW_YORK).date() == now.tz_convert(NEW_YORK).date())
