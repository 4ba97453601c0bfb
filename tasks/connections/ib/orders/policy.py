"""What the desk may trade."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.connections.durations import Duration

Mode = Literal["plan", "approve", "send"]
MODES: tuple[Mode, ...] = ("plan", "approve", "send")
"""From the most cautious to the least."""


class OrderPolicy(BaseModel):
    """What the desk may trade: `orders:` in the desk file. A pipeline may only be more cautious.

    A task that declares a parameter of this class is given the desk's. The limits are held against every
    order by the connection itself, before a byte is sent. Those in money are in the contract's currency.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    mode: Mode = Field(default="plan", description="plan: send nothing; approve: ask a person first; send")
    accounts: list[str] = Field(default=[], description="Accounts that may trade; empty: none is refused for planning")
    symbols: list[str] | None = Field(default=None, description="Symbols that may be traded; any when absent")
    quantity: float | None = Field(default=None, gt=0, description="Most contracts in one order")
    notional: float | None = Field(default=None, gt=0, description="Most notional of one order")
    notional_per_day: float | None = Field(
        default=None, gt=0, description="Most notional of an account's orders of one session, by all runs together"
    )
    orders_per_minute: int | None = Field(default=None, gt=0, description="Most orders and changes sent in a minute")
    price_collar: float | None = Field(
        default=None, gt=0, lt=1, description="Farthest that an order's price may be from the quote, as a fraction"
    )
    quote_age: Duration = Field(
        default=timedelta(seconds=10), description="Oldest quote that an order may be held against"
    )

    def most_cautious(self, mode: Mode | None) -> Mode:
        """The more cautious of the desk's mode and this one."""
        return self.mode if mode is None else MODES[min(MODES.index(self.mode), MODES.index(mode))]
