"""What is told of fills: executions, commissions now or later, corrections and busts where faults ask for them."""

from __future__ import annotations

from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.trading.clearing import Clearing
from tasks.connections.ib.simulator.trading.executions import Execution
from tasks.connections.ib.simulator.trading.hours import SECOND
from tasks.connections.ib.simulator.trading.notices import Notices, commission_report, execution_details
from tasks.connections.ib.simulator.trading.order import Order
from tasks.connections.ib.simulator.trading.statements import Statements


class Reports:
    """Tells clients of executions, and those who follow positions of what they have moved."""

    def __init__(self, clearing: Clearing, notices: Notices, statements: Statements, faults: Faults) -> None:
        self._clearing = clearing
        self._notices = notices
        self._statements = statements
        self._faults = faults
        self._late: list[tuple[int, Execution]] = []

    def fill(self, order: Order, executions: list[Execution], now: int) -> None:
        """Of one fill: its executions, the order's new state, the commissions, the positions."""
        self._notices.tell(order, *(execution_details(item) for item in executions))
        self._notices.announce(order)
        delay = int(self._faults.late_commission * SECOND)
        for item in executions:
            if item.instrument is None:
                continue
            if delay:
                self._late.append((now + delay, item))
            else:
                self._notices.tell(order, commission_report(item))
        for item in executions:
            self._moved(item)

    def is_late(self, execution: Execution) -> bool:
        """Whether an execution's commission is still to be reported."""
        return any(item.key == execution.key for _, item in self._late)

    def advance(self, now: int) -> None:
        """Report the commissions whose time has come, and what the faults ask for."""
        due = [item for moment, item in self._late if moment <= now]
        self._late = [(moment, item) for moment, item in self._late if moment > now]
        for item in due:
            self._notices.tell(item.order, commission_report(item))
        if self._faults.correction or self._faults.bust:
            self._revise()

    def _revise(self) -> None:
        """Correct by a tick, and bust, so many of the latest executions of contracts."""
        plain = [item for item in self._clearing.executions() if item.quantity and not item.order.is_combination]
        while self._faults.correction and plain:
            self._faults.correction -= 1
            old = plain.pop()
            tick = old.order.tick
            self._revised(self._clearing.correct(old, round(old.price + (-tick if old.is_buy else tick), 6)))
        while self._faults.bust and plain:
            self._faults.bust -= 1
            self._revised(self._clearing.bust(plain.pop()))

    def _revised(self, execution: Execution) -> None:
        self._notices.tell(execution.order, execution_details(execution))
        self._notices.tell(execution.order, commission_report(execution))
        self._moved(execution)

    def _moved(self, execution: Execution) -> None:
        if execution.instrument is not None:
            account = execution.order.account
            self._statements.moved(self._clearing.ledger.position(account, execution.instrument))
