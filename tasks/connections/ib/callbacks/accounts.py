"""Accounts and what they hold."""

from __future__ import annotations

from typing import Any

from tasks.connections.ib.callbacks.sink import Callbacks
from tasks.connections.ib.client import plain_contract
from tasks.connections.ib.contracts import Position, number
from tasks.connections.ib.rows.accounts import AccountValue, Pnl, PortfolioItem, PositionPnl

ACCOUNT_UPDATES = "account updates"
"""Where values and positions of the one account go that is subscribed: their messages name no request."""


class AccountCallbacks(Callbacks):
    """Positions, figures, profit and loss."""

    def position(self, account: str, contract: Any, position: Any, avgCost: Any) -> None:  # noqa: N803
        self._sink.row(None, Position(account, plain_contract(contract), number(position), number(avgCost)))

    def positionEnd(self) -> None:  # noqa: N802
        self._sink.end(None)

    def accountSummary(self, reqId: int, account: str, tag: str, value: str, currency: str) -> None:  # noqa: N802, N803
        self._sink.row(reqId, AccountValue(account, "", tag, currency, value))

    def accountSummaryEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self._sink.end(reqId)

    def accountUpdateMulti(  # noqa: N802
        self,
        reqId: int,  # noqa: N803
        account: str,
        modelCode: str,  # noqa: N803
        key: str,
        value: str,
        currency: str,
    ) -> None:
        self._sink.row(reqId, AccountValue(account, modelCode, key, currency, value))

    def accountUpdateMultiEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self._sink.end(reqId)

    def updateAccountValue(self, key: str, val: str, currency: str, accountName: str) -> None:  # noqa: N802, N803
        self._sink.row(ACCOUNT_UPDATES, AccountValue(accountName, "", key, currency, val))

    def updatePortfolio(  # noqa: N802
        self,
        contract: Any,
        position: Any,
        marketPrice: Any,  # noqa: N803
        marketValue: Any,  # noqa: N803
        averageCost: Any,  # noqa: N803
        unrealizedPNL: Any,  # noqa: N803
        realizedPNL: Any,  # noqa: N803
        accountName: str,  # noqa: N803
    ) -> None:
        numbers = (position, marketPrice, marketValue, averageCost, unrealizedPNL, realizedPNL)
        item = PortfolioItem(accountName, plain_contract(contract), *(number(value) for value in numbers))
        self._sink.row(ACCOUNT_UPDATES, item)

    def accountDownloadEnd(self, accountName: str) -> None:  # noqa: N802, N803
        self._sink.end(ACCOUNT_UPDATES)

    def pnl(self, reqId: int, dailyPnL: Any, unrealizedPnL: Any, realizedPnL: Any) -> None:  # noqa: N803
        self._sink.row(reqId, Pnl(number(dailyPnL), number(unrealizedPnL), number(realizedPnL)))

    def pnlSingle(  # noqa: N802
        self,
        reqId: int,  # noqa: N803
        pos: Any,
        dailyPnL: Any,  # noqa: N803
        unrealizedPnL: Any,  # noqa: N803
        realizedPnL: Any,  # noqa: N803
        value: Any,
    ) -> None:
        numbers = (pos, dailyPnL, unrealizedPnL, realizedPnL, value)
        self._sink.row(reqId, PositionPnl(*(number(each) for each in numbers)))
