"""What was executed: each fill with its id, which corrections and busts share."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.trading.order import Order

BUST = "bust"


@dataclass(frozen=True)
class Execution:
    """One fill of one contract."""

    number: int
    """Of the gateway's fills, from 1 up; corrections keep it."""
    part: int
    """1, or of a combination: 1 for the whole and 2 and up for its legs."""
    revision: int
    """1; each correction is one more."""
    run: int
    """Of the gateway: the ids of two of them differ."""
    order: Order
    instrument: Instrument | None
    """None for a combination as a whole."""
    exchange: str
    time: int
    """Nanoseconds since 1970."""
    is_buy: bool
    quantity: float
    price: float
    cumulative: float
    average: float
    liquidity: int
    commission: float = 0.0
    profit: float | None = None

    @property
    def id(self) -> str:
        """As the broker's: four dotted parts, the last of them the revision."""
        return f"{self.run:08x}.{self.number:08x}.{self.part:02d}.{self.revision:02d}"

    @property
    def key(self) -> str:
        """The id without the revision."""
        return self.id.rpartition(".")[0]

    def corrected(self, price: float, quantity: float) -> Execution:
        """The same fill at another price or quantity; the next revision."""
        gone = self.quantity - quantity
        return replace(
            self, revision=self.revision + 1, price=price, quantity=quantity, cumulative=self.cumulative - gone
        )
