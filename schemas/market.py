"""Contracts and their prices."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame, Instant, Session

SECURITY_TYPES = ["STK", "OPT", "FUT", "FOP", "CASH", "IND", "CFD", "BOND", "FUND", "CMDTY", "WAR", "CRYPTO", "BAG"]


class Universe(Frame):
    """Contracts to work on. Any frame with these columns is one: positions are."""

    con_id: np.int64 = pa.Field(gt=0, description="The broker's contract id; what frames join on")
    symbol: Category
    security_type: Category = pa.Field(isin=SECURITY_TYPES)
    currency: Category
    exchange: Category = pa.Field(description="Listing exchange; empty lets the broker route by SMART")
    multiplier: np.float64 = pa.Field(gt=0, description="Units of the underlying in one contract; 1 for stocks")


class Contracts(Universe):
    """Contract details, one row a contract."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id",)

    name: object = pa.Field(description="The issuer's or the product's long name")
    minimum_tick: np.float64 = pa.Field(gt=0)
    time_zone: Category


class Prices(Frame):
    """Daily closes adjusted for splits and dividends, one row a contract and session, in calendar order."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "session")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    session: Session
    close: np.float64 = pa.Field(gt=0)


class Returns(Frame):
    """Daily returns, one row a contract and session, in calendar order."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "session")

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    session: Session
    return_: np.float64 = pa.Field(
        alias="return",
        nullable=True,
        description="Null where the session before has no price: a gap is not bridged",
    )


class Quotes(Frame):
    """The market in each contract now, one row a contract."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id",)

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    security_type: Category = pa.Field(isin=SECURITY_TYPES)
    currency: Category
    multiplier: np.float64 = pa.Field(gt=0)
    bid: np.float64 = pa.Field(nullable=True)
    ask: np.float64 = pa.Field(nullable=True)
    last: np.float64 = pa.Field(nullable=True)
    close: np.float64 = pa.Field(nullable=True, description="The previous session's close")
    price: np.float64 = pa.Field(nullable=True, description="The price to mark at, per unit; null where there is none")
    price_kind: Category = pa.Field(isin=["mid", "last", "close", "none"], description="Which of them `price` is")
    market_data: Category = pa.Field(
        isin=["live", "frozen", "delayed", "delayed_frozen", "simulated", "stored", "none"],
        description="Whose market it is: never take a delayed or a simulated one for live",
    )
    time: Instant = pa.Field(nullable=True, description="When the price was last seen to be so")
