"""What an account is told to hold and to be worth: positions, account values, summaries, profits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from tasks.connections.ib.simulator.trading.day import Profit
from tasks.connections.ib.simulator.trading.followers import Followers
from tasks.connections.ib.simulator.trading.ledger import Position, multiplier
from tasks.connections.ib.simulator.trading.margin import Margins

if TYPE_CHECKING:
    from tasks.connections.ib.simulator.session import Session

POSITIONS, POSITIONS_MULTI = "positions", "positions multi"
CURRENCY = "USD"
ZONE = "America/New_York"


def tell_position(followers: Followers[str], position: Position) -> None:
    """Tell everybody who follows positions of one that has changed, flat ones too."""
    for client, kind, request, account in followers.each(POSITIONS, POSITIONS_MULTI):
        if account in ("", position.account):
            send_position(client, position, request if kind == POSITIONS_MULTI else None)


def send_position(client: Session, position: Position, request: int | None = None) -> None:
    """61 or, by request, 71: a position."""
    contract = position.instrument.fields()
    held = (position.quantity, position.average_cost)
    if request is None:
        client.send(61, 3, position.account, *contract, *held)
    else:
        client.send(71, 1, request, position.account, *contract, *held, "")


def send_portfolio(client: Session, position: Position, profit: Profit) -> None:
    """7: a position with its value and profits."""
    fields = position.instrument.fields(position.instrument.listing)
    units = position.quantity * multiplier(position.instrument)
    client.send(
        *(7, 8, *fields, position.quantity, profit.value / units if units else 0.0, profit.value),
        *(position.average_cost, profit.unrealised, profit.realised, position.account),
    )


def account_values(account: str, money: Margins, profit: Profit) -> Iterator[tuple[str, str, str]]:
    """An account's values: name, value, currency; those without one are numbers of another kind or words."""
    yield "AccountCode", account, ""
    yield "AccountReady", "true", ""
    yield "AccountType", "INDIVIDUAL", ""
    yield "Currency", CURRENCY, CURRENCY
    yield "ExchangeRate", "1.00", CURRENCY
    yield "Cushion", f"{money.cushion:.6f}", ""
    yield "LookAheadNextChange", "0", ""
    yield "DayTradesRemaining", "-1", ""
    yield "HighestSeverity", "0", ""
    leverage = money.gross / money.net_liquidation if money.net_liquidation > 0 else 0.0
    yield "Leverage", f"{leverage:.2f}", ""
    amounts = {
        "NetLiquidation": money.net_liquidation,
        "TotalCashValue": money.cash,
        "SettledCash": money.cash,
        "AccruedCash": 0.0,
        "CashBalance": money.cash,
        "TotalCashBalance": money.cash,
        "NetLiquidationByCurrency": money.net_liquidation,
        "StockMarketValue": money.stocks,
        "OptionMarketValue": money.options,
        "GrossPositionValue": money.gross,
        "EquityWithLoanValue": money.equity_with_loan,
        "PreviousEquityWithLoanValue": money.equity_with_loan - profit.daily,
        "InitMarginReq": money.initial,
        "MaintMarginReq": money.maintenance,
        "AvailableFunds": money.available,
        "ExcessLiquidity": money.excess,
        "BuyingPower": money.buying_power,
        "RegTEquity": money.equity_with_loan,
        "RegTMargin": money.initial,
        "SMA": max(money.available, 0.0),
        "FullInitMarginReq": money.initial,
        "FullMaintMarginReq": money.maintenance,
        "FullAvailableFunds": money.available,
        "FullExcessLiquidity": money.excess,
        "LookAheadInitMarginReq": money.initial,
        "LookAheadMaintMarginReq": money.maintenance,
        "LookAheadAvailableFunds": money.available,
        "LookAheadExcessLiquidity": money.excess,
        "UnrealizedPnL": profit.unrealised,
        "RealizedPnL": profit.realised,
    }
    for name, amount in amounts.items():
        yield name, f"{amount + 0.0:.2f}", CURRENCY


def send_profit(client: Session, request: int, profit: Profit) -> None:
    """94: the profit of an account."""
    client.send(94, request, *(round(x, 4) for x in (profit.daily, profit.unrealised, profit.realised)))


def send_profit_single(client: Session, request: int, position: Position, profit: Profit) -> None:
    """95: the profit of a position."""
    figures = (round(x, 4) for x in (profit.daily, profit.unrealised, profit.realised, profit.value))
    client.send(95, request, int(position.quantity), *figures)


def send_time(client: Session, now: int) -> None:
    """8: as of when the account's values are."""
    client.send(8, 1, pd.Timestamp(now, unit="ns", tz=ZONE).strftime("%H:%M"))
