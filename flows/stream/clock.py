"""The clock of a firing: one moment for all its steps."""

from __future__ import annotations

import pandas as pd


class FiringClock:
    """Stands still at the moment of the firing, so that a replay sees the same time."""

    def __init__(self, moment: pd.Timestamp) -> None:
        self._moment = moment

    def now(self) -> pd.Timestamp:
        """The moment of the firing, UTC."""
        return self._moment

    def move_to(self, moment: pd.Timestamp) -> None:
        """The next firing begins."""
        self._moment = moment
