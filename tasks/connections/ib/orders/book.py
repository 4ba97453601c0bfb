"""Every order and execution that the broker has told of: it outlives the connection."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.connections.ib.messages import BrokerMessage
from tasks.connections.ib.orders.fills import Fill, Fills, total
from tasks.connections.ib.orders.known import BookOrder, is_same, merged, quantity_of, with_message
from tasks.connections.ib.orders.states import FINAL, GONE, follows
from tasks.connections.ib.orders.values import Order
from tasks.connections.ib.rows.orders import Commission, CompletedOrder, Execution, OpenOrder, OrderStatus
from tasks.connections.problems import ConnectionProblem, Problem
from tasks.connections.scope import current

if TYPE_CHECKING:
    from tasks.connections.ib.bridge import Bridge

log = logging.getLogger("hedgerow.ib")

ORDERS, EXECUTIONS = "orders", "executions"
"""Routes by which changes go out: a `BookOrder`, a `Fill`."""

Publish = Callable[[str, Any, int], None]

_SLICE = 0.2
_FIRST_REQUEST = 1_000_000


class OrderBook:
    """A watcher: takes what the connection tells of orders, each thing once, whatever the order it comes in.

    Orders are known by the broker's permanent id, and by client and order id until it has one.

    Parameters
    ----------
    publish
        Takes every change: its route, the row, and when it came in nanoseconds since 1970.
    """

    def __init__(self, publish: Publish = lambda route, row, received: None) -> None:
        self._publish = publish
        self._changed = threading.Condition(threading.Lock())
        self._orders: dict[str, BookOrder] = {}
        self._by_perm: dict[int, str] = {}
        self._by_reference: dict[str, str] = {}
        self._fills = Fills()
        self._messages: dict[tuple[int, int], list[BrokerMessage]] = {}
        self._previews: dict[int, OpenOrder] = {}
        self._completed: list[CompletedOrder] = []
        self._listing = threading.Lock()
        self._listed: set[str] | None = None
        self.synced: list[Callable[[], None]] = []
        """Called when all was asked for after connecting: what is known is as it is now."""
        self.is_followed = False
        """Whether anybody cares: orders are asked for after connecting only then."""
        self._client_id = -1

    # What others ask.

    def orders(self) -> list[BookOrder]:
        """All that are known, in the order they came."""
        with self._changed:
            return list(self._orders.values())

    def fills(self) -> list[Fill]:
        """All executions that are known, each as corrected last."""
        with self._changed:
            return self._fills.all()

    def order(self, client_id: int, order_id: int) -> BookOrder | None:
        """One by its client and order id; None where nothing was told of it."""
        with self._changed:
            return self._orders.get(_key(client_id, order_id, 0))

    def by_reference(self, reference: str) -> BookOrder | None:
        """The one that carries this reference; None where none does."""
        with self._changed:
            order = self._orders.get(self._by_reference.get(reference, ""))
            return order if order is not None and order.is_told else None

    def expect(self, client_id: int, order_id: int, order: Order) -> None:
        """An order is about to be sent: of some the broker tells nothing but their executions."""
        with self._changed:
            key = _key(client_id, order_id, 0)
            if key not in self._orders:
                self._orders[key] = replace(
                    self._known(client_id, order_id, 0),
                    reference=order.reference,
                    account=order.account,
                    contract=order.contract,
                    action=order.action,
                    quantity=order.quantity,
                    order_type=order.order_type,
                    time_in_force=order.time_in_force,
                )
                self._by_reference[order.reference] = key

    def tell_known(self, route: str, tell: Callable[[Any, int], None]) -> None:
        """Everything that is known, as it would be told of: no change comes in between."""
        with self._changed:
            if route == EXECUTIONS:
                for fill in self._fills.all():
                    tell(fill, time.time_ns())
            else:
                for order in self._orders.values():
                    if order.is_told:
                        tell(order, order.updated_ns)

    def messages(self, client_id: int, order_id: int) -> list[BrokerMessage]:
        """What the broker has said of it with a code, oldest first."""
        with self._changed:
            return list(self._messages.get((client_id, order_id), ()))

    def preview(self, order_id: int) -> OpenOrder | None:
        """What an order would do, where the broker has said so."""
        with self._changed:
            return self._previews.pop(order_id, None)

    def wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until `done`, which looks at this book, or the step's time or `seconds` are up; whether it is."""
        until = time.monotonic() + seconds
        deadline = current().deadline
        while not done():
            left = until - time.monotonic()
            if left <= 0 or deadline.passed:
                return done()
            with self._changed:
                self._changed.wait(min(left, _SLICE, 0.05 if left > 1 else left))
        return True

    # What the connection tells.

    def connected(self, bridge: Bridge) -> None:
        """Ask for all that is open, was completed and was executed: what was missed comes so, the rest is known."""
        self.entered(bridge)
        if not self.is_followed:
            return
        try:
            self.ask_all(bridge, "gateway", 30.0)
        except Problem as problem:
            log.warning("The orders are not known for sure after connecting: %s", problem)
            return
        for tell in self.synced:
            tell()

    def entered(self, bridge: Bridge) -> None:
        """Errors that name an order mean those of this client."""
        self._client_id = bridge.client_id

    def follow(self, bridge: Bridge) -> None:
        """Somebody cares about orders from now on."""
        self.entered(bridge)
        self.is_followed = True

    def ask_all(self, bridge: Bridge, connection: str, timeout: float) -> None:
        """Ask for every open order of the login, those completed, and today's executions. Raises `Problem`."""
        self.ask_open(bridge, connection, timeout)
        self.ask_completed(bridge, connection, timeout)
        self.ask_executions(bridge, connection, timeout)

    def ask_open(self, bridge: Bridge, connection: str, timeout: float) -> None:
        """Ask for every open order of the login; those that were open and aren't listed any more are `Gone`, unless
        something else is told of them. Raises `Problem`."""
        deadline = current().deadline
        while not self._listing.acquire(timeout=_SLICE):
            deadline.check("A list of open orders")
        try:
            with self._changed:
                before = {key for key, order in self._orders.items() if order.status and not order.is_over}
                listed = self._listed = set()
            try:
                _listed(bridge, "open orders", lambda client: client.reqAllOpenOrders(), connection, timeout)
            finally:
                self._listed = None
            with self._changed:
                for key in before - listed:
                    order = self._orders.get(key)
                    if order is not None and not order.is_over:
                        self._keep(replace(order, status=GONE))
                self._changed.notify_all()
        finally:
            self._listing.release()

    def ask_completed(self, bridge: Bridge, connection: str, timeout: float) -> list[CompletedOrder]:
        """Ask for the orders that are over. Raises `Problem`."""
        rows = _listed(bridge, "completed orders", lambda client: client.reqCompletedOrders(False), connection, timeout)
        return [row for row in rows if isinstance(row, CompletedOrder)]

    def ask_executions(self, bridge: Bridge, connection: str, timeout: float) -> None:
        """Ask for today's executions, of every client where the gateway tells. Raises `Problem`."""
        from tasks.connections.ib.orders.wire import ask_executions

        request = bridge.ask(
            "executions",
            "Executions",
            ask_executions,
            connection=connection,
            timeout=timeout,
        )
        try:
            request.wait(current())
        finally:
            bridge.forget(request)

    def lost(self, problem: Problem) -> None:
        """Nothing changes: what was known is known."""
        with self._changed:
            self._changed.notify_all()

    def event(self, event: Any) -> None:
        """Something was told."""
        with self._changed:
            if isinstance(event, OrderStatus):
                self._status(event)
            elif isinstance(event, OpenOrder):
                self._open(event)
            elif isinstance(event, Execution):
                self._execution(event)
            elif isinstance(event, Commission):
                self._tell_fill(self._fills.cost(event))
            elif isinstance(event, CompletedOrder):
                self._complete(event)
            elif isinstance(event, BrokerMessage) and 0 <= event.request < _FIRST_REQUEST:
                self._message(event)
            else:
                return
            self._changed.notify_all()

    def _known(self, client_id: int, order_id: int, perm_id: int) -> BookOrder:
        by_perm = self._by_perm.get(perm_id, "")
        by_id = _key(client_id, order_id, 0) if order_id else ""
        if by_perm in self._orders and by_id and by_perm != by_id:
            # First told without its order id, as completed orders are.
            told = replace(self._orders.pop(by_perm), key=by_id, order_id=order_id, client_id=client_id)
            known = self._orders.get(by_id)
            self._orders[by_id] = told if known is None else merged(known, told)
            if told.reference:
                self._by_reference[told.reference] = by_id
        key = by_id or by_perm or _key(client_id, order_id, perm_id)
        if perm_id:
            self._by_perm[perm_id] = key
        if (order := self._orders.get(key)) is not None:
            return order
        order = BookOrder(key, order_id, client_id, perm_id)
        for message in self._messages.get((client_id, order_id), ()):
            order = with_message(order, message)
        return order

    def _open(self, row: OpenOrder) -> None:
        if row.is_preview:
            self._previews[row.order_id] = row
            return
        known = self._known(row.client_id, row.order_id, row.perm_id)
        is_listed = self._listed is not None
        if self._listed is not None:
            self._listed.add(known.key)
        self._keep(
            replace(
                known,
                perm_id=row.perm_id or known.perm_id,
                reference=row.reference or known.reference,
                account=row.account,
                contract=row.contract,
                action=row.action,
                quantity=row.quantity,
                order_type=row.order_type,
                limit_price=row.limit_price,
                stop_price=row.stop_price,
                time_in_force=row.time_in_force,
                oca_group=row.oca_group,
                parent_id=row.parent_id,
                algo=row.algo,
                status=row.status if follows(row.status, known.status, is_listed=is_listed) else known.status,
                reason=row.margins.warning or known.reason,
            )
        )

    def _status(self, row: OrderStatus) -> None:
        known = self._known(row.client_id, row.order_id, row.perm_id)
        filled = max(known.filled, 0.0 if math.isnan(row.filled) else row.filled)
        is_newer = row.filled >= known.filled
        self._keep(
            replace(
                known,
                perm_id=row.perm_id or known.perm_id,
                status=row.status
                if follows(row.status, known.status, is_listed=self._listed is not None)
                else known.status,
                filled=filled,
                average_price=row.average_price if is_newer and row.filled > 0 else known.average_price,
                parent_id=row.parent_id or known.parent_id,
                why_held=row.why_held,
            )
        )

    def _execution(self, row: Execution) -> None:
        fill = self._fills.add(row)
        if fill is None:
            return
        known = self._known(row.client_id, row.order_id, row.perm_id)
        quantity, average = total(self._fills.of(known.perm_id, known.client_id, known.order_id))
        is_leg = known.contract.security_type == "BAG" != row.contract.security_type
        if not is_leg:
            # Market orders may be filled without a status: executions are to be trusted.
            is_filled = quantity >= known.quantity
            known = replace(
                known,
                reference=known.reference or row.reference,
                account=known.account or row.account,
                contract=known.contract if known.contract.con_id or known.contract.symbol else row.contract,
                action=known.action or row.action,
                filled=max(known.filled, quantity),
                average_price=average if quantity >= known.filled else known.average_price,
                status="Filled" if is_filled and known.status not in FINAL else known.status,
            )
        self._keep(known)
        self._tell_fill(fill)

    def _complete(self, row: CompletedOrder) -> None:
        key = self._by_perm.get(row.perm_id)
        known = self._orders.get(key) if key else None
        if known is None:
            # Its order id is no longer told: where it is one of ours, its reference says which.
            other = self._orders.get(self._by_reference.get(row.reference, ""))
            known = other if other is not None and is_same(other, row) else None
        if known is None:
            known = self._known(0, 0, row.perm_id)
        elif row.perm_id:
            self._by_perm[row.perm_id] = known.key
        self._keep(
            replace(
                known,
                perm_id=row.perm_id or known.perm_id,
                reference=known.reference or row.reference,
                account=known.account or row.account,
                contract=known.contract if known.contract.con_id or known.contract.symbol else row.contract,
                action=known.action or row.action,
                quantity=quantity_of(known.quantity, row),
                order_type=known.order_type or row.order_type,
                limit_price=row.limit_price if math.isnan(known.limit_price) else known.limit_price,
                stop_price=row.stop_price if math.isnan(known.stop_price) else known.stop_price,
                time_in_force=known.time_in_force or row.time_in_force,
                status=row.status if follows(row.status, known.status, is_listed=True) else known.status,
                filled=max(known.filled, row.filled),
                reason=known.reason or row.reason,
            )
        )

    def _message(self, message: BrokerMessage) -> None:
        place = (self._client_id, message.request)
        self._messages.setdefault(place, []).append(message)
        known = self._orders.get(_key(*place, 0))
        if known is None:
            return
        self._keep(with_message(known, message))

    def _keep(self, order: BookOrder) -> None:
        known = self._orders.get(order.key)
        if known is not None and replace(order, updated_ns=known.updated_ns) == known:
            return
        now = time.time_ns()
        if order.perm_id:
            self._by_perm[order.perm_id] = order.key
        if order.reference:
            self._by_reference[order.reference] = order.key
        self._orders[order.key] = replace(order, updated_ns=now)
        self._publish(ORDERS, self._orders[order.key], now)

    def _tell_fill(self, fill: Fill | None) -> None:
        if fill is not None:
            self._publish(EXECUTIONS, fill, time.time_ns())


def _key(client_id: int, order_id: int, perm_id: int) -> str:
    return f"{client_id}:{order_id}" if order_id else f"perm:{perm_id}"


def _listed(bridge: Bridge, route: str, send: Callable[[Any], None], connection: str, timeout: float) -> list[Any]:
    """A list that carries no request number.

    Raises `Problem`; where no end of the list came in time, the connection is ended: a late one would be taken for
    the end of the next list, and an order that is there for one that isn't.
    """
    try:
        return bridge.ask_route(route, route, route.capitalize(), send, connection=connection, timeout=timeout)
    except ConnectionProblem as problem:
        if bridge.alive:
            bridge.declare_dead(
                ConnectionProblem(f"The gateway doesn't list its {route}: {problem.reason}", "Look at the gateway.")
            )
        raise
