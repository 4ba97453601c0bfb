"""What clients are told of accounts: positions, values, profits; at first all of it, then what changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pandas as pd

from tasks.connections.ib.simulator.trading.account_values import account_values
from tasks.connections.ib.simulator.trading.day import Day, Profit
from tasks.connections.ib.simulator.trading.followers import Follow, Followers
from tasks.connections.ib.simulator.trading.funds import Funds
from tasks.connections.ib.simulator.trading.hours import SECOND
from tasks.connections.ib.simulator.trading.ledger import Ledger, Position, multiplier

if TYPE_CHECKING:
    from tasks.connections.ib.simulator.session import Session

POSITIONS, POSITIONS_MULTI = "positions", "positions multi"
UPDATES, UPDATES_MULTI, SUMMARY = "account updates", "account updates multi", "account summary"
PROFIT, PROFIT_SINGLE = "profit", "profit of a position"
INTERVALS = {
    **dict.fromkeys((UPDATES, UPDATES_MULTI, SUMMARY), 180 * SECOND),
    **dict.fromkeys((PROFIT, PROFIT_SINGLE), SECOND),
}
"""How often each is told of changes that no trade has made, in simulated time; after a trade it is at once."""

ZONE = "America/New_York"


class Statements:
    """Sends each subscription what it follows."""

    def __init__(self, ledger: Ledger, funds: Funds, day: Day, followers: Followers) -> None:
        self._ledger = ledger
        self._funds = funds
        self._day = day
        self._followers = followers
        self._moved: set[str] = set()

    def moved(self, position: Position) -> None:
        """A trade has changed a position: who follows positions is told at once, the others by `refresh`."""
        self._moved.add(position.account)
        for follow in self._followers.each(POSITIONS, POSITIONS_MULTI):
            if follow.account in ("", position.account):
                send_position(follow.client, position, follow.request if follow.kind == POSITIONS_MULTI else None)

    def refresh(self, now: int) -> None:
        """Tell every subscription what has changed, those whose turn it is and those of accounts that traded."""
        moved, self._moved = self._moved, set()
        for follow in self._followers.each(*INTERVALS):
            has_moved = bool(moved) and (not follow.account or follow.account in moved)
            if has_moved or not 0 <= now - follow.at < INTERVALS[follow.kind]:
                self.tell(follow, now)

    def tell(self, follow: Follow, now: int) -> None:
        """Send what a subscription hasn't been told yet."""
        follow.at = now
        senders: dict[str, Callable[[Follow, int], None]] = {PROFIT: self._profit, PROFIT_SINGLE: self._profit_single}
        senders.get(follow.kind, self._values)(follow, now)

    def _values(self, follow: Follow, now: int) -> None:
        is_first = not follow.told
        for account in [follow.account] if follow.account else self._ledger.accounts:
            for name, value, currency in account_values(
                account, self._funds.of(account, now), self._day.total(account, now)
            ):
                if follow.names and name not in follow.names:
                    continue
                if self._is_new(follow, (account, name), value):
                    follow.client.send(*_value(follow, account, name, value, currency))
        if follow.kind != UPDATES:
            return
        changed = False
        for position in self._ledger.positions(follow.account):
            figures = self._day.of(position, now)
            if (position.quantity or not is_first) and self._is_new(
                follow, position.instrument.con_id, (position.quantity, figures)
            ):
                send_portfolio(follow.client, position, figures)
                changed = True
        if changed or is_first:
            clock = pd.Timestamp(now, unit="ns", tz=ZONE).strftime("%H:%M")
            follow.client.send(8, 1, clock)

    def _profit(self, follow: Follow, now: int) -> None:
        profit = self._day.total(follow.account, now)
        figures = tuple(round(x, 4) for x in (profit.daily, profit.unrealised, profit.realised))
        if self._is_new(follow, PROFIT, figures):
            follow.client.send(94, follow.request, *figures)

    def _profit_single(self, follow: Follow, now: int) -> None:
        for position in self._ledger.positions(follow.account):
            if position.instrument.con_id == follow.con_id:
                profit = self._day.of(position, now)
                figures = (profit.daily, profit.unrealised, profit.realised, profit.value)
                row = (int(position.quantity), *(round(x, 4) for x in figures))
                if self._is_new(follow, position.account, row):
                    follow.client.send(95, follow.request, *row)

    @staticmethod
    def _is_new(follow: Follow, name: object, value: object) -> bool:
        is_new = follow.told.get(name) != value
        follow.told[name] = value
        return is_new


def _value(follow: Follow, account: str, name: str, value: str, currency: str) -> Iterator[object]:
    if follow.kind == UPDATES:
        return iter((6, 2, name, value, currency, account))
    if follow.kind == UPDATES_MULTI:
        return iter((73, 1, follow.request, account, "", name, value, currency))
    return iter((63, 1, follow.request, account, name, value, currency))


def send_position(client: Session, position: Position, request: int | None = None) -> None:
    """61 or, by request, 71: a position."""
    contract = position.instrument.fields()
    held = (position.quantity, position.average_cost)
    if request is None:
        client.send(61, 3, position.account, *contract, *held)
    else:
        client.send(71, 1, request, position.account, *contract, *held, "")


def send_portfolio(client: Session, position: Position, profit: Profit) -> None:
    """7: a position with its value and profits; the exchange named is the one it is listed on."""
    contract = position.instrument.fields(position.instrument.listing)
    units = position.quantity * multiplier(position.instrument)
    client.send(
        *(7, 8, *contract, position.quantity, round(profit.value / units, 6) if units else 0.0, profit.value),
        *(position.average_cost, profit.unrealised, profit.realised, position.account),
    )
