"""What a task may ask of the run it is part of, and the desk's order policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd

from schemas.frame import Frame
from tasks.connections.clock import Clock, WallClock
from tasks.connections.ib.orders.policy import OrderPolicy

__all__ = ["OrderPolicy", "Run"]


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
    frames: Mapping[str, type[Frame] | None] = field(default_factory=dict)
    """What kind each frame is that the step takes, by parameter; None where nothing says."""
    profile: str | None = None
    """The desk's profile, where the run has one."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """In an `on_failure` step: the steps that failed, and why."""

    @property
    def explain(self) -> str:
        """The command that shows where what this step works on comes from."""
        profile = f" --desk {self.profile}" if self.profile else ""
        return f"hedgerow explain {self.id}{f' {self.step}' if self.step else ''}{profile}"

    def now(self) -> pd.Timestamp:
        """The moment by the run's clock, UTC."""
        return self.clock.now()
