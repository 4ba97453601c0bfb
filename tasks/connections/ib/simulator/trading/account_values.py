"""An account's values under the names that the broker gives them."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.connections.ib.simulator.trading.day import Profit
from tasks.connections.ib.simulator.trading.margin import Margins

CURRENCY = "USD"

LEDGER = frozenset(
    {
        *("Currency", "CashBalance", "TotalCashBalance", "AccruedCash", "StockMarketValue", "OptionMarketValue"),
        *("NetLiquidationByCurrency", "UnrealizedPnL", "RealizedPnL", "ExchangeRate"),
    }
)
"""What `$LEDGER` asks for."""


def account_values(account: str, money: Margins, profit: Profit) -> Iterator[tuple[str, str, str]]:
    """Each value: its name, what it is, its currency; the latter empty where it is no money."""
    leverage = money.gross / money.net_liquidation if money.net_liquidation > 0 else 0.0
    yield "AccountCode", account, ""
    yield "AccountReady", "true", ""
    yield "AccountType", "INDIVIDUAL", ""
    yield "Currency", CURRENCY, CURRENCY
    yield "ExchangeRate", "1.00", CURRENCY
    yield "Cushion", f"{money.cushion:.6f}", ""
    yield "LookAheadNextChange", "0", ""
    yield "DayTradesRemaining", "-1", ""
    yield "HighestSeverity", "0", ""
    yield "Leverage", f"{leverage:.2f}", ""
    amounts = {
        "NetLiquidation": money.net_liquidation,
        "NetLiquidationByCurrency": money.net_liquidation,
        "TotalCashValue": money.cash,
        "TotalCashBalance": money.cash,
        "CashBalance": money.cash,
        "SettledCash": money.cash,
        "AccruedCash": 0.0,
        "StockMarketValue": money.stocks,
        "OptionMarketValue": money.options,
        "GrossPositionValue": money.gross,
        "EquityWithLoanValue": money.equity_with_loan,
        "PreviousEquityWithLoanValue": money.equity_with_loan - profit.daily,
        "RegTEquity": money.equity_with_loan,
        "RegTMargin": money.initial,
        "SMA": max(money.available, 0.0),
        "BuyingPower": money.buying_power,
        "UnrealizedPnL": profit.unrealised,
        "RealizedPnL": profit.realised,
    }
    for prefix in ("", "Full", "LookAhead"):
        amounts |= {
            f"{prefix}InitMarginReq": money.initial,
            f"{prefix}MaintMarginReq": money.maintenance,
            f"{prefix}AvailableFunds": money.available,
            f"{prefix}ExcessLiquidity": money.excess,
        }
    for name, amount in amounts.items():
        yield name, f"{amount:.2f}", CURRENCY
