"""Orders: placing, changing and cancelling them, and what became of them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.desk import Desk, Line
from tasks.connections.ib.orders.guard import Guard
from tasks.connections.ib.orders.halt import Halt
from tasks.connections.ib.orders.ledger import Intent, Ledger
from tasks.connections.ib.orders.limits import Quoted, notional_of
from tasks.connections.ib.orders.placing import Placing
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Leg, Order, Placed
from tasks.connections.ib.services.market import Market
from tasks.connections.problems import DataProblem, Problem

if TYPE_CHECKING:
    from tasks.connections.ib.subscriptions import Subscription

SIMULATED = "simulated"
"""The gateway that each process has to itself."""


class Trading(Market):
    """Orders. Until it is authorised, a connection refuses each before a byte is sent."""

    def __init__(self, name: str, settings: Any, folder: Path) -> None:
        super().__init__(name, settings, folder)
        self.ledger = Ledger(folder)
        self.halt = Halt(folder)
        self._guard = Guard(None, self.halt)
        self._legs: dict[int, Contract] = {}

    def authorise(self, policy: OrderPolicy) -> None:
        """Let this connection trade what the desk's policy lets it, from now on."""
        self._guard = Guard(policy, self.halt)

    def place(self, orders: Sequence[Order], session: date, patience: float = 10.0) -> list[Placed]:
        """Place orders, each once: a reference that is known is never sent again, and gives what became of it.

        Each order is on disk before its first byte. Where a process was killed, or a connection dropped, between
        sending and hearing back, the broker is asked for the reference; what it has is taken up, and what it surely
        hasn't is sent again under the same order and client id. Orders of a family (`parent`) go together or not
        at all.

        Parameters
        ----------
        orders
            Where the desk's mode is `approve`, those that were approved; see `Ledger.wait`.
        session
            Whose day they use.
        patience
            Seconds that the broker has to answer.

        Returns
        -------
        list of Placed
            One an order, in their order. `refused`: a limit of the desk's forbids it, and nothing was sent.
            `rejected`: the broker, or a person, said no.

        Raises
        ------
        Refused
            Before a byte is sent: the connection may not trade, trading is halted, or no effect is running.
        Unknown
            Nobody can say whether the broker has one of them. The next call finds out.
        DataProblem
            What is no order at all.
        """
        return Placing(self._desk(), session, patience).place(self._addressed(orders))

    def ask_approval(self, orders: Sequence[Order], session: date, seconds: float) -> Mapping[str, Intent]:
        """Put orders before a person, and wait for the answer; see `approval.ask_approval`.

        Nothing is sent by it: `place` then sends those that were approved. Raises as `place` does.
        """
        from tasks.connections.ib.orders.approval import ask_approval

        self._guard.sending()
        orders = self._addressed(orders)
        for order in orders:
            order.check()
        return ask_approval(
            self.ledger, orders, session, [notional_of(order, Quoted({}, 0.0)) for order in orders], seconds
        )

    def follow(self, references: Sequence[str], seconds: float) -> list[Placed]:
        """Wait until each of these is filled or over, or the time is up; how far each that is known has come."""
        from tasks.connections.ib.orders.recording import follow

        return follow(self._desk(), references, seconds)

    def modify(self, reference: str, *, patience: float = 10.0, **changes: Any) -> Placed:
        """Change a working order of the desk's: its quantity, prices, time in force.

        The changed order is held against the desk's limits as a new one is. Raises as `place` does.
        """
        from tasks.connections.ib.orders.changing import modify

        return modify(self._desk(), reference, changes, patience)

    def cancel(self, references: Sequence[str], patience: float = 10.0) -> list[Placed]:
        """Cancel orders of the desk's, also while trading is halted; one that waits for approval is never sent.

        Returns what became of each, which may be that it was filled before.
        """
        from tasks.connections.ib.orders.changing import cancel

        return cancel(self._desk(), references, patience)

    def cancel_all(self, patience: float = 10.0) -> int:
        """Cancel every open order of the login, whoever placed it; how many are still open then."""
        from tasks.connections.ib.orders.changing import cancel_all

        return cancel_all(self._desk(), patience)

    def preview(self, order: Order, patience: float = 10.0) -> Any:
        """What an order would do to its account's margins, and cost: the broker is asked, nothing is placed.

        Returns its `Margins`. Raises `Refused` where the broker would, `ConnectionProblem` where it says nothing.
        """
        from tasks.connections.ib.orders.changing import preview

        return preview(self._desk(), order, patience)

    def open_orders(self, patience: float = 30.0) -> list[Any]:
        """Every open order of the login, whoever placed it, as `BookOrder`s."""
        line = self._line()
        line.book.ask_open(line.bridge, self.name, patience)
        return [order for order in line.book.orders() if not order.is_over and order.status]

    def known_orders(self, patience: float = 30.0) -> list[Any]:
        """Every order that this connection has been told of, open or over, as `BookOrder`s."""
        line = self._line()
        line.book.ask_open(line.bridge, self.name, patience)
        return [order for order in line.book.orders() if order.status]

    def completed_orders(self, patience: float = 30.0) -> list[Any]:
        """The orders that are over, as `CompletedOrder`s: today's, as far back as the gateway tells."""
        line = self._line()
        return line.book.ask_completed(line.bridge, self.name, patience)

    def executions(self, patience: float = 30.0) -> list[Any]:
        """Executions since midnight, as `Fill`s: each once, as corrected last, with its commission where it is told."""
        line = self._line()
        line.book.ask_executions(line.bridge, self.name, patience)
        return line.book.fills()

    @property
    def zone(self) -> str:
        """The gateway's time zone, as it names it."""
        return self._bridge().zone

    def watch_orders(self) -> Subscription:
        """Orders as they change, as `BookOrder`s: first those that are known."""
        from tasks.connections.ib.orders.book import ORDERS

        line, shared = self._line(), self._borrowed()
        line.book.ask_open(line.bridge, self.name, 30.0)
        # Nothing is sent for it: whenever it connects, the book asks for all itself, one list at a time.
        subscription = shared.subscribe(
            "orders", "Orders", lambda client, number: None, connection=self.name, route=ORDERS
        )
        line.book.tell_known(ORDERS, subscription.add)

        def synced() -> None:
            subscription.stale = False

        line.book.synced.append(synced)
        return subscription

    def watch_executions(self) -> Subscription:
        """Executions as they come and change, as `Fill`s: first those of the day."""
        from tasks.connections.ib.orders.book import EXECUTIONS
        from tasks.connections.ib.orders.wire import ask_executions

        line, shared = self._line(), self._borrowed()
        subscription = shared.subscribe(
            "executions", "Executions", ask_executions, connection=self.name, route=EXECUTIONS
        )
        line.book.tell_known(EXECUTIONS, subscription.add)

        def synced() -> None:
            subscription.stale = False

        line.book.synced.append(synced)
        return subscription

    def _close(self) -> None:
        super()._close()
        self.ledger.close()

    def _line(self) -> Line:
        bridge, shared = self._bridge(), self._borrowed()
        shared.book.follow(bridge)
        return Line(bridge, shared.book)

    @contextmanager
    def _line_as(self, client_id: int) -> Iterator[Line | None]:
        """As this very client id; None where another run holds it."""
        own = self._line()
        if own.bridge.client_id == client_id or self.settings.simulated:
            yield own  # a simulated gateway ended with the process that it was sent to
            return
        from tasks.connections.ib.pool import Shared

        # Not from the pool: there, a connection that asked for this id and got the next one stands for it.
        shared = Shared(replace(self._borrowed().address, client_id=client_id), self.folder)
        try:
            try:
                bridge = shared.bridge(self._timeout)
            except Problem:
                yield None
                return
            if bridge.client_id != client_id:
                yield None
                return
            shared.book.follow(bridge)
            yield Line(bridge, shared.book)
        finally:
            shared.close()

    def _addressed(self, orders: Sequence[Order]) -> list[Order]:
        """Each with the exchange that its contract is routed to."""
        lacking = [order.contract for order in orders if not order.contract.exchange and not order.legs]
        routed = self._routed(lacking)
        if problem := next((found for found in routed.values() if isinstance(found, DataProblem)), None):
            raise problem
        return [
            replace(order, contract=replace(order.contract, exchange=found.exchange))
            if not order.legs and isinstance(found := routed.get(order.contract.con_id), Contract)
            else order
            for order in orders
        ]

    def _quoted(self, orders: Sequence[Order]) -> Quoted:
        """What the desk's limits need to know of the market."""
        legs = {leg.con_id: self._leg(leg) for order in orders for leg in order.legs}
        wanted = {order.contract.con_id: order.contract for order in orders if not order.legs} | legs
        if not wanted or not self._guard.wants_quotes:
            return Quoted({}, -math.inf, legs)
        begun = time.monotonic()
        return Quoted(self.quotes(list(wanted.values())), begun, legs)

    def _leg(self, leg: Leg) -> Contract:
        """What a leg is: its order names it by its id alone."""
        if leg.con_id not in self._legs:
            details, *_ = self.contract_details(Contract(con_id=leg.con_id))
            self._legs[leg.con_id] = replace(details.contract, exchange=leg.exchange)
        return self._legs[leg.con_id]

    def _desk(self) -> Desk:
        if self._guard.policy is None:
            self._guard.allowed()
        gateway = SIMULATED if self.settings.simulated else f"{self.settings.host}:{self.settings.port}"
        return Desk(self.name, gateway, self.ledger, self._guard, self._line, self._line_as, self._quoted)
