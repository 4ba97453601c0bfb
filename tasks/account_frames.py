"""Frames of accounts, out of what the broker tells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from schemas.accounts import AccountPnl, AccountSummaries, AccountValues, Holdings, PositionPnl
from tasks.columns import frame_of
from tasks.connections.ib.contracts import number
from tasks.connections.ib.rows.accounts import AccountValue, Pnl, PortfolioItem
from tasks.connections.ib.rows.accounts import PositionPnl as PositionPnlRow
from tasks.contracts import universe_columns

SUMMARY = {
    "net_liquidation": "NetLiquidation",
    "total_cash": "TotalCashValue",
    "settled_cash": "SettledCash",
    "accrued_cash": "AccruedCash",
    "equity_with_loan": "EquityWithLoanValue",
    "gross_position_value": "GrossPositionValue",
    "buying_power": "BuyingPower",
    "initial_margin": "InitMarginReq",
    "maintenance_margin": "MaintMarginReq",
    "available_funds": "AvailableFunds",
    "excess_liquidity": "ExcessLiquidity",
    "cushion": "Cushion",
    "leverage": "Leverage",
    "day_trades_remaining": "DayTradesRemaining",
}
"""The broker's tag of each figure."""

Figures = dict[str, dict[str, AccountValue]]
"""An account's figures by tag, by account."""


def summaries(figures: Figures, now: pd.Timestamp) -> pd.DataFrame:
    """A row an account out of its figures."""
    accounts = sorted(figures)

    def values(tag: str) -> list[float]:
        return [_number(figures[account][tag].value) if tag in figures[account] else math.nan for account in accounts]

    kinds = [figures[account].get("AccountType") for account in accounts]
    moneys = [figures[account].get("NetLiquidation") for account in accounts]
    return frame_of(
        AccountSummaries,
        {
            "account": accounts,
            "account_type": [kind.value if kind else "" for kind in kinds],
            "currency": [money.currency if money else "" for money in moneys],
            **{name: values(tag) for name, tag in SUMMARY.items()},
            "time": [now] * len(accounts),
        },
    )


def account_values(rows: Iterable[AccountValue], now: pd.Timestamp) -> pd.DataFrame:
    """A row an account, model, tag and currency: the last that came of each."""
    latest = sorted({row[:4]: row for row in rows}.values())
    return frame_of(
        AccountValues,
        {
            "account": [row.account for row in latest],
            "model": [row.model for row in latest],
            "tag": [row.tag for row in latest],
            "currency": [row.currency for row in latest],
            "value": [_number(row.value) for row in latest],
            "text": [row.value for row in latest],
            "time": [now] * len(latest),
        },
    )


def holdings(items: Iterable[PortfolioItem], now: pd.Timestamp) -> pd.DataFrame:
    """A row an account and contract: the last that came of each."""
    latest = {(item.account, item.contract.con_id): item for item in items}
    rows = [latest[key] for key in sorted(latest)]
    return frame_of(
        Holdings,
        {
            **universe_columns([row.contract for row in rows]),
            "account": [row.account for row in rows],
            "quantity": [row.quantity for row in rows],
            "average_cost": [row.average_cost for row in rows],
            "market_price": [row.market_price for row in rows],
            "market_value": [row.market_value for row in rows],
            "unrealized_pnl": [row.unrealized_pnl for row in rows],
            "realized_pnl": [row.realized_pnl for row in rows],
            "time": [now] * len(rows),
        },
    )


def account_pnl(rows: Mapping[str, Pnl], model: str, now: pd.Timestamp) -> pd.DataFrame:
    """A row an account."""
    accounts = sorted(rows)
    return frame_of(
        AccountPnl,
        {
            "account": accounts,
            "model": [model] * len(accounts),
            "daily_pnl": [rows[account].daily for account in accounts],
            "unrealized_pnl": [rows[account].unrealized for account in accounts],
            "realized_pnl": [rows[account].realized for account in accounts],
            "time": [now] * len(accounts),
        },
    )


def position_pnl(
    rows: Mapping[tuple[str, int], PositionPnlRow], symbols: Mapping[int, str], now: pd.Timestamp
) -> pd.DataFrame:
    """A row an account and contract."""
    keys = sorted(rows)
    return frame_of(
        PositionPnl,
        {
            "account": [account for account, _ in keys],
            "con_id": [con_id for _, con_id in keys],
            "symbol": [symbols[con_id] for _, con_id in keys],
            "quantity": [rows[key].quantity for key in keys],
            "daily_pnl": [rows[key].daily for key in keys],
            "unrealized_pnl": [rows[key].unrealized for key in keys],
            "realized_pnl": [rows[key].realized for key in keys],
            "value": [rows[key].value for key in keys],
            "time": [now] * len(keys),
        },
    )


def _number(text: str) -> float:
    """NaN for what is no number, or isn't set."""
    try:
        return number(text)
    except ValueError:
        return math.nan
