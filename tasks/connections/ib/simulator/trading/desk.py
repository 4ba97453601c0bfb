"""The trading side of the simulated gateway: takes orders, and moves them along as time goes by."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pandas as pd

from tasks.connections.ib.simulator.trading import groups
from tasks.connections.ib.simulator.trading.admission import rejected
from tasks.connections.ib.simulator.trading.clearing import Clearing
from tasks.connections.ib.simulator.trading.course import LOCATE, Course
from tasks.connections.ib.simulator.trading.day import Day
from tasks.connections.ib.simulator.trading.followers import Followers
from tasks.connections.ib.simulator.trading.funds import Funds
from tasks.connections.ib.simulator.trading.grammar import Values
from tasks.connections.ib.simulator.trading.hours import SECOND, Hours
from tasks.connections.ib.simulator.trading.ledger import Ledger
from tasks.connections.ib.simulator.trading.notices import (
    ZONE,
    Message,
    Notices,
    open_order,
    order_bound,
)
from tasks.connections.ib.simulator.trading.order import AT_CLOSE, MANUAL, Leg, Order, Status
from tasks.connections.ib.simulator.trading.registry import Registry
from tasks.connections.ib.simulator.trading.reports import Reports
from tasks.connections.ib.simulator.trading.statements import Statements
from tasks.connections.ib.simulator.trading.times import parse_time

if TYPE_CHECKING:
    from tasks.connections.ib.simulator.gateway import SimulatedGateway

CASH = 1_000_000.0
DEFAULT_ACCOUNT = "DU1234567"
EXPIRED = "Order expired"
HELD = "Order held while securities are located."


class Trading:
    """Orders, executions, positions and money of one gateway; everything in the gateway's loop.

    Parameters
    ----------
    gateway
        Whose market, clock, clients and faults they are.
    cash
        What each account starts with, US dollars.
    run
        Part of the ids of executions and orders, so that two gateways never give the same ones; by
        default from the time on the wall.
    """

    def __init__(self, gateway: SimulatedGateway, cash: float = CASH, run: int | None = None) -> None:
        number = (time.time_ns() // SECOND if run is None else run) & 0xFFFFFFFF
        self._gateway = gateway
        self.hours = Hours(gateway.market)
        self.ledger = Ledger(gateway.book, gateway.accounts or [DEFAULT_ACCOUNT], cash)
        self.clearing = Clearing(self.ledger, number)
        self.notices = Notices(gateway)
        self.registry = Registry(number)
        self.course = Course(gateway.market, self.hours, self.clearing, gateway.faults)
        self.funds = Funds(gateway.market, self.ledger)
        self.is_binding = False
        """Whether orders entered by hand are client 0's from the start."""
        self._now = gateway.clock.nanoseconds()
        self.day = Day(gateway.market, self.ledger, self._now)
        self.followers = Followers()
        self.statements = Statements(self.ledger, self.funds, self.day, self.followers)
        self.reports = Reports(self.clearing, self.notices, self.statements, gateway.faults)

    def accept(self, values: Values, legs: tuple[Leg, ...], client_id: int, account: str, now: int) -> Order:
        """Take a new order that nothing speaks against, and let it meet the market."""
        order = Order(
            *(values, legs, client_id, values["orderId"], self.registry.next_perm_id(), account, now),
            quantity=values["totalQuantity"],
        )
        self._set_times(order, now)
        self.registry.add(order)
        groups.adopt(order, self.registry.find(client_id, values["parentId"]) if values["parentId"] else None)
        self._warn_if_shut(order, now)
        order.status = "PendingSubmit" if not order.is_transmitted else "PreSubmitted"
        self.notices.announce(order)
        if order.is_transmitted:
            for member in groups.released_by(order):
                self.look(member, now)
        return order

    def shortfall(self, values: Values, legs: tuple[Leg, ...], account: str, now: int, old: Order | None) -> str:
        """Why an account can't afford an order; empty where it can."""
        working = [
            order
            for order in self.registry.live()
            if order.account == account and order is not old and not order.values["ocaGroup"] and order.parent is None
        ]
        before, after = self.funds.after(account, values, legs, working, now)
        if after.initial <= after.equity_with_loan or after.initial <= before.initial:
            return ""
        return (
            "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH LOAN VALUE "
            f"[{after.equity_with_loan:.2f} USD] MUST EXCEED THE INITIAL MARGIN [{after.initial:.2f} USD]"
        )

    def reject(
        self, values: Values, legs: tuple[Leg, ...], client_id: int, account: str, now: int, reason: str
    ) -> None:
        """Keep an order that nobody can pay for as inactive: its number is used, and its clients are told why."""
        order = Order(values, legs, client_id, values["orderId"], self.registry.next_perm_id(), account, now, 0.0)
        order.quantity = values["totalQuantity"]
        order.status, order.done_at, order.completed_status = "Inactive", now, reason
        self.registry.add(order)
        self.notices.refuse(order, *rejected(reason))
        self.notices.repeat(order)

    def what_if(self, values: Values, legs: tuple[Leg, ...], client_id: int, account: str, now: int) -> Message:
        """What an order would do to the margins; it is no order, and leaves nothing behind."""
        order = Order(values, legs, client_id, values["orderId"], 0, account, now, values["totalQuantity"])
        order.status = "PreSubmitted"
        before, (_, after) = self.funds.of(account, now), self.funds.after(account, values, legs, (), now)
        cost = self.funds.cost(values, legs)
        figures: Values = {
            "commission": cost,
            "minCommission": cost,
            "maxCommission": cost,
            "commissionCurrency": "USD",
        }
        for name, old, new in (
            ("initMargin", before.initial, after.initial),
            ("maintMargin", before.maintenance, after.maintenance),
            ("equityWithLoan", before.equity_with_loan, after.equity_with_loan),
        ):
            figures |= {f"{name}Before": round(old, 2), f"{name}After": round(new, 2)}
            figures[f"{name}Change"] = round(round(new, 2) - round(old, 2), 2)
        if self.shortfall(values, legs, account, now, None):
            figures["warningText"] = "The order would be rejected: the initial margin exceeds the equity with loan."
        return open_order(order, figures)

    def modify(self, order: Order, values: Values, now: int) -> None:
        """Change an order's quantity, prices or times; what has been filled stays filled."""
        kept = {name: order.values[name] for name in ("ocaGroup", "ocaType", "parentId")}
        order.values = {**values, **kept, "transmit": values["transmit"] or order.is_transmitted}
        order.quantity = max(values["totalQuantity"], order.filled)
        order.has_swept, order.limit = False, None
        self._set_times(order, order.placed)
        order.announced = None
        if order.filled and not order.remaining:
            self.course.complete(order, now)
        if order.is_transmitted:
            for member in groups.released_by(order):
                self.look(member, now)
        self.notices.announce(order)

    def enter_by_hand(self, values: Values, legs: tuple[Leg, ...], account: str) -> Order:
        """An order entered in the broker's own program; clients see it without a number until client 0 is bound."""
        number = -1 - sum(1 for order in self.registry.all() if order.client_id == MANUAL)
        order = self.accept(values | {"orderId": number}, legs, MANUAL, account, self._now)
        if self.is_binding:
            self.bind_manual()
        return order

    def bind_manual(self) -> None:
        """Bind client 0 to the live orders entered by hand: it is told the number of each, below zero (100)."""
        for order in self.registry.live():
            if order.client_id == MANUAL and not order.is_bound:
                order.is_bound = True
                self.notices.tell(order, order_bound(order))
                self.notices.repeat(order)

    def cancel(self, order: Order, reason: str = "") -> None:
        """Cancel a live order; its clients get the status and 202."""
        self.end(order, "Cancelled" if order.is_transmitted else "ApiCancelled", reason)

    def end(self, order: Order, status: Status, reason: str) -> None:
        """An order is over before it is filled; so are the children that waited for it."""
        if not order.is_live:
            return
        order.status, order.why_held, order.done_at = status, "", self._now
        order.completed_status = reason or "Cancelled by Trader"
        self.notices.announce(order)
        if status != "Inactive":
            self.notices.refuse(order, 202, f"Order Canceled - reason:{reason}")
        for child in groups.orphans(order):
            if order.filled:
                child.quantity = min(child.quantity, order.filled)
                child.parent = None
                self.look(child, self._now)
            else:
                self.end(child, "Cancelled", "Parent order cancelled")

    def advance(self, now: int) -> None:
        """Bring all orders up to a moment. Going back in time only sets the clock."""
        if now > self._now:
            live = self.registry.live()
            for moment in self.hours.steps(self._now, now) if live else ():
                self._now = moment
                self._turn(moment)
                for order in self.registry.live():
                    self.look(order, moment)
        self._now = now
        self._turn(now)
        self.reports.advance(now)
        self.statements.refresh(now)
        self.registry.forget()

    def _turn(self, now: int) -> None:
        if self.day.turn(now):
            self.clearing.close_day()

    def look(self, order: Order, now: int) -> None:
        """Let an order meet the market of a moment, tell what has come of it, and end it where its time is up."""
        if not order.is_live:
            return
        before = order.filled
        for fill in self.course.decide(order, now):
            self.reports.fill(order, self.course.book(order, fill, now), now)
        is_over = order.expires is not None and now >= order.expires
        is_spent = order.has_swept and order.tif in ("IOC", "FOK")
        ends = order.is_live and order.is_transmitted and (is_over or is_spent)
        if order.filled > before:
            self._settle_groups(order, order.filled - before, now)
        elif not ends:
            if order.why_held == LOCATE and order.announced and order.announced[2] != LOCATE:
                self.notices.refuse(order, 404, HELD)
            self.notices.announce(order)
        if ends:
            self.end(order, "Cancelled", EXPIRED if is_over else f"{order.tif} order")

    def _settle_groups(self, order: Order, filled: float, now: int) -> None:
        for other, quantity in groups.reduced_by(order, filled, self.registry.group(order)):
            if quantity <= other.filled:
                self.end(other, "Cancelled", "OCA group")
            else:
                other.quantity, other.announced = quantity, None
                self.notices.announce(other)
        if order.status == "Filled":
            for child in order.children:
                self.look(child, now)

    def _set_times(self, order: Order, now: int) -> None:
        values = order.values
        close = self.hours.close(now)
        if order.tif == "OPG":
            order.due = self.hours.next_open(now)
            order.expires = order.due
        elif order.kind in AT_CLOSE:
            order.due = order.expires = close
        elif order.tif == "GTD":
            order.expires = parse_time(values["goodTillDate"], end_of_day=True)
        else:
            order.expires = close if order.tif == "DAY" else None
        order.wakes = parse_time(values["goodAfterTime"]) if values["goodAfterTime"] else 0

    def _warn_if_shut(self, order: Order, now: int) -> None:
        if self.hours.is_open(now) or not order.is_transmitted:
            return
        opens = pd.Timestamp(self.hours.next_open(now), unit="ns", tz=ZONE).strftime("%Y-%m-%d %H:%M:%S US/Eastern")
        what = f"{order.values['action']} {order.quantity:g} {order.values['symbol']}"
        text = f"Order Message:\n{what}\nWarning: your order will not be placed at the exchange until {opens}"
        self.notices.refuse(order, 399, text)
