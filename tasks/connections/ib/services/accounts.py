"""Accounts, what they hold, and what they are worth."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tasks.connections.ib.contracts import Contract, Position
from tasks.connections.ib.rows.accounts import AccountValue, Pnl, PortfolioItem, PositionPnl
from tasks.connections.ib.services.asking import Asking, Send
from tasks.connections.problems import Problem

if TYPE_CHECKING:
    from tasks.connections.ib.subscriptions import Subscription

UPDATES = "account updates"
"""The route of an account's values and positions: a client can follow one account at a time."""

TAGS = (
    "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,EquityWithLoanValue,"
    "GrossPositionValue,InitMarginReq,MaintMarginReq,AvailableFunds,ExcessLiquidity,Cushion,Leverage,DayTradesRemaining"
)


class Accounts(Asking):
    """Accounts and positions."""

    def accounts(self) -> list[str]:
        """The accounts that this login manages."""
        return list(self._bridge().accounts)

    def positions(self, timeout: float = 30.0) -> list[Position]:
        """Every account's positions, closed ones (quantity 0) too: the broker tells of both."""
        rows: list[Position] = self._bridge().positions(self.name, timeout)
        return list({(row.account, row.contract.con_id): row for row in rows}.values())

    def follow_positions(self) -> Subscription:
        """Every account's positions, then each that changes: rows are `Position`."""
        return self._follow(
            "positions",
            "Positions",
            lambda client, _: client.reqPositions(),
            lambda client, _: client.cancelPositions(),
            route="positions",
        )

    def account_summary(self, tags: str = TAGS, timeout: float = 30.0) -> list[AccountValue]:
        """The summary of every account; the currency of an amount is the account's base currency."""
        return self._ask(
            "account summary",
            "The account summary",
            lambda client, number: client.reqAccountSummary(number, "All", tags),
            lambda client, number: client.cancelAccountSummary(number),
            timeout=timeout,
        )

    def follow_account_summary(self, tags: str = TAGS) -> Subscription:
        """The summary of every account, then what changes of it, every three minutes: rows are `AccountValue`."""
        return self._follow(
            "account summary",
            "The account summary",
            lambda client, number: client.reqAccountSummary(number, "All", tags),
            lambda client, number: client.cancelAccountSummary(number),
        )

    def account_values(self, account: str, model: str = "", timeout: float = 30.0) -> list[AccountValue]:
        """Every figure of an account, or of a model within it."""
        return self._ask(
            "account values",
            f"The values of {account}",
            lambda client, number: client.reqAccountUpdatesMulti(number, account, model, False),
            lambda client, number: client.cancelAccountUpdatesMulti(number),
            timeout=timeout,
        )

    def follow_account_values(self, account: str, model: str = "") -> Subscription:
        """Every figure of an account, then each that changes: rows are `AccountValue`."""
        return self._follow(
            "account values",
            f"The values of {account}",
            lambda client, number: client.reqAccountUpdatesMulti(number, account, model, False),
            lambda client, number: client.cancelAccountUpdatesMulti(number),
        )

    def portfolio(self, account: str, timeout: float = 30.0) -> list[PortfolioItem]:
        """What an account holds, with the broker's valuation."""
        from tasks.connections.ib.subscriptions import Subscription

        bridge, shared = self._bridge(), self._borrowed()
        try:
            rows = bridge.ask_route(
                UPDATES,
                "portfolio",
                f"The portfolio of {account}",
                lambda client: client.reqAccountUpdates(True, account),
                lambda client: client.reqAccountUpdates(False, account),
                connection=self.name,
                timeout=timeout,
            )
        finally:
            for followed in shared.routes.of(UPDATES):
                # The gateway follows one account at a time: the one that was followed is to be so again.
                if isinstance(followed, Subscription) and followed.send is not None and not followed.done:
                    bridge.send("Following an account again", partial(_again, followed.send))
        items = [row for row in rows if isinstance(row, PortfolioItem) and row.account == account]
        return list({row.contract.con_id: row for row in items}.values())

    def follow_portfolio(self, account: str) -> Subscription:
        """What an account holds, then what changes of it, every three minutes: rows are `PortfolioItem`, and
        `AccountValue`, of this account or of another that somebody asks for."""
        return self._follow(
            "portfolio",
            f"The portfolio of {account}",
            lambda client, _: client.reqAccountUpdates(True, account),
            lambda client, _: client.reqAccountUpdates(False, account),
            route=UPDATES,
        )

    def account_pnl(self, account: str, model: str = "", timeout: float = 30.0) -> Pnl:
        """Profit and loss of an account now."""
        row: Pnl = self._first(self.follow_account_pnl(account, model), timeout)
        return row

    def follow_account_pnl(self, account: str, model: str = "") -> Subscription:
        """Profit and loss of an account, about once a second while it changes: rows are `Pnl`."""
        return self._follow(
            "P&L",
            f"P&L of {account}",
            lambda client, number: client.reqPnL(number, account, model),
            lambda client, number: client.cancelPnL(number),
        )

    def position_pnl(
        self, positions: list[tuple[str, Contract]], timeout: float = 30.0
    ) -> dict[tuple[str, int], PositionPnl | Problem]:
        """Profit and loss of positions now, by account and contract id, or why it isn't known."""
        found: dict[tuple[str, int], PositionPnl | Problem] = {}
        followed: dict[tuple[str, int], Subscription] = {}
        try:
            for account, contract in positions:
                followed[account, contract.con_id] = self.follow_position_pnl(account, contract)
            for key, subscription in followed.items():
                try:
                    found[key] = self._first(subscription, timeout)
                except Problem as problem:
                    found[key] = problem
        finally:
            for subscription in followed.values():
                subscription.close()
        return found

    def follow_position_pnl(self, account: str, contract: Contract) -> Subscription:
        """Profit and loss of a position, about once a second while it changes: rows are `PositionPnl`."""

        def send(client: Any, number: int) -> None:
            client.reqPnLSingle(number, account, "", contract.con_id)

        return self._follow(
            "P&L",
            f"P&L of {contract} in {account}",
            send,
            lambda client, number: client.cancelPnLSingle(number),
            con_id=contract.con_id,
        )


def _again(send: Send, client: Any) -> None:
    send(client, 0)  # its message carries no number
