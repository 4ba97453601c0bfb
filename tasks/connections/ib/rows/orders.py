"""What the broker tells of orders and executions, as it tells it."""

from __future__ import annotations

from typing import NamedTuple

from tasks.connections.ib.contracts import Contract


class Margins(NamedTuple):
    """What an order would do to its account, in the account's currency; NaN where the broker doesn't say."""

    initial_before: float
    initial_after: float
    maintenance_before: float
    maintenance_after: float
    equity_before: float
    equity_after: float
    commission: float
    commission_low: float
    commission_high: float
    commission_currency: str
    warning: str


class OpenOrder(NamedTuple):
    """An order as the broker holds it; NaN where a price isn't set."""

    order_id: int
    """0 for one that was entered by hand."""
    client_id: int
    perm_id: int
    """0 until the broker has given it one."""
    reference: str
    account: str
    contract: Contract
    action: str
    quantity: float
    order_type: str
    limit_price: float
    stop_price: float
    """For trailing orders: how far they follow behind."""
    time_in_force: str
    status: str
    oca_group: str
    parent_id: int
    algo: str
    is_preview: bool
    """Only asked what it would do: it is no order."""
    margins: Margins


class OrderStatus(NamedTuple):
    """How far an order has come."""

    order_id: int
    client_id: int
    perm_id: int
    status: str
    filled: float
    remaining: float
    average_price: float
    last_price: float
    parent_id: int
    why_held: str


class CompletedOrder(NamedTuple):
    """An order that is over. The broker no longer tells its order id."""

    perm_id: int
    reference: str
    account: str
    contract: Contract
    action: str
    quantity: float
    filled: float
    order_type: str
    limit_price: float
    stop_price: float
    time_in_force: str
    status: str
    completed: str
    """When, as the broker writes it."""
    reason: str


class Execution(NamedTuple):
    """A fill, or the correction of one."""

    execution_id: str
    order_id: int
    client_id: int
    perm_id: int
    reference: str
    account: str
    contract: Contract
    action: str
    quantity: float
    price: float
    time: str
    """As the broker writes it: in its own zone where it names none."""
    exchange: str
    liquidity: int
    """0 unknown, 1 added, 2 removed, 3 routed out."""
    cumulative: float
    average_price: float


class Commission(NamedTuple):
    """What a fill cost; comes on its own, later."""

    execution_id: str
    commission: float
    currency: str
    realized_pnl: float
    """NaN where it closed nothing."""
