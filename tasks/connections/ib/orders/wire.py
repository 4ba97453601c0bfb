"""An order as the broker's client wants it.

Imports `ibapi`: import this module only when a connection is open.
"""

from __future__ import annotations

import inspect
from datetime import UTC
from decimal import Decimal
from typing import Any

from ibapi.contract import ComboLeg
from ibapi.execution import ExecutionFilter
from ibapi.order import Order as WireOrder
from ibapi.tag_value import TagValue

from tasks.connections.ib.client import wire_contract
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.values import Leg, Order


def send_order(client: Any, order_id: int, order: Order, *, parent_id: int = 0, is_preview: bool = False) -> None:
    """Send it, or only ask what it would do."""
    client.placeOrder(order_id, order_contract(order), wire_order(order, parent_id, is_preview))


def send_cancel(client: Any, order_id: int) -> None:
    """Ask to cancel it, in whichever of the three ways this client takes."""
    parameters = list(inspect.signature(client.cancelOrder).parameters)
    if len(parameters) == 1:
        client.cancelOrder(order_id)
    elif parameters[1] == "manualCancelOrderTime":
        client.cancelOrder(order_id, "")
    else:
        client.cancelOrder(order_id, _order_cancel())


def ask_executions(client: Any, number: int) -> None:
    """Ask for today's executions, of every client where the gateway tells."""
    client.reqExecutions(number, ExecutionFilter())


def send_cancel_all(client: Any) -> None:
    """Ask to cancel every open order of the login."""
    if inspect.signature(client.reqGlobalCancel).parameters:
        client.reqGlobalCancel(_order_cancel())
    else:
        client.reqGlobalCancel()


def _order_cancel() -> Any:
    from importlib import import_module

    return import_module("ibapi.order_cancel").OrderCancel()


def wire_order(order: Order, parent_id: int, is_preview: bool) -> Any:
    """The order as the client's encoder wants it."""
    made = WireOrder()
    made.account = order.account
    made.action = order.action
    made.totalQuantity = _quantity(order.quantity)
    made.orderType = order.order_type
    made.orderRef = order.reference
    made.tif = order.time_in_force
    made.transmit = order.transmit
    made.outsideRth = order.outside_hours
    made.parentId = parent_id
    made.whatIf = is_preview
    if order.limit_price is not None:
        made.lmtPrice = order.limit_price
    if order.order_type in ("TRAIL", "TRAIL LIMIT"):
        if order.trail is not None:
            made.auxPrice = order.trail
        if order.trail_percent is not None:
            made.trailingPercent = order.trail_percent
        if order.stop_price is not None:
            made.trailStopPrice = order.stop_price
        if order.limit_offset is not None:
            made.lmtPriceOffset = order.limit_offset
    elif order.stop_price is not None:
        made.auxPrice = order.stop_price
    if order.good_till is not None:
        made.goodTillDate = f"{order.good_till.astimezone(UTC):%Y%m%d-%H:%M:%S}"
    if order.oca_group:
        made.ocaGroup, made.ocaType = order.oca_group, order.oca_type or 1
    if order.algo:
        made.algoStrategy = order.algo
        made.algoParams = [TagValue(name, value) for name, value in order.algo_parameters]
    # 9.81 sets both, and a modern gateway refuses the order for it (10268).
    for name in ("eTradeOnly", "firmQuoteOnly"):
        if hasattr(made, name):
            setattr(made, name, False)
    return made


def order_contract(order: Order) -> Any:
    """The contract, with its legs where it is a combination."""
    contract = order.contract
    exchange = contract.exchange or "SMART"
    named = Contract(
        contract.con_id, contract.symbol, contract.security_type, contract.currency, exchange, contract.multiplier
    )
    made = wire_contract(named)
    if order.legs:
        made.comboLegs = [_wire_leg(leg) for leg in order.legs]
    return made


def _wire_leg(leg: Leg) -> Any:
    made = ComboLeg()
    made.conId, made.ratio, made.action, made.exchange = leg.con_id, leg.ratio, leg.action, leg.exchange
    return made


def _quantity(quantity: float) -> Any:
    """As this client counts: a Decimal, or a plain number, whole where it is whole."""
    if hasattr(WireOrder().totalQuantity, "as_tuple"):
        return Decimal(f"{quantity:.12g}")
    return int(quantity) if quantity == int(quantity) else quantity
