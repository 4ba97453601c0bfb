"""What the broker computes of options."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame, Instant
from schemas.ticks import MARKETS


class OptionComputations(Frame):
    """Implied volatility and greeks, a row an option and the price they start from; null where not computed."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "basis")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category = pa.Field(description="The underlying's")
    basis: Category = pa.Field(
        isin=["bid", "ask", "last", "model", "custom"], description="The option's price that it starts from"
    )
    implied_volatility: np.float64 = pa.Field(nullable=True, ge=0, description="A year")
    delta: np.float64 = pa.Field(nullable=True, description="Option price per unit of the underlying's price")
    gamma: np.float64 = pa.Field(nullable=True, description="Delta per unit of the underlying's price")
    vega: np.float64 = pa.Field(nullable=True, description="Option price per 1 % of volatility")
    theta: np.float64 = pa.Field(nullable=True, description="Option price per day")
    option_price: np.float64 = pa.Field(nullable=True, description="Per unit of the underlying, without multiplier")
    dividends: np.float64 = pa.Field(nullable=True, description="Present value of those until expiry")
    underlying_price: np.float64 = pa.Field(nullable=True)
    market_data: Category = pa.Field(isin=MARKETS, description="Whose market it is")
    time: Instant = pa.Field(description="When it was told, by the run's clock")
