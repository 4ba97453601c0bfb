"""What the gateway tells of orders and executions, and whom.

An order's events go to the client that sent it and to client 0, which sees everybody's (it is the
simulated gateway's Master client). Other clients see them only where they ask for all open orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from tasks.connections.ib.simulator.trading.executions import Execution
from tasks.connections.ib.simulator.trading.forms import COMPLETED_ORDER, OPEN_ORDER
from tasks.connections.ib.simulator.trading.grammar import Values, write
from tasks.connections.ib.simulator.trading.order import MANUAL, Order
from tasks.connections.ib.simulator.wire import UNSET

if TYPE_CHECKING:
    from tasks.connections.ib.simulator.gateway import SimulatedGateway
    from tasks.connections.ib.simulator.session import Session

MASTER = 0
COMBINATION_ID = 28812380
ZONE = "America/New_York"
SHOWN_ZONE = "US/Eastern"
UNASKED = -1
"""Request number of an execution that nobody asked for."""

CONTRACT_NAMES = (
    *("conId", "symbol", "secType", "lastTradeDateOrContractMonth", "strike", "right", "multiplier"),
    *("exchange", "currency", "localSymbol", "tradingClass"),
)

Message = Callable[["Session"], None]


class Notices:
    """Sends messages about orders to the clients that may see them."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway

    def audience(self, order: Order) -> list[Session]:
        """The clients that see an order's events."""
        return [client for client in self._gateway.clients if client.client_id in (order.client_id, MASTER)]

    def tell(self, order: Order, *messages: Message) -> None:
        """Send messages that belong together, as often and in the order that the faults will have it."""
        faults = self._gateway.faults
        for client in self.audience(order):
            for message in reversed(messages) if faults.reordered_callbacks else messages:
                for _ in range(2 if faults.duplicate_callbacks else 1):
                    message(client)

    def refuse(self, order: Order, code: int, text: str) -> None:
        """An error that belongs to an order."""
        self.tell(order, lambda client: client.error(order_number(order, client), code, text))

    def announce(self, order: Order) -> None:
        """Tell an order's state, where it isn't what was told last."""
        state = (order.status, order.filled, order.why_held)
        if order.announced != state:
            self.repeat(order)

    def repeat(self, order: Order) -> None:
        """Tell an order's state."""
        order.announced = (order.status, order.filled, order.why_held)
        if order.kind == "MKT" and self._gateway.faults.skipped_market_status:
            return
        if order.status in ("Cancelled", "ApiCancelled"):
            self.tell(order, order_status(order))
        else:
            self.tell(order, open_order(order), order_status(order))


def order_number(order: Order, client: Session) -> int:
    """An order's number as a client knows it: an order entered by hand has none but for client 0, once bound."""
    if order.client_id == MANUAL:
        return order.order_id if order.is_bound and client.client_id == MASTER else 0
    return order.order_id


def contract_fields(order: Order) -> Values:
    """The contract of an order, complete."""
    exchange = order.values["exchange"] or "SMART"
    if order.is_combination:
        symbol = order.values["symbol"]
        return {
            "conId": COMBINATION_ID,
            "symbol": symbol,
            "secType": "BAG",
            "lastTradeDateOrContractMonth": "",
            "strike": 0.0,
            "right": "",
            "multiplier": "",
            "exchange": exchange,
            "currency": order.values["currency"],
            "localSymbol": symbol,
            "tradingClass": "COMB",
        }
    return dict(zip(CONTRACT_NAMES, order.instrument.fields(exchange), strict=True))


def order_values(order: Order) -> Values:
    """What an order's messages say of it."""
    return {
        **order.values,
        **contract_fields(order),
        "orderId": order.order_id,
        "clientId": max(order.client_id, 0),
        "permId": order.perm_id,
        "account": order.account,
        "totalQuantity": order.quantity,
        "tif": order.tif,
        "trailStopPrice": order.stop if order.stop is not None else order.values["trailStopPrice"],
        "status": order.status,
        "filledQuantity": order.filled,
        "parentPermId": order.parent.perm_id if order.parent else 0,
        "comboLegsDescrip": ",".join(f"{leg.instrument.con_id}|{leg.ratio}" for leg in order.legs)
        if order.is_combination
        else "",
    }


def open_order(order: Order, margins: Values | None = None) -> Message:
    """5: the order and its state; with what a trade would do to the margins, where that was asked."""

    def message(client: Session) -> None:
        values = order_values(order) | (margins or {}) | {"orderId": order_number(order, client)}
        client.send(5, *write(OPEN_ORDER, values, client.version))

    return message


def order_status(order: Order) -> Message:
    """3: how far it has come."""

    def message(client: Session) -> None:
        client.send(
            *(3, order_number(order, client), order.status, order.filled, order.remaining, round(order.average, 8)),
            *(order.perm_id, order.values["parentId"], order.last_price, max(order.client_id, 0), order.why_held, 0),
        )

    return message


def order_bound(order: Order) -> Message:
    """100: the number by which client 0 knows an order entered by hand."""
    return lambda client: client.send(100, order.perm_id, MASTER, order.order_id)


def completed_order(order: Order) -> Message:
    """101: an order that is done."""

    def message(client: Session) -> None:
        done = pd.Timestamp(order.done_at or order.placed, unit="ns", tz=ZONE).strftime("%Y%m%d %H:%M:%S")
        values = order_values(order) | {
            "completedTime": f"{done} {SHOWN_ZONE}",
            "completedStatus": order.completed_status,
        }
        client.send(101, *write(COMPLETED_ORDER, values, client.version))

    return message


def execution_details(execution: Execution, request: int = UNASKED) -> Message:
    """11: a fill."""
    order = execution.order

    def message(client: Session) -> None:
        when = pd.Timestamp(execution.time, unit="ns", tz=ZONE)
        time = when.strftime("%Y%m%d  %H:%M:%S" if client.version < 174 else f"%Y%m%d %H:%M:%S {SHOWN_ZONE}")
        contract = (
            list(contract_fields(order).values())
            if execution.instrument is None
            else execution.instrument.fields(execution.exchange)
        )
        client.send(
            *(11, request, order_number(order, client), *contract, execution.id, time, order.account),
            *(execution.exchange, "BOT" if execution.is_buy else "SLD", execution.quantity, execution.price),
            *(order.perm_id, max(order.client_id, 0), 0, execution.cumulative, round(execution.average, 8)),
            *(order.values["orderRef"], "", "", order.values["modelCode"], execution.liquidity),
            *([False] if client.version >= 178 else []),
        )

    return message


def commission_report(execution: Execution) -> Message:
    """59: what a fill has cost, and the profit it has realised where it closed something."""
    profit = UNSET if execution.profit is None else round(execution.profit, 4)
    return lambda client: client.send(59, 1, execution.id, execution.commission, "USD", profit, UNSET, "")
