"""What a task may ask of the run it is part of, and the desk's order policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from schemas.frame import Frame
from tasks.connections.clock import Clock, WallClock


@dataclass(frozen=True, slots=True)
class Run:
    """The run that a step is part of. A task that declares a parameter of this class is given it.

    `key` identifies this very effect: the same for every retry and repetition of the step in the
    same slot, so that an effect done once is known when it is asked for again.
    """

    id: str
    pipeline: str
    session: date
    step: str = ""
    key: str = ""
    clock: Clock = field(default_factory=WallClock)
    past: bool = False
    """The session is over: what is true now wasn't then, and nothing may act."""
    root: Path = field(default_factory=Path)
    """The project's folder, from which relative paths go."""
    schema: type[Frame] | None = None
    """What kind of frame the step's `schema:` says it yields."""

    def now(self) -> pd.Timestamp:
        """The moment by the run's clock, UTC."""
        return self.clock.now()


class OrderPolicy(BaseModel):
    """What the desk may trade: `orders:` in the desk file. A pipeline may only be more cautious.

    A task that declares a parameter of this class is given the desk's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    mode: Literal["plan", "approve", "send"] = "plan"
    accounts: list[str] = Field(default=[], description="Accounts that may trade; empty: none is refused for planning")
    symbols: list[str] | None = Field(default=None, description="Symbols that may be traded; any when absent")
    quantity: float | None = Field(default=None, gt=0, description="Most contracts in one order")
    notional: float | None = Field(default=None, gt=0, description="Most notional of one order")
    notional_per_day: float | None = Field(default=None, gt=0, description="Most notional of a session's orders")
