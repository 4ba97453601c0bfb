"""What contracts are, and which there are."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.frame import Category, Frame, Session
from schemas.market import Contracts

RIGHTS = ["C", "P", ""]


class ContractDetails(Contracts):
    """Everything the broker says of a contract that a task may want, one row a contract."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id",)

    local_symbol: object = pa.Field(description="The exchange's name for it; OCC's for an option")
    trading_class: Category
    market_name: Category
    expiry: Session = pa.Field(nullable=True, description="Its last day; null for what has none")
    strike: np.float64 = pa.Field(nullable=True, description="Of an option; null for the others")
    right: Category = pa.Field(isin=RIGHTS, description="C call, P put; empty for what is no option")
    underlying_id: np.int64 = pa.Field(
        ge=0, metadata={"refers_to": "con_id"}, description="The con_id of what it is derived from; 0 for none"
    )
    underlying_symbol: Category
    underlying_type: Category
    stock_type: Category = pa.Field(description="COMMON, ETF, ADR …; empty for the others")
    industry: Category
    category: Category
    subcategory: Category
    exchanges: object = pa.Field(description="Where it can be traded, separated by commas")
    order_types: object = pa.Field(description="Kinds and attributes of orders that it takes, separated by commas")
    market_rules: object = pa.Field(description="For each of `exchanges`, the number of its rule of price steps")
    price_magnifier: np.int64 = pa.Field(ge=1, description="Order prices over displayed prices, such as 100 for pence")
    trading_hours: object = pa.Field(description="Days as yyyymmdd:hhmm-yyyymmdd:hhmm; in `time_zone`")
    liquid_hours: object = pa.Field(description="Of them, the regular ones")
    isin: object = pa.Field(description="Empty where the broker doesn't tell it")


class SymbolMatches(Frame):
    """Contracts whose symbol or name fits a pattern, the best first; for people to choose from."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id",)

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    security_type: Category
    currency: Category
    exchange: Category = pa.Field(description="Listing exchange")
    name: object = pa.Field(description="Empty where the broker's client is too old to be told")
    derivatives: object = pa.Field(description="Types derived from it, separated by commas: OPT, WAR …")


class OptionChains(Frame):
    """Expiries and strikes of the options on each underlying; not every pair of them need exist."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "exchange", "trading_class", "multiplier", "expiry", "strike")

    con_id: np.int64 = pa.Field(gt=0, description="The underlying")
    symbol: Category = pa.Field(description="The underlying's")
    exchange: Category
    trading_class: Category
    multiplier: np.float64 = pa.Field(gt=0)
    expiry: Session
    strike: np.float64
