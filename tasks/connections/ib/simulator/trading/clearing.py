"""From a fill to the books: executions, commissions, positions; corrections and busts later on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.trading.executions import Execution
from tasks.connections.ib.simulator.trading.fees import commission
from tasks.connections.ib.simulator.trading.ledger import Ledger, Trade
from tasks.connections.ib.simulator.trading.matching import Fill
from tasks.connections.ib.simulator.trading.order import Order

MOST_KEPT = 20_000
"""Executions of a day that can be asked for and corrected; the oldest are forgotten first."""


class Clearing:
    """Books fills and keeps every execution in its latest revision.

    `run` is part of every execution's id: two gateways never give the same one.
    """

    def __init__(self, ledger: Ledger, run: int) -> None:
        self.ledger = ledger
        self._run = run
        self._executions: dict[str, Execution] = {}
        self._fills = 0

    def executions(self) -> Iterator[Execution]:
        """Every execution in its latest revision, oldest first; what was busted has quantity 0."""
        return iter(list(self._executions.values()))

    def book(self, order: Order, fill: Fill, leg_prices: Sequence[float], now: int) -> list[Execution]:
        """Fill a part of an order; of a combination the first execution is of the whole, the others of its legs."""
        self._fills += 1
        order.filled += fill.quantity
        order.notional += fill.quantity * fill.price
        order.last_price = fill.price
        first = Execution(
            *(self._fills, 1, 1, self._run, order, None if order.is_combination else order.instrument),
            *(order.legs[0].exchange, now, order.is_buy, fill.quantity, fill.price),
            cumulative=order.filled,
            average=order.average,
            liquidity=fill.liquidity,
        )
        made = [self._charge(first)] if not order.is_combination else [first]
        if order.is_combination:
            for part, (leg, price) in enumerate(zip(order.legs, leg_prices, strict=True), 2):
                signed = order.sign * leg.ratio
                leg_fill = replace(
                    first,
                    part=part,
                    instrument=leg.instrument,
                    exchange=leg.exchange,
                    is_buy=signed > 0,
                    quantity=abs(signed) * fill.quantity,
                    price=price,
                    cumulative=abs(signed) * order.filled,
                    average=price,
                )
                made.append(self._charge(leg_fill))
        for execution in made:
            self._executions[execution.key] = execution
        while len(self._executions) > MOST_KEPT:
            self._forget_oldest()
        return made

    def close_day(self) -> None:
        """Forget the executions of days before: clients can't ask for them any more, nor are they corrected."""
        self._executions.clear()
        self.ledger.close_day()

    def correct(self, execution: Execution, price: float) -> Execution:
        """The fill was at another price."""
        return self._revise(execution, execution.corrected(price, execution.quantity))

    def bust(self, execution: Execution) -> Execution:
        """The fill never was: its next revision has no quantity, and it costs nothing."""
        return self._revise(execution, replace(execution.corrected(execution.price, 0.0), commission=0.0))

    def _forget_oldest(self) -> None:
        key, execution = next(iter(self._executions.items()))
        del self._executions[key]
        if execution.instrument is not None:
            self.ledger.settle(execution.order.account, execution.instrument, key)

    def _charge(self, execution: Execution) -> Execution:
        """Book an execution of a contract, with what it adds to the order's commission."""
        order, instrument = execution.order, _instrument(execution)
        total = commission(instrument, execution.cumulative, execution.cumulative * execution.average)
        before = order.charged.get(instrument.con_id, 0.0)
        order.charged[instrument.con_id] = max(total, before)
        due = round(order.charged[instrument.con_id] - before, 4)
        trade = Trade(execution.quantity * (1 if execution.is_buy else -1), execution.price, due)
        profit = self.ledger.trade(order.account, instrument, execution.key, trade)
        return replace(execution, commission=due, profit=profit)

    def _revise(self, old: Execution, new: Execution) -> Execution:
        order, instrument = old.order, _instrument(old)
        trade = Trade(new.quantity * (1 if new.is_buy else -1), new.price, new.commission)
        profit = self.ledger.amend(order.account, instrument, old.key, trade)
        if new.quantity and not order.is_combination:
            # an order stays as filled as it was: a bust takes the trade back, not what was told of the order
            order.notional += new.quantity * (new.price - old.price)
            new = replace(new, average=order.average)
        new = replace(new, profit=profit)
        self._executions[new.key] = new
        return new


def _instrument(execution: Execution) -> Instrument:
    if execution.instrument is None:
        raise ValueError(f"execution {execution.id} is of a combination as a whole: only its legs are booked")
    return execution.instrument
