"""What the broker tells of accounts."""

from __future__ import annotations

from typing import NamedTuple

from tasks.connections.ib.contracts import Contract


class AccountValue(NamedTuple):
    """One figure of an account, a number or not, as text."""

    account: str
    model: str
    tag: str
    currency: str
    value: str


class PortfolioItem(NamedTuple):
    """One position of an account, valued by the broker; in the contract's currency, NaN where it doesn't know."""

    account: str
    contract: Contract
    quantity: float
    market_price: float
    market_value: float
    average_cost: float
    unrealized_pnl: float
    realized_pnl: float


class Pnl(NamedTuple):
    """Profit and loss of an account, in its base currency; NaN where the broker doesn't know yet."""

    daily: float
    unrealized: float
    realized: float


class PositionPnl(NamedTuple):
    """Profit and loss of one position; NaN where the broker doesn't know yet."""

    quantity: float
    daily: float
    unrealized: float
    realized: float
    value: float
