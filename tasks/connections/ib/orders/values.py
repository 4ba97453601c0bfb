"""An order as the desk wants it, before it has an id."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from tasks.connections.ib.contracts import Contract
from tasks.connections.problems import DataProblem

Action = Literal["BUY", "SELL"]
TimeInForce = Literal["DAY", "GTC", "IOC", "FOK", "OPG", "GTD"]

LIMITED = frozenset({"LMT", "STP LMT", "LOC", "TRAIL LIMIT"})
"""Types that need a limit price; of TRAIL LIMIT the limit follows the stop."""
STOPPED = frozenset({"STP", "STP LMT"})
TRAILING = frozenset({"TRAIL", "TRAIL LIMIT"})
TYPES = ("MKT", "LMT", "STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MOC", "LOC")
LONGEST = 64
"""Characters of a reference; the broker cuts longer ones off, and it would no longer be found."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One contract of a combination: so many of it for each combination that is traded."""

    con_id: int
    ratio: int
    action: Action
    exchange: str = "SMART"


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `reference` is its idempotency key: whatever is sent under one is one order.

    Prices are in the contract's currency, for one contract (options and futures: without the multiplier).
    """

    reference: str
    account: str
    contract: Contract
    action: Action
    quantity: float
    order_type: str = "MKT"
    limit_price: float | None = None
    stop_price: float | None = None
    """Where a stop order is triggered, and where a trailing one starts (the broker's choice when absent)."""
    trail: float | None = None
    """How far a trailing stop follows behind, in money."""
    trail_percent: float | None = None
    """The same in percent: 1.5 is 1.5 %."""
    limit_offset: float | None = None
    """TRAIL LIMIT: how far the limit is from the stop."""
    time_in_force: TimeInForce = "DAY"
    good_till: datetime | None = None
    """GTD: until when, with its zone."""
    outside_hours: bool = False
    """Whether it may also fill outside the regular session."""
    algo: str = ""
    """The broker's algorithm, such as `Adaptive` or `Twap`."""
    algo_parameters: tuple[tuple[str, str], ...] = ()
    """Its parameters by the broker's own names, as (`adaptivePriority`, `Normal`)."""
    oca_group: str = ""
    """Orders of one group: when one fills, the others are cancelled or reduced."""
    oca_type: int = 0
    """1: cancel, one at a time; 2: reduce, one at a time; 3: reduce, several at a time."""
    parent: str = ""
    """The reference of the order that must fill first."""
    transmit: bool = True
    """False: the broker holds it back until one of its family comes with True."""
    legs: tuple[Leg, ...] = ()
    """Of a combination, whose contract is of type BAG."""
    reference_price: float = math.nan
    """The price that it was sized at, where it was sized."""

    def __str__(self) -> str:
        price = "" if self.limit_price is None else f" {self.limit_price:g}"
        name = self.contract.local_symbol or self.contract.symbol
        return f"{self.action} {self.quantity:,.10g} {name} {self.order_type}{price} in {self.account}"

    @property
    def signed(self) -> float:
        """Its quantity, negative for a sale."""
        return self.quantity if self.action == "BUY" else -self.quantity

    @property
    def multiplier(self) -> float:
        """What one contract's price is multiplied by to be money."""
        return float(self.contract.multiplier or 1)

    def check(self) -> None:
        """Raise `DataProblem` for an order that can't be meant: what is missing, or doesn't go together."""
        if fault := next(self._faults(), ""):
            raise DataProblem(f"{self} ({self.reference}) is no order: {fault}.")

    def _faults(self) -> Iterator[str]:
        if not self.reference or len(self.reference) > LONGEST:
            yield f"its reference needs 1 to {LONGEST} characters"
        if not self.account:
            yield "it names no account"
        texts = (
            self.reference,
            self.account,
            self.algo,
            self.oca_group,
            *(part for p in self.algo_parameters for part in p),
        )
        if not all(text.isascii() and text.isprintable() for text in texts):
            yield "its texts may only hold printable ASCII"  # a NUL would shift every field after it
        if self.action not in ("BUY", "SELL"):
            yield f"`{self.action}` is neither BUY nor SELL"
        if not (math.isfinite(self.quantity) and self.quantity > 0):
            yield f"a quantity of {self.quantity} can't be traded"
        if self.order_type not in TYPES:
            yield f"`{self.order_type}` is none of {', '.join(TYPES)}"
        yield from self._price_faults()
        if (self.good_till is None) == (self.time_in_force == "GTD"):
            yield "GTD needs a `good_till`, and nothing else has one"
        if self.good_till is not None and self.good_till.tzinfo is None:
            yield "its `good_till` has no zone"
        if self.oca_type not in (0, 1, 2, 3) or (self.oca_type != 0 and not self.oca_group):
            yield "an OCA type is 1, 2 or 3, and needs a group"
        if (self.contract.security_type == "BAG") != (len(self.legs) > 0):
            yield "a combination (BAG) has legs, and nothing else has"
        if any(leg.ratio < 1 or leg.con_id < 1 for leg in self.legs):
            yield "each leg needs a contract id and a ratio of at least 1"

    def _price_faults(self) -> Iterator[str]:
        prices = (self.limit_price, self.stop_price, self.trail, self.trail_percent, self.limit_offset)
        if any(price is not None and not math.isfinite(price) for price in prices):
            yield "its prices must be finite"
        if self.order_type in LIMITED - TRAILING and self.limit_price is None:
            yield f"{self.order_type} needs a limit price"
        if self.order_type in ("MKT", "STP", "MOC", "TRAIL", "TRAIL LIMIT") and self.limit_price is not None:
            yield f"{self.order_type} takes no limit price"
        if self.order_type in STOPPED and self.stop_price is None:
            yield f"{self.order_type} needs a stop price"
        if self.order_type not in STOPPED | TRAILING and self.stop_price is not None:
            yield f"{self.order_type} takes no stop price"
        if (self.order_type in TRAILING) != ((self.trail is None) != (self.trail_percent is None)):
            yield "a trailing order needs `trail` or `trail_percent`, one of them, and nothing else has one"
        if (self.order_type == "TRAIL LIMIT") != (self.limit_offset is not None):
            yield "TRAIL LIMIT needs a `limit_offset`, and nothing else has one"
        # A combination's price may be negative: it is what is paid less what is received.
        if self.contract.security_type != "BAG" and any(price is not None and price <= 0 for price in prices[:4]):
            yield "its prices must be above 0"

    def to_json(self) -> str:
        """Everything of it, as the ledger keeps it."""
        return json.dumps(asdict(self), default=lambda value: value.isoformat())

    @classmethod
    def from_json(cls, text: str) -> Order:
        """What `to_json` gave."""
        kept: dict[str, Any] = json.loads(text)
        kept["contract"] = Contract(**kept["contract"])
        kept["legs"] = tuple(Leg(**leg) for leg in kept["legs"])
        kept["algo_parameters"] = tuple((name, value) for name, value in kept["algo_parameters"])
        if kept["good_till"] is not None:
            kept["good_till"] = datetime.fromisoformat(kept["good_till"]).astimezone(UTC)
        return cls(**kept)


def bracket(entry: Order, *, take_profit: float, stop_loss: float) -> list[Order]:
    """The entry and its two exits: a limit where the profit is taken, a stop where the loss is; one cancels the other.

    The broker holds all of them back until the last has come, so that the entry is never without its exits.
    """
    exit_action: Action = "SELL" if entry.action == "BUY" else "BUY"
    leave = replace(
        entry, action=exit_action, parent=entry.reference, algo="", algo_parameters=(), limit_price=None, trail=None,
        trail_percent=None, limit_offset=None, stop_price=None, transmit=False,
    )  # fmt: skip
    return [
        replace(entry, transmit=False),
        replace(leave, reference=f"{entry.reference}-profit", order_type="LMT", limit_price=take_profit),
        replace(leave, reference=f"{entry.reference}-loss", order_type="STP", stop_price=stop_loss, transmit=True),
    ]


def families(orders: Sequence[Order]) -> list[list[Order]]:
    """Orders with those that depend on them, parents first, in the order of the parents."""
    by_reference = {order.reference: order for order in orders}

    def root(order: Order) -> str:
        while order.parent in by_reference:
            order = by_reference[order.parent]
        return order.reference

    found: dict[str, list[Order]] = {}
    for order in orders:
        found.setdefault(root(order), []).append(order)
    return [sorted(family, key=lambda order: order.parent in by_reference) for family in found.values()]


@dataclass(frozen=True, slots=True)
class Placed:
    """What is known of an order that was asked for."""

    reference: str
    status: str
    reason: str = ""
    order_id: int = 0
    client_id: int = 0
    perm_id: int = 0
    filled: float = 0.0
    average_price: float = math.nan
    quantity: float = math.nan
    order: Order | None = field(default=None, repr=False)
