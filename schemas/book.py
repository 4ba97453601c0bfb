"""What is held, and what it is exposed to."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame
from schemas.market import SECURITY_TYPES, Universe


class Positions(Universe):
    """The book, one row an account and contract. The same contract in two accounts is two rows."""

    __key__: ClassVar[tuple[str, ...]] = ("account", "con_id")

    account: Category
    quantity: np.float64 = pa.Field(description="Contracts held; negative when short")
    average_cost: np.float64 = pa.Field(
        nullable=True,
        description="Cost of one contract as the broker states it: for options and futures it includes the multiplier;"
        " null where it states none",
    )


class Exposures(Frame):
    """Each position marked to the market and weighted by its beta, in the book's currency."""

    __key__: ClassVar[tuple[str, ...]] = ("account", "con_id")

    account: Category
    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    security_type: Category = pa.Field(isin=SECURITY_TYPES)
    quantity: np.float64
    multiplier: np.float64 = pa.Field(gt=0)
    price: np.float64 = pa.Field(nullable=True, description="Per unit, in the contract's own currency")
    contract_currency: Category
    currency: Category = pa.Field(description="The book's currency; value, pnl and beta_exposure are in it")
    rate: np.float64 = pa.Field(gt=0, description="Book currency per unit of the contract's; 1 where they are the same")
    value: np.float64 = pa.Field(nullable=True, description="quantity × price × multiplier × rate")
    pnl: np.float64 = pa.Field(nullable=True, description="value − quantity × average cost × rate")
    benchmark_id: np.int64 = pa.Field(gt=0, metadata={"refers_to": "con_id"})
    beta: np.float64 = pa.Field(nullable=True)
    r_squared: np.float64 = pa.Field(nullable=True, ge=0, le=1)
    beta_exposure: np.float64 = pa.Field(nullable=True, description="beta × value")
    covered: bool = pa.Field(description="Whether it has both a price and a beta")
    reason: object = pa.Field(description="Why it is not covered; empty where it is")
