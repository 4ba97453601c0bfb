"""Between a source's thread and the graph: rows wait here for the next firing."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from flows.gather import stacked
from schemas.frame import Frame

DEFAULT_ROWS = 1_000_000
"""Rows that wait at most where the file says no other number; what comes then waits at the source."""

MANY = 64
"""Batches of a table after which older rows of the same key are let go of."""


@dataclass(frozen=True)
class Terms:
    """When rows are passed on, and how many may wait."""

    keeps_all: bool
    """A log: each row once. Otherwise only the latest of each key matters."""
    every: float | None = None
    """Seconds that the oldest row waits at most before it is passed on; None: no longer than the graph is busy."""
    rows: int | None = None
    """Rows that are passed on at once, however long they have waited."""
    limit: int = DEFAULT_ROWS
    full: Literal["block", "drop_oldest"] = "block"


@dataclass
class Taken:
    """What a firing takes from one inbox."""

    rows: pd.DataFrame
    sequence: int
    received: float
    """When the oldest of them came, by the monotonic clock."""
    is_all: bool = False
    """What the table held before is no more."""


@dataclass
class Doorbell:
    """Rung when something has come, or something else is to be done."""

    condition: threading.Condition = field(default_factory=lambda: threading.Condition(threading.Lock()))
    rung: bool = False

    def ring(self) -> None:
        """Wake whoever waits."""
        with self.condition:
            self.rung = True
            self.condition.notify_all()

    def wait(self, seconds: float | None) -> None:
        """Until it is rung, or so long."""
        with self.condition:
            if not self.rung:
                self.condition.wait(seconds)
            self.rung = False


class Inbox:
    """The rows of one source that no firing has taken yet. One thread puts, another takes.

    Parameters
    ----------
    name
        The source's.
    model
        Its schema.
    terms
        When rows are passed on, and how many may wait.
    bell
        Rung when there is something to take; its lock is the one of all inboxes, so that a firing
        takes from all of them at one instant.
    """

    def __init__(self, name: str, model: type[Frame], terms: Terms, bell: Doorbell) -> None:
        self.name = name
        self.dropped = 0
        """Rows let go of because the graph was slower than the source."""
        self._model, self._terms, self._bell = model, terms, bell
        self._parts: list[pd.DataFrame] = []
        self._rows = 0
        self._sequence = 0
        self._oldest: float | None = None
        self._closed = False
        self._finished = False
        self._is_all = False
        self._is_blocked = False

    def put(self, rows: pd.DataFrame, sequence: int, is_all: bool = False) -> None:
        """Add rows. Waits where the inbox is full and its rows may not be lost; returns at once when it is closed.

        Parameters
        ----------
        rows, sequence
            The rows, and the number of the last.
        is_all
            They are all that a table holds: what was put before is let go of.
        """
        is_all = is_all and not self._terms.keeps_all
        if not len(rows) and not is_all:
            return
        condition = self._bell.condition
        with condition:
            if is_all:
                self._parts, self._rows, self._is_all = [], 0, True
            while self._is_full(len(rows)) and self._terms.full == "block" and not self._closed:
                # What waits is due, though its window isn't full: it could never become so.
                self._is_blocked = self._bell.rung = True
                condition.notify_all()
                condition.wait(0.5)
            self._is_blocked = False
            self._parts.append(rows)
            self._rows += len(rows)
            self._sequence = max(self._sequence, sequence)
            if self._oldest is None:
                self._oldest = time.monotonic()
            if not self._terms.keeps_all and len(self._parts) > MANY:
                self._parts = [self._conflated()]
                self._rows = len(self._parts[0])
            elif self._terms.full == "drop_oldest":
                self._drop_oldest()
            self._bell.rung = True
            condition.notify_all()

    def is_due(self, now: float) -> bool:
        """Whether its rows are to be passed on. The bell's lock is held."""
        if not self._parts:
            return False
        terms = self._terms
        if self._finished or self._is_blocked or self._is_all or (terms.every is None and terms.rows is None):
            return True
        if terms.rows is not None and self._rows >= terms.rows:
            return True
        return terms.every is not None and self._oldest is not None and now - self._oldest >= terms.every

    def due_in(self, now: float) -> float | None:
        """Seconds until its rows are due by time alone; None where no time makes them so. The lock is held."""
        if self._oldest is None or self._terms.every is None:
            return None
        return max(0.0, self._oldest + self._terms.every - now)

    def take(self) -> Taken | None:
        """Everything that waits; None where nothing does. The bell's lock is held."""
        if not self._parts or self._oldest is None:
            return None
        rows = stacked(self._parts) if self._terms.keeps_all else self._conflated()
        taken = Taken(rows, self._sequence, self._oldest, self._is_all)
        self._parts, self._rows, self._oldest, self._is_all = [], 0, None, False
        self._bell.condition.notify_all()
        return taken

    @property
    def waiting(self) -> int:
        """Rows that wait."""
        return self._rows

    def finish(self) -> None:
        """No more will be put: what waits is due."""
        with self._bell.condition:
            self._finished = True
            self._bell.rung = True
            self._bell.condition.notify_all()

    def close(self) -> None:
        """Let a thread that waits to put go on."""
        with self._bell.condition:
            self._closed = True
            self._bell.condition.notify_all()

    def _is_full(self, more: int) -> bool:
        return self._terms.keeps_all and bool(self._rows) and self._rows + more > self._terms.limit

    def _drop_oldest(self) -> None:
        while self._rows > self._terms.limit:
            surplus = self._rows - self._terms.limit
            first = self._parts[0]
            if len(first) <= surplus:
                self._parts.pop(0)
                lost = len(first)
            else:
                self._parts[0] = first.iloc[surplus:].reset_index(drop=True)
                lost = surplus
            self._rows -= lost
            self.dropped += lost

    def _conflated(self) -> pd.DataFrame:
        """The latest row of each key, in the order in which their latest rows came."""
        rows = stacked(self._parts)
        if len(self._parts) == 1:
            return rows
        return rows.drop_duplicates(list(self._model.__key__), keep="last", ignore_index=True)
