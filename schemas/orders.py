"""What the desk means to trade, and what became of it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame, Instant

ACTIONS = ["BUY", "SELL"]
ORDER_TYPES = ["MKT", "LMT", "STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MOC", "LOC"]
TIMES_IN_FORCE = ["DAY", "GTC", "IOC", "FOK", "OPG", "GTD"]
ROLES = ["entry", "take_profit", "stop_loss"]
STATUSES = [
    *("planned", "refused", "waiting", "rejected", "expired"),
    *("sent", "working", "partially_filled", "filled", "cancelled"),
]
LIQUIDITY = ["unknown", "added", "removed", "routed"]


class Intents(Frame):
    """Orders the desk would place, each within its limits or refused with the reason."""

    __key__: ClassVar[tuple[str, ...]] = ("account", "con_id", "role")

    account: Category
    con_id: np.int64 = pa.Field(gt=0)
    role: Category = pa.Field(
        isin=ROLES, description="entry; or one of the exits that go with it, of which the one cancels the other"
    )
    symbol: Category
    security_type: Category
    currency: Category
    multiplier: np.float64 = pa.Field(gt=0)
    action: Category = pa.Field(isin=ACTIONS)
    quantity: np.float64 = pa.Field(gt=0)
    order_type: Category = pa.Field(isin=ORDER_TYPES)
    limit_price: np.float64 = pa.Field(nullable=True, gt=0)
    stop_price: np.float64 = pa.Field(nullable=True, gt=0)
    time_in_force: Category = pa.Field(isin=TIMES_IN_FORCE)
    algo: object = pa.Field(description="The broker's algorithm and its parameters: `Adaptive adaptivePriority=Normal`")
    reference_price: np.float64 = pa.Field(gt=0, description="The price it was sized at")
    notional: np.float64 = pa.Field(ge=0, description="quantity × reference price × multiplier")
    allowed: bool = pa.Field(description="Whether the desk's limits let it pass")
    reason: object = pa.Field(description="Which limit refuses it; empty where allowed")


class Orders(Frame):
    """Intents and what became of each.

    planned: nothing was sent.  refused: the desk's limits forbid it.  rejected: the broker, or who was to approve
    it, said no.  expired: nobody approved it in time; it is never sent.  sent: the broker has it.  working,
    partially_filled, filled, cancelled: how far it has come there.
    """

    __key__: ClassVar[tuple[str, ...]] = ("account", "con_id", "role")

    account: Category
    con_id: np.int64 = pa.Field(gt=0)
    role: Category = pa.Field(isin=ROLES)
    symbol: Category
    action: Category = pa.Field(isin=ACTIONS)
    quantity: np.float64 = pa.Field(gt=0)
    order_type: Category = pa.Field(isin=ORDER_TYPES)
    limit_price: np.float64 = pa.Field(nullable=True)
    stop_price: np.float64 = pa.Field(nullable=True)
    status: Category = pa.Field(isin=STATUSES)
    filled: np.float64 = pa.Field(ge=0, description="How much of it was filled when this was told")
    average_price: np.float64 = pa.Field(nullable=True, description="Of what was filled")
    reason: object = pa.Field(description="Why it was refused, rejected or cancelled; empty otherwise")
    reference: object = pa.Field(description="Idempotency key; the broker's `orderRef`")
    order_id: np.int64 = pa.Field(ge=0, description="0 where nothing was sent")
    client_id: np.int64 = pa.Field(ge=0, description="Whose order id it is")
    perm_id: np.int64 = pa.Field(ge=0, description="The broker's own number; 0 until it tells one")
    time: Instant = pa.Field(description="When this was told, by the run's clock")


class OrderStatuses(Frame):
    """How far each order has come, as the broker last told it."""

    __key__: ClassVar[tuple[str, ...]] = ("order",)

    order: object = pa.Field(description="The same as long as it lives: `17:42` for order 42 of client 17")
    order_id: np.int64 = pa.Field(description="0 for one entered by hand")
    client_id: np.int64
    perm_id: np.int64 = pa.Field(description="The broker's own number; 0 until it tells one")
    reference: object = pa.Field(description="Who placed it, in the desk's words; empty for others' orders")
    account: Category
    con_id: np.int64 = pa.Field(ge=0, description="0 for a combination")
    symbol: Category
    status: Category = pa.Field(description="In the broker's words; Gone: it was open and is listed nowhere any more")
    filled: np.float64 = pa.Field(ge=0)
    remaining: np.float64 = pa.Field(nullable=True, description="0 when it is over")
    average_price: np.float64 = pa.Field(nullable=True)
    why_held: object
    reason: object = pa.Field(description="What the broker last said of it")
    time: Instant = pa.Field(description="When it last changed, by the wall's clock")


class OpenOrders(OrderStatuses):
    """Orders at the broker, whoever placed them, with their terms. In a stream, those that are over too."""

    security_type: Category
    currency: Category
    multiplier: np.float64 = pa.Field(gt=0)
    action: Category = pa.Field(isin=ACTIONS)
    quantity: np.float64 = pa.Field(gt=0)
    order_type: Category
    limit_price: np.float64 = pa.Field(nullable=True)
    stop_price: np.float64 = pa.Field(nullable=True, description="Of a trailing order: how far it follows behind")
    time_in_force: Category
    oca_group: object
    parent_id: np.int64
    algo: object


class CompletedOrders(Frame):
    """Orders that are over. The broker no longer tells their order ids."""

    __key__: ClassVar[tuple[str, ...]] = ("perm_id",)

    perm_id: np.int64 = pa.Field(gt=0)
    reference: object
    account: Category
    con_id: np.int64 = pa.Field(ge=0)
    symbol: Category
    security_type: Category
    currency: Category
    action: Category = pa.Field(isin=ACTIONS)
    quantity: np.float64 = pa.Field(ge=0)
    filled: np.float64 = pa.Field(ge=0)
    order_type: Category
    limit_price: np.float64 = pa.Field(nullable=True)
    stop_price: np.float64 = pa.Field(nullable=True)
    time_in_force: Category
    status: Category
    completed: object = pa.Field(description="When, as the broker writes it")
    reason: object


class Executions(Frame):
    """Fills, each once, as corrected last, with what it cost."""

    __key__: ClassVar[tuple[str, ...]] = ("execution_id",)

    execution_id: object = pa.Field(description="Without its last part, which counts corrections")
    correction: np.int64 = pa.Field(ge=0, description="That last part: 1 for one that was never corrected")
    account: Category
    con_id: np.int64 = pa.Field(ge=0)
    symbol: Category
    security_type: Category
    currency: Category
    multiplier: np.float64 = pa.Field(gt=0)
    action: Category = pa.Field(isin=ACTIONS)
    quantity: np.float64 = pa.Field(ge=0, description="0 for one that was busted")
    price: np.float64
    time: Instant
    exchange: Category = pa.Field(description="Where it was filled")
    liquidity: Category = pa.Field(isin=LIQUIDITY)
    commission: np.float64 = pa.Field(nullable=True, description="Null until the broker tells it; negative: a rebate")
    commission_currency: Category
    realized_pnl: np.float64 = pa.Field(nullable=True, description="Null where it closed nothing")
    order_id: np.int64
    client_id: np.int64
    perm_id: np.int64
    reference: object = pa.Field(description="Of the order it belongs to; empty for others' orders")


class Previews(Frame):
    """What orders would do to their accounts, one row an order; amounts in the account's currency, null where the
    broker doesn't say."""

    __key__: ClassVar[tuple[str, ...]] = ("account", "con_id", "role")

    account: Category
    con_id: np.int64 = pa.Field(gt=0)
    role: Category = pa.Field(isin=ROLES)
    symbol: Category
    action: Category = pa.Field(isin=ACTIONS)
    quantity: np.float64 = pa.Field(gt=0)
    initial_before: np.float64 = pa.Field(nullable=True, description="Initial margin of the account")
    initial_after: np.float64 = pa.Field(nullable=True)
    maintenance_before: np.float64 = pa.Field(nullable=True, description="Maintenance margin of the account")
    maintenance_after: np.float64 = pa.Field(nullable=True)
    equity_before: np.float64 = pa.Field(nullable=True, description="Equity with loan value of the account")
    equity_after: np.float64 = pa.Field(nullable=True)
    commission: np.float64 = pa.Field(nullable=True)
    commission_low: np.float64 = pa.Field(nullable=True)
    commission_high: np.float64 = pa.Field(nullable=True)
    commission_currency: Category
    reason: object = pa.Field(description="Why the broker would refuse it, or warns of it; empty otherwise")


class References(Frame):
    """Orders by their references: of `Orders`, `OpenOrders` and whatever else has that column."""

    reference: object


class Cancellations(Frame):
    """What became of orders that were asked to be cancelled: some are filled before."""

    __key__: ClassVar[tuple[str, ...]] = ("reference",)

    reference: object
    account: Category
    con_id: np.int64 = pa.Field(ge=0)
    symbol: Category
    status: Category = pa.Field(isin=STATUSES)
    filled: np.float64 = pa.Field(ge=0)
    average_price: np.float64 = pa.Field(nullable=True)
    reason: object
