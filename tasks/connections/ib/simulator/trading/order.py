"""An order as the simulated broker keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.trading.grammar import Values

Status = Literal["PendingSubmit", "PreSubmitted", "Submitted", "Filled", "Cancelled", "ApiCancelled", "Inactive"]

DONE: frozenset[str] = frozenset({"Filled", "Cancelled", "ApiCancelled", "Inactive"})

STOPS = ("STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MIT", "LIT")
"""Asleep until the last price triggers them."""

LIMITS = ("LMT", "STP LMT", "TRAIL LIMIT", "LOC", "LIT")
"""Fill at a limit or better, never worse."""

AT_CLOSE = ("MOC", "LOC")

MANUAL = -1
"""Client of an order that was entered by hand."""


@dataclass(frozen=True)
class Leg:
    """One contract of what is traded: so many of it for one of the order, short ones below zero."""

    instrument: Instrument
    ratio: int
    exchange: str = "SMART"


@dataclass(eq=False)
class Order:
    """What was asked for, and what has become of it."""

    values: Values
    """As sent, by the names of the protocol; a modification replaces them."""
    legs: tuple[Leg, ...]
    """The one contract with ratio 1 or, of a combination, its parts."""
    client_id: int
    order_id: int
    perm_id: int
    account: str
    placed: int
    """When, in nanoseconds since 1970."""
    quantity: float
    status: Status = "PendingSubmit"
    why_held: str = ""
    filled: float = 0.0
    notional: float = 0.0
    last_price: float = 0.0
    charged: dict[int, float] = field(default_factory=dict)
    """Commission so far, by contract id."""
    is_triggered: bool = False
    has_swept: bool = False
    """Whether it has met the market once: what is left rests."""
    met: int = -1
    """The second of its last look at the market: in one second it gets no more than once."""
    stop: float | None = None
    """Of a trailing order, where it stands now."""
    limit: float | None = None
    parent: Order | None = None
    children: list[Order] = field(default_factory=list)
    expires: int | None = None
    due: int = 0
    """Of an order for the opening or the close: when that is."""
    wakes: int = 0
    """Not before this moment (good after)."""
    done_at: int | None = None
    completed_status: str = ""
    announced: tuple[str, float, str] | None = None
    """Status, filled quantity and reason for waiting that its clients were last told."""
    is_bound: bool = False
    """Of an order entered by hand, whether client 0 knows it by its number."""

    @property
    def kind(self) -> str:
        return str(self.values["orderType"])

    @property
    def tif(self) -> str:
        return str(self.values["tif"]) or "DAY"

    @property
    def is_buy(self) -> bool:
        return bool(self.values["action"] == "BUY")

    @property
    def sign(self) -> int:
        return 1 if self.is_buy else -1

    @property
    def is_combination(self) -> bool:
        return bool(self.values["secType"] == "BAG")

    @property
    def instrument(self) -> Instrument:
        """Of the first leg: the contract itself, unless it is a combination."""
        return self.legs[0].instrument

    @property
    def remaining(self) -> float:
        return max(self.quantity - self.filled, 0.0)

    @property
    def average(self) -> float:
        """Price of what was filled, weighted by quantity; 0 while there is none."""
        return self.notional / self.filled if self.filled else 0.0

    @property
    def is_live(self) -> bool:
        return self.status not in DONE

    @property
    def is_transmitted(self) -> bool:
        return bool(self.values["transmit"])

    @property
    def is_stop(self) -> bool:
        return self.kind in STOPS

    @property
    def tick(self) -> float:
        return max(leg.instrument.minimum_tick for leg in self.legs)

    @property
    def limit_price(self) -> float | None:
        """The worst price it may fill at; None where there is none."""
        if self.limit is not None:
            return self.limit
        return self.values["lmtPrice"] if self.kind in LIMITS else None
