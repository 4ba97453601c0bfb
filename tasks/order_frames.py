"""Frames of orders and executions out of what the broker tells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from schemas.orders import LIQUIDITY, CompletedOrders, Executions, OpenOrders, Orders, OrderStatuses
from tasks.columns import frame_of
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.fills import Fill
from tasks.connections.ib.orders.known import BookOrder
from tasks.connections.ib.orders.times import moment
from tasks.connections.ib.orders.values import Order, Placed
from tasks.connections.ib.rows.orders import CompletedOrder


def multiplier(contract: Contract) -> float:
    """What one contract's price is multiplied by to be money."""
    return float(contract.multiplier or 1) or 1.0


def known(orders: Sequence[BookOrder]) -> list[BookOrder]:
    """Those whose terms are known: a status may come before them."""
    return [order for order in orders if order.action and order.account]


def statuses_frame(orders: Sequence[BookOrder]) -> pd.DataFrame:
    """`OrderStatuses`."""
    return frame_of(OrderStatuses, _statuses(known(orders)))


def open_orders_frame(orders: Sequence[BookOrder]) -> pd.DataFrame:
    """`OpenOrders`."""
    rows = known(orders)
    terms: dict[str, Sequence[Any]] = {
        "security_type": [row.contract.security_type for row in rows],
        "currency": [row.contract.currency for row in rows],
        "multiplier": [multiplier(row.contract) for row in rows],
        "action": [row.action for row in rows],
        "quantity": [row.quantity for row in rows],
        "order_type": [row.order_type for row in rows],
        "limit_price": [row.limit_price for row in rows],
        "stop_price": [row.stop_price for row in rows],
        "time_in_force": [row.time_in_force for row in rows],
        "oca_group": [row.oca_group for row in rows],
        "parent_id": [row.parent_id for row in rows],
        "algo": [row.algo for row in rows],
    }
    return frame_of(OpenOrders, {**_statuses(rows), **terms})


def _statuses(rows: Sequence[BookOrder]) -> dict[str, Sequence[Any]]:
    return {
        "order": [row.key for row in rows],
        "order_id": [row.order_id for row in rows],
        "client_id": [row.client_id for row in rows],
        "perm_id": [row.perm_id for row in rows],
        "reference": [row.reference for row in rows],
        "account": [row.account for row in rows],
        "con_id": [_con_id(row.contract) for row in rows],
        "symbol": [row.contract.symbol for row in rows],
        "status": [row.status for row in rows],
        "filled": [row.filled for row in rows],
        "remaining": [row.remaining for row in rows],
        "average_price": [row.average_price if row.filled > 0 else math.nan for row in rows],
        "why_held": [row.why_held for row in rows],
        "reason": [row.reason for row in rows],
        "time": [row.updated_ns for row in rows],
    }


def completed_frame(rows: Sequence[CompletedOrder]) -> pd.DataFrame:
    """`CompletedOrders`, each once."""
    rows = list({row.perm_id: row for row in rows if row.perm_id}.values())
    return frame_of(
        CompletedOrders,
        {
            "perm_id": [row.perm_id for row in rows],
            "reference": [row.reference for row in rows],
            "account": [row.account for row in rows],
            "con_id": [_con_id(row.contract) for row in rows],
            "symbol": [row.contract.symbol for row in rows],
            "security_type": [row.contract.security_type for row in rows],
            "currency": [row.contract.currency for row in rows],
            "action": [row.action for row in rows],
            "quantity": [row.quantity for row in rows],
            "filled": [row.filled for row in rows],
            "order_type": [row.order_type for row in rows],
            "limit_price": [row.limit_price for row in rows],
            "stop_price": [row.stop_price for row in rows],
            "time_in_force": [row.time_in_force for row in rows],
            "status": [row.status for row in rows],
            "completed": [row.completed for row in rows],
            "reason": [row.reason for row in rows],
        },
    )


def executions_frame(fills: Sequence[Fill], zone: str) -> pd.DataFrame:
    """`Executions`, by time.

    Parameters
    ----------
    zone
        The gateway's, for times that name none.
    """
    fills = sorted(fills, key=lambda fill: (moment(fill.time, zone), fill.execution_id))
    return frame_of(
        Executions,
        {
            "execution_id": [fill.execution_id for fill in fills],
            "correction": [fill.correction for fill in fills],
            "account": [fill.account for fill in fills],
            "con_id": [_con_id(fill.contract) for fill in fills],
            "symbol": [fill.contract.symbol for fill in fills],
            "security_type": [fill.contract.security_type for fill in fills],
            "currency": [fill.contract.currency for fill in fills],
            "multiplier": [multiplier(fill.contract) for fill in fills],
            "action": [fill.action for fill in fills],
            "quantity": [fill.quantity for fill in fills],
            "price": [fill.price for fill in fills],
            "time": [moment(fill.time, zone) for fill in fills],
            "exchange": [fill.exchange for fill in fills],
            "liquidity": [LIQUIDITY[fill.liquidity] if 0 <= fill.liquidity <= 3 else "unknown" for fill in fills],
            "commission": [fill.commission for fill in fills],
            "commission_currency": [fill.commission_currency for fill in fills],
            "realized_pnl": [fill.realized_pnl for fill in fills],
            "order_id": [fill.order_id for fill in fills],
            "client_id": [fill.client_id for fill in fills],
            "perm_id": [fill.perm_id for fill in fills],
            "reference": [fill.reference for fill in fills],
        },
    )


def orders_frame(placed: Sequence[tuple[Order, str, Placed]], now: pd.Timestamp) -> pd.DataFrame:
    """`Orders`: what was asked for, in which role, and what became of it."""
    return frame_of(
        Orders,
        {
            "account": [order.account for order, _, _ in placed],
            "con_id": [order.contract.con_id for order, _, _ in placed],
            "role": [role for _, role, _ in placed],
            "symbol": [order.contract.symbol for order, _, _ in placed],
            "action": [order.action for order, _, _ in placed],
            "quantity": [order.quantity for order, _, _ in placed],
            "order_type": [order.order_type for order, _, _ in placed],
            "limit_price": [_price(order.limit_price) for order, _, _ in placed],
            "stop_price": [_price(order.stop_price) for order, _, _ in placed],
            "status": [result.status for _, _, result in placed],
            "filled": [result.filled for _, _, result in placed],
            "average_price": [result.average_price for _, _, result in placed],
            "reason": [result.reason for _, _, result in placed],
            "reference": [result.reference for _, _, result in placed],
            "order_id": [result.order_id for _, _, result in placed],
            "client_id": [result.client_id for _, _, result in placed],
            "perm_id": [result.perm_id for _, _, result in placed],
            "time": [now] * len(placed),
        },
    )


def _price(price: float | None) -> float:
    return math.nan if price is None else price


def _con_id(contract: Contract) -> int:
    """0 for a combination: the broker gives each another one."""
    return 0 if contract.security_type == "BAG" else contract.con_id
