"""When a desk's journal lets go of old frames, and which tasks can yield theirs again."""

from __future__ import annotations

import logging

import pandas as pd

from flows.desk import Desk
from flows.journal import Journal, Retention
from tasks.connections.problems import Problem
from tasks.registry import catalog

DAILY = pd.Timedelta(days=1)
log = logging.getLogger("hedgerow.journal")


def retention_of(desk: Desk) -> Retention:
    """How long the desk's journal keeps what; a task that is gone from the project can't yield anything again."""
    repeatable = {"gather", *(name for name, spec in catalog().tasks.items() if spec.kind in ("pure", "as_of"))}
    return Retention(desk.journal.sessions, int(desk.journal.budget), repeatable)


class Pruning:
    """Prunes a desk's journal once a day.

    Parameters
    ----------
    desk
        Whose.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._due: pd.Timestamp | None = None

    def is_due(self, now: pd.Timestamp) -> bool:
        """Whether a day has gone by; at first, at once."""
        return self._due is None or now >= self._due

    def prune(self, now: pd.Timestamp) -> None:
        """Prune. That it can't be done is logged: tomorrow is another day."""
        self._due = now + DAILY
        try:
            with Journal(self._desk.data) as journal:
                expired = journal.prune(retention_of(self._desk), now)
            log.info("the journal let go of %d frames, %d bytes", expired.frames, expired.bytes)
        except Problem as problem:
            log.warning("the journal could not be pruned: %s", problem)
