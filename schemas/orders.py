"""What the desk means to trade, and what became of it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame

ACTIONS = ["BUY", "SELL"]
ORDER_TYPES = ["MKT", "LMT"]


class Intents(Frame):
    """Orders the desk would place, each within its limits or refused with the reason."""

    __key__: ClassVar[tuple[str, ...]] = ("account", "con_id")

    account: Category
    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    security_type: Category
    currency: Category
    multiplier: np.float64 = pa.Field(gt=0)
    action: Category = pa.Field(isin=ACTIONS)
    quantity: np.float64 = pa.Field(gt=0)
    order_type: Category = pa.Field(isin=ORDER_TYPES)
    limit_price: np.float64 = pa.Field(nullable=True, gt=0)
    reference_price: np.float64 = pa.Field(gt=0, description="The price it was sized at")
    notional: np.float64 = pa.Field(ge=0, description="quantity × reference price × multiplier")
    allowed: bool = pa.Field(description="Whether the desk's limits let it pass")
    reason: object = pa.Field(description="Which limit refuses it; empty where allowed")


class Orders(Frame):
    """Intents and what became of each."""

    __key__: ClassVar[tuple[str, ...]] = ("account", "con_id")

    account: Category
    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    action: Category = pa.Field(isin=ACTIONS)
    quantity: np.float64 = pa.Field(gt=0)
    order_type: Category = pa.Field(isin=ORDER_TYPES)
    limit_price: np.float64 = pa.Field(nullable=True)
    status: Category = pa.Field(isin=["planned", "refused"])
    reason: object
    reference: object = pa.Field(description="Idempotency key; what `orderRef` would carry")
