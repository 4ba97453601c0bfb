"""What became of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

Status = Literal["completed", "skipped", "failed", "blocked"]


@dataclass(frozen=True)
class Outcome:
    """How a step ended, and the frames that it yields.

    completed: it ran, or had run before.  skipped: its `when` or a required input said no.
    failed: it raised.  blocked: a step that it needs failed.
    """

    status: Status
    frames: Mapping[str | None, pd.DataFrame] = field(default_factory=dict)
    seconds: float = 0.0
    attempts: int = 0
    reason: str = ""
    """Why it was skipped, failed or blocked."""
    error: BaseException | None = None
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int | None:
        """Rows of its frames together; None where it yields none."""
        return sum(len(frame) for frame in self.frames.values()) if self.frames else None

    def frame(self, field_name: str | None) -> pd.DataFrame | None:
        """Its frame of this name; None where it has none."""
        return self.frames.get(field_name)
