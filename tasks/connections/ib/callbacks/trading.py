"""Orders and executions: what is told of them is an event, whether it was asked for or not."""

from __future__ import annotations

import math
from typing import Any

from tasks.connections.ib.callbacks.sink import Callbacks
from tasks.connections.ib.client import plain_contract
from tasks.connections.ib.contracts import number
from tasks.connections.ib.rows.orders import (
    Commission,
    CompletedOrder,
    Execution,
    Margins,
    OpenOrder,
    OrderStatus,
)

SIDES = {"BOT": "BUY", "SLD": "SELL", "BUY": "BUY", "SELL": "SELL", "SSHORT": "SELL"}
OPEN, COMPLETED = "open orders", "completed orders"
"""Routes of their messages."""
PERM_IDS = 1 << 62
"""Numbers from here on mean "not set"."""


class TradingCallbacks(Callbacks):
    """Orders and executions."""

    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:  # noqa: N802, N803
        self._tell(
            OPEN,
            OpenOrder(
                order_id=int(orderId),
                client_id=int(order.clientId),
                perm_id=int(order.permId),
                reference=order.orderRef or "",
                account=order.account,
                contract=plain_contract(contract),
                action=SIDES.get(order.action, order.action),
                quantity=number(order.totalQuantity),
                order_type=order.orderType,
                limit_price=_price(order.lmtPrice),
                stop_price=_price(order.auxPrice),
                time_in_force=order.tif,
                status=orderState.status,
                oca_group=order.ocaGroup or "",
                parent_id=int(order.parentId or 0),
                algo=order.algoStrategy or "",
                is_preview=bool(order.whatIf),
                margins=_margins(orderState),
            ),
        )

    def openOrderEnd(self) -> None:  # noqa: N802
        self._sink.end(OPEN)

    def orderStatus(  # noqa: N802
        self,
        orderId: int,  # noqa: N803
        status: str,
        filled: Any,
        remaining: Any,
        avgFillPrice: Any,  # noqa: N803
        permId: int,  # noqa: N803
        parentId: int,  # noqa: N803
        lastFillPrice: Any,  # noqa: N803
        clientId: int,  # noqa: N803
        whyHeld: str,  # noqa: N803
        mktCapPrice: Any = None,  # noqa: N803
    ) -> None:
        prices = number(avgFillPrice), number(lastFillPrice)
        quantities = number(filled), number(remaining)
        numbers = int(orderId), int(clientId), int(permId)
        self._tell(OPEN, OrderStatus(*numbers, status, *quantities, *prices, int(parentId), whyHeld or ""))

    def completedOrder(self, contract: Any, order: Any, orderState: Any) -> None:  # noqa: N802, N803
        perm_id = int(order.permId)
        filled = number(order.filledQuantity)
        self._tell(
            COMPLETED,
            CompletedOrder(
                perm_id=perm_id if perm_id < PERM_IDS else 0,
                reference=order.orderRef or "",
                account=order.account,
                contract=plain_contract(contract),
                action=SIDES.get(order.action, order.action),
                quantity=number(order.totalQuantity),
                filled=0.0 if math.isnan(filled) else filled,
                order_type=order.orderType,
                limit_price=_price(order.lmtPrice),
                stop_price=_price(order.auxPrice),
                time_in_force=order.tif,
                status=orderState.status,
                completed=orderState.completedTime or "",
                reason=orderState.completedStatus or "",
            ),
        )

    def completedOrdersEnd(self) -> None:  # noqa: N802
        self._sink.end(COMPLETED)

    def execDetails(self, reqId: int, contract: Any, execution: Any) -> None:  # noqa: N802, N803
        row = Execution(
            execution_id=execution.execId,
            order_id=int(execution.orderId),
            client_id=int(execution.clientId),
            perm_id=int(execution.permId),
            reference=execution.orderRef or "",
            account=execution.acctNumber,
            contract=plain_contract(contract),
            action=SIDES.get(execution.side, execution.side),
            quantity=number(execution.shares),
            price=number(execution.price),
            time=execution.time,
            exchange=execution.exchange,
            liquidity=int(execution.lastLiquidity),
            cumulative=number(execution.cumQty),
            average_price=number(execution.avgPrice),
        )
        self._sink.event(row)

    def execDetailsEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self._sink.end(reqId)

    def commissionReport(self, commissionReport: Any) -> None:  # noqa: N802, N803
        self._commission(commissionReport)

    def commissionAndFeesReport(self, commissionAndFeesReport: Any) -> None:  # noqa: N802, N803
        """The same since 10.46."""
        self._commission(commissionAndFeesReport)

    def _tell(self, route: str, row: Any) -> None:
        self._sink.event(row)
        self._sink.row(route, row)

    def _commission(self, report: Any) -> None:
        cost = report.commission if hasattr(report, "commission") else report.commissionAndFees
        self._sink.event(Commission(report.execId, number(cost), report.currency, number(report.realizedPNL)))


def _price(value: Any) -> float:
    """NaN where it isn't set: the broker sends the largest double, nothing, or for some types 0."""
    converted = math.nan if value in (None, "") else number(value)
    return math.nan if converted == 0 else converted


def _margins(state: Any) -> Margins:
    cost = "commission" if hasattr(state, "commission") else "commissionAndFees"
    capital = cost[0].upper() + cost[1:]
    return Margins(
        initial_before=_amount(state.initMarginBefore),
        initial_after=_amount(state.initMarginAfter),
        maintenance_before=_amount(state.maintMarginBefore),
        maintenance_after=_amount(state.maintMarginAfter),
        equity_before=_amount(state.equityWithLoanBefore),
        equity_after=_amount(state.equityWithLoanAfter),
        commission=_amount(getattr(state, cost)),
        commission_low=_amount(getattr(state, f"min{capital}")),
        commission_high=_amount(getattr(state, f"max{capital}")),
        commission_currency=getattr(state, f"{cost}Currency") or "",
        warning=state.warningText or "",
    )


def _amount(text: Any) -> float:
    return math.nan if text in (None, "") else number(text)
