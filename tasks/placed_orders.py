"""Orders at the broker: what would become of them, what has, and cancelling them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.orders import Cancellations, CompletedOrders, Intents, OpenOrders, OrderStatuses, Previews, References
from tasks.columns import frame_of
from tasks.connections.durations import Duration
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.orders.known import BookOrder
from tasks.connections.ib.orders.values import Order
from tasks.connections.ib.rows.orders import Margins
from tasks.connections.problems import Refused
from tasks.declare import source, task
from tasks.intents import orders_of
from tasks.order_frames import completed_frame, open_orders_frame, statuses_frame
from tasks.run import Run
from tasks.stream import Arrival, Stream

NAN = float("nan")
NOTHING = Margins(NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, "", "")


@task(reads="now")
def preview_orders(
    intents: DataFrame[Intents], run: Run, broker: Broker, patience: Duration = timedelta(seconds=10)
) -> DataFrame[Previews]:
    """What each order would do to its account's margins, and what it would cost: the broker is asked, and
    nothing is placed.

    Parameters
    ----------
    intents
        The orders; exits are asked for as if each stood alone.
    run
        The run.
    broker
        Who is asked.
    patience
        How long it has for each.

    Returns
    -------
    Previews
        A row an intent; `reason` says why the broker would refuse one.

    Raises
    ------
    ConnectionProblem
        The broker says nothing.
    """
    rows: list[tuple[Order, str, Margins, str]] = []
    for order, role in zip(orders_of(intents, run), intents["role"].astype(str), strict=True):
        try:
            margins = broker.preview(order, patience.total_seconds())
            rows.append((order, role, margins, margins.warning))
        except Refused as refusal:
            rows.append((order, role, NOTHING, refusal.reason))
    columns: dict[str, Sequence[Any]] = {
        "account": [order.account for order, *_ in rows],
        "con_id": [order.contract.con_id for order, *_ in rows],
        "role": [role for _, role, *_ in rows],
        "symbol": [order.contract.symbol for order, *_ in rows],
        "action": [order.action for order, *_ in rows],
        "quantity": [order.quantity for order, *_ in rows],
        **{
            name: [getattr(margins, name) for _, _, margins, _ in rows] for name in Margins._fields if name != "warning"
        },
        "reason": [reason for *_, reason in rows],
    }
    return cast("DataFrame[Previews]", frame_of(Previews, columns))


@task(reads="now")
def read_open_orders(broker: Broker) -> DataFrame[OpenOrders]:
    """Every open order of the login, whoever placed it, by whichever program or by hand."""
    return cast("DataFrame[OpenOrders]", open_orders_frame(broker.open_orders()))


@task(reads="now")
def read_order_statuses(broker: Broker) -> DataFrame[OrderStatuses]:
    """How far each order has come that this connection knows of: those that are open, and those that were
    while it has been there."""
    return cast("DataFrame[OrderStatuses]", statuses_frame(broker.known_orders()))


@task(reads="now")
def read_completed_orders(broker: Broker) -> DataFrame[CompletedOrders]:
    """Orders that are over, as far back as the gateway tells: usually today's."""
    return cast("DataFrame[CompletedOrders]", completed_frame(broker.completed_orders()))


@task(effect=True)
def cancel_orders(
    orders: DataFrame[References], broker: Broker, patience: Duration = timedelta(seconds=10)
) -> DataFrame[Cancellations]:
    """Cancel orders of the desk's, also where trading is halted; others' are left alone.

    Parameters
    ----------
    orders
        Their references; those without one are others' orders.
    broker
        Where they are.
    patience
        How long the broker has to answer each.

    Returns
    -------
    Cancellations
        A row an order. An order that was filled before it could be cancelled says so.

    Raises
    ------
    Refused
        A reference that the desk never sent.
    ConnectionProblem
        Another run holds the client id that an order was placed with.
    """
    references = [str(reference) for reference in dict.fromkeys(orders["reference"]) if reference]
    results = broker.cancel(references, patience.total_seconds())
    ordered = [(result, result.order) for result in results if result.order is not None]
    columns: dict[str, Sequence[Any]] = {
        "reference": [result.reference for result, _ in ordered],
        "account": [order.account for _, order in ordered],
        "con_id": [order.contract.con_id for _, order in ordered],
        "symbol": [order.contract.symbol for _, order in ordered],
        "status": [result.status for result, _ in ordered],
        "filled": [result.filled for result, _ in ordered],
        "average_price": [result.average_price for result, _ in ordered],
        "reason": [result.reason for result, _ in ordered],
    }
    return cast("DataFrame[Cancellations]", frame_of(Cancellations, columns))


@source
def watch_orders(broker: Broker, run: Run) -> Stream[DataFrame[OpenOrders]]:
    """Orders as they change: first every open one of the login, then each change of this connection's own.

    Of other programs' orders the broker tells only when it is asked: they are as they were at the start, and
    after each reconnect. An order that is over comes once more, with nothing remaining.
    """
    changes = _Changes()

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        return open_orders_frame(changes.latest(arrivals))

    return Stream({"orders": broker.watch_orders()}, read, OpenOrders, run.clock, is_whole=_at_once)


@source
def watch_order_statuses(broker: Broker, run: Run) -> Stream[DataFrame[OrderStatuses]]:
    """How far orders have come, as they change; see `watch_orders`."""
    changes = _Changes()

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        return statuses_frame(changes.latest(arrivals))

    return Stream({"orders": broker.watch_orders()}, read, OrderStatuses, run.clock, is_whole=_at_once)


class _Changes:
    """Orders with when they last changed, by the run's clock: a cooldown is held against it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[str, float], int]] = {}
        """How far each has come, and since when."""

    def latest(self, arrivals: list[Arrival]) -> list[BookOrder]:
        """Each order as it was last. What is only told again, after a reconnect, has not changed."""
        latest = {arrival.row.key: arrival for arrival in arrivals}
        for key, arrival in latest.items():
            state = (arrival.row.status, arrival.row.filled)
            if key not in self._known or self._known[key][0] != state:
                self._known[key] = (state, arrival.time)
        return [replace(arrival.row, updated_ns=self._known[key][1]) for key, arrival in latest.items()]


def _at_once() -> bool:
    """What is known is there when the subscription is."""
    return True
