"""What each account holds and owes: quantities, average costs, cash, realised profit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tasks.connections.ib.simulator.book import Holding
from tasks.connections.ib.simulator.instruments import Instrument


@dataclass(frozen=True)
class Trade:
    """So much of a contract at a price; quantity below zero for a sale."""

    quantity: float
    price: float
    commission: float


@dataclass
class Position:
    """One account's position in one contract, and the trades that have led to it."""

    account: str
    instrument: Instrument
    quantity: float = 0.0
    average_cost: float = 0.0
    """Of one contract: multiplier and commission in it, as the broker has it."""
    realised: float = 0.0
    """Profit taken since the gateway started, commissions off."""
    spent: float = 0.0
    """Money paid less money received since the gateway started, commissions included."""
    start: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Quantity, average cost, profit and money spent before the trades that are kept."""
    trades: dict[str, Trade] = field(default_factory=dict)
    """The day's, by key: they can still be corrected."""
    is_of_book: bool = False
    """Whether the gateway has started with it."""

    @property
    def is_shown(self) -> bool:
        """Whether clients that ask for positions are told it; flat ones are on the day they were traded."""
        return bool(self.quantity or self.trades or self.is_of_book)

    def close_day(self) -> None:
        """Let the trades be: from now on they can't be corrected."""
        self.start = (self.quantity, self.average_cost, self.realised, self.spent)
        self.trades.clear()

    def settle(self, key: str) -> None:
        """Let the oldest trade be."""
        trade = self.trades.pop(key)
        before = Position(self.account, self.instrument, *self.start)
        if trade.quantity:
            before.apply(trade)
        self.start = (before.quantity, before.average_cost, before.realised, before.spent)

    def apply(self, trade: Trade) -> float | None:
        """Take a trade in; the profit it realises, None where it closes nothing.

        What opens or adds: average cost = (old cost + price × multiplier × quantity + commission) / quantity.
        What closes: profit = proceeds − average cost × quantity − commission; the average stays.
        A trade through zero does both, its commission shared by quantity.
        """
        unit = trade.price * multiplier(self.instrument)
        self.spent += trade.quantity * unit + trade.commission
        closing = 0.0
        if self.quantity * trade.quantity < 0:
            closing = min(abs(trade.quantity), abs(self.quantity)) * (1 if trade.quantity > 0 else -1)
        opening = trade.quantity - closing
        profit = None
        if closing:
            profit = round(-closing * (unit - self.average_cost) - trade.commission * closing / trade.quantity, 6)
            self.realised += profit
            self.quantity += closing
        if opening:
            # of a short position the cost is what came in for it, and a commission makes that less
            cost = self.average_cost * self.quantity + unit * opening + trade.commission * abs(opening / trade.quantity)
            self.quantity += opening
            self.average_cost = round(cost / self.quantity, 8)
        if not self.quantity:
            self.average_cost = 0.0
        return profit


def multiplier(instrument: Instrument) -> float:
    """Units of the underlying in one contract."""
    return float(instrument.multiplier or 1)


class Ledger:
    """The books of all accounts.

    Parameters
    ----------
    holdings
        What they start with.
    accounts
        All of them, also those that hold nothing.
    cash
        What each account starts with, US dollars.
    """

    def __init__(self, holdings: Iterable[Holding], accounts: Iterable[str], cash: float) -> None:
        self.cash = dict.fromkeys(accounts, cash)
        self._positions: dict[tuple[str, int], Position] = {}
        for item in holdings:
            self.cash.setdefault(item.account, cash)
            position = Position(item.account, item.instrument, float(item.quantity), float(item.average_cost))
            position.is_of_book = True
            position.close_day()
            self._positions[item.account, item.instrument.con_id] = position

    @property
    def accounts(self) -> list[str]:
        """The accounts, in the order they were named."""
        return list(self.cash)

    def position(self, account: str, instrument: Instrument) -> Position:
        """The position, flat where there has been none."""
        return self._positions.get((account, instrument.con_id)) or Position(account, instrument)

    def positions(self, account: str = "") -> Iterator[Position]:
        """All positions that were ever held, of one account or of all, flat ones too."""
        return (item for item in list(self._positions.values()) if account in ("", item.account))

    def settle(self, account: str, instrument: Instrument, key: str) -> None:
        """Let the oldest trade of a position be."""
        self._positions[account, instrument.con_id].settle(key)

    def close_day(self) -> None:
        """Let all trades be."""
        for item in self.positions():
            item.close_day()

    def quantities(self, account: str) -> dict[int, float]:
        """What an account holds by contract id, without what is flat."""
        return {item.instrument.con_id: item.quantity for item in self.positions(account) if item.quantity}

    def trade(self, account: str, instrument: Instrument, key: str, trade: Trade) -> float | None:
        """Book a trade under a key; the profit it realises, None where it closes nothing."""
        item = self._positions.setdefault((account, instrument.con_id), Position(account, instrument))
        self.cash[account] -= trade.quantity * trade.price * multiplier(instrument) + trade.commission
        item.trades[key] = trade
        return item.apply(trade)

    def amend(self, account: str, instrument: Instrument, key: str, trade: Trade) -> float | None:
        """Book a trade anew that was booked wrongly: as if it had been so from the start. Its profit."""
        item = self._positions[account, instrument.con_id]
        before = item.spent
        item.trades[key] = trade
        item.quantity, item.average_cost, item.realised, item.spent = item.start
        profits = {name: item.apply(old) for name, old in item.trades.items() if old.quantity}
        self.cash[account] -= item.spent - before
        return profits.get(key)
