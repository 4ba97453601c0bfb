"""Profit and loss of the day: since the close before the session that has opened last."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.connections.ib.simulator.market import Market
from tasks.connections.ib.simulator.trading.ledger import Ledger, Position, multiplier


@dataclass(frozen=True)
class Profit:
    """Of one position or of an account, US dollars."""

    daily: float
    unrealised: float
    realised: float
    """Of the day."""
    value: float


@dataclass(frozen=True)
class _Morning:
    quantity: float = 0.0
    spent: float = 0.0
    realised: float = 0.0


class Day:
    """Remembers what was held as the day began.

    daily = value now − (quantity then × price at the close before) − money spent since;
    unrealised = value now − average cost × quantity.
    """

    def __init__(self, market: Market, ledger: Ledger, now: int) -> None:
        self._market = market
        self._ledger = ledger
        self._session: int | None = None
        self._mornings: dict[tuple[str, int], _Morning] = {}
        self.turn(now)

    def turn(self, now: int) -> bool:
        """Begin a new day where another session has opened; whether that was so."""
        session = self._market.moment(now).session if self._market.covers(now) else self._session
        if session == self._session:
            return False
        self._session = session
        self._mornings = {
            (item.account, item.instrument.con_id): _Morning(item.quantity, item.spent, item.realised)
            for item in self._ledger.positions()
        }
        return True

    def of(self, position: Position, now: int) -> Profit:
        """The profit of one position."""
        morning = self._mornings.get((position.account, position.instrument.con_id), _Morning())
        units = multiplier(position.instrument)
        value = position.quantity * units * self._price(position, now)
        before = morning.quantity * units * self._price(position, self._close_before())
        return Profit(
            daily=round(value - before - (position.spent - morning.spent), 6),
            unrealised=round(value - position.average_cost * position.quantity, 6),
            realised=round(position.realised - morning.realised, 6),
            value=round(value, 6),
        )

    def total(self, account: str, now: int) -> Profit:
        """The profit of an account: the sum over its positions."""
        profits = [self.of(item, now) for item in self._ledger.positions(account)]
        return Profit(
            *(
                round(sum(x), 6)
                for x in (
                    [item.daily for item in profits],
                    [item.unrealised for item in profits],
                    [item.realised for item in profits],
                    [item.value for item in profits],
                )
            )
        )

    def _price(self, position: Position, moment: int) -> float:
        return (self._market.price(position.instrument, moment) or 0.0) if self._market.covers(moment) else 0.0

    def _close_before(self) -> int:
        return int(self._market.hours.closes[max((self._session or 1) - 1, 0)])
