"""What accounts are worth, hold and earn, as the broker reckons it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandera.pandas as pa

from schemas.book import Positions
from schemas.frame import Category, Frame, Instant


class Accounts(Frame):
    """The accounts that a login manages."""

    __key__: ClassVar[tuple[str, ...]] = ("account",)

    account: Category


class AccountSummaries(Frame):
    """What each account is worth and may still trade, one row an account, in its base currency."""

    __key__: ClassVar[tuple[str, ...]] = ("account",)

    account: Category
    account_type: Category = pa.Field(description="As the broker names it: INDIVIDUAL …; empty where it doesn't say")
    currency: Category = pa.Field(description="The account's base currency; every amount is in it")
    net_liquidation: np.float64 = pa.Field(nullable=True, description="Cash plus what all positions are worth")
    total_cash: np.float64 = pa.Field(nullable=True)
    settled_cash: np.float64 = pa.Field(nullable=True)
    accrued_cash: np.float64 = pa.Field(nullable=True, description="Interest that is due and not yet paid")
    equity_with_loan: np.float64 = pa.Field(nullable=True, description="What counts as equity for a loan on securities")
    gross_position_value: np.float64 = pa.Field(nullable=True, description="Sum of the absolute values of positions")
    buying_power: np.float64 = pa.Field(nullable=True, description="How much more may be bought, on margin")
    initial_margin: np.float64 = pa.Field(nullable=True, description="Required to open what is held")
    maintenance_margin: np.float64 = pa.Field(nullable=True, description="Required to keep what is held")
    available_funds: np.float64 = pa.Field(nullable=True, description="equity_with_loan − initial_margin")
    excess_liquidity: np.float64 = pa.Field(nullable=True, description="equity_with_loan − maintenance_margin")
    cushion: np.float64 = pa.Field(nullable=True, description="excess_liquidity / net_liquidation")
    leverage: np.float64 = pa.Field(nullable=True, description="gross_position_value / net_liquidation")
    day_trades_remaining: np.float64 = pa.Field(nullable=True, description="-1: as many as one likes")
    time: Instant = pa.Field(description="When it was told, by the run's clock")


class AccountValues(Frame):
    """Every figure the broker keeps of an account, one row an account, model, tag and currency."""

    __key__: ClassVar[tuple[str, ...]] = ("account", "model", "tag", "currency")

    account: Category
    model: Category = pa.Field(description="A model portfolio within the account; empty: the account itself")
    tag: Category = pa.Field(description="What the figure is, in the broker's words: NetLiquidation …")
    currency: Category = pa.Field(description="Empty where it isn't money; BASE sums up all currencies")
    value: np.float64 = pa.Field(nullable=True, description="Null where it is no number")
    text: object = pa.Field(description="As the broker sent it")
    time: Instant = pa.Field(description="When it was told, by the run's clock")


class Holdings(Positions):
    """Positions with what the broker makes of them, in each contract's own currency."""

    __key__: ClassVar[tuple[str, ...]] = ("account", "con_id")

    market_price: np.float64 = pa.Field(nullable=True, description="Per unit, by the broker's own mark")
    market_value: np.float64 = pa.Field(nullable=True, description="quantity × market price × multiplier")
    unrealized_pnl: np.float64 = pa.Field(nullable=True)
    realized_pnl: np.float64 = pa.Field(nullable=True, description="Of the day")
    time: Instant = pa.Field(description="When it was told, by the run's clock")


class AccountPnl(Frame):
    """Profit and loss of each account, in its base currency; null where the broker doesn't know yet."""

    __key__: ClassVar[tuple[str, ...]] = ("account", "model")

    account: Category
    model: Category = pa.Field(description="A model portfolio within the account; empty: the account itself")
    daily_pnl: np.float64 = pa.Field(nullable=True, description="Since the broker's last daily reset")
    unrealized_pnl: np.float64 = pa.Field(nullable=True)
    realized_pnl: np.float64 = pa.Field(nullable=True, description="Of the day")
    time: Instant = pa.Field(description="When it was told, by the run's clock")


class PositionPnl(Frame):
    """Profit and loss of each position, in its account's base currency; null where the broker doesn't know yet."""

    __key__: ClassVar[tuple[str, ...]] = ("account", "con_id")

    account: Category
    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    quantity: np.float64 = pa.Field(nullable=True)
    daily_pnl: np.float64 = pa.Field(nullable=True, description="Since the broker's last daily reset")
    unrealized_pnl: np.float64 = pa.Field(nullable=True)
    realized_pnl: np.float64 = pa.Field(nullable=True, description="Of the day")
    value: np.float64 = pa.Field(nullable=True, description="What the position is worth now")
    time: Instant = pa.Field(description="When it was told, by the run's clock")
