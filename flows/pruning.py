"""When a desk's journal lets go of old frames, and which tasks can yield theirs again."""

from __future__ import annotations

import asyncio
import logging

from flows.desk import Desk
from flows.journal import Expired, Journal, Retention
from tasks.connections.clock import WallClock
from tasks.connections.problems import Problem
from tasks.registry import catalog
from tasks.wording import counted

FIRST, DAILY = 60.0, 86_400.0
"""Seconds until the first time, when whoever starts has other work, and between two times."""
log = logging.getLogger("hedgerow.journal")


def retention_of(desk: Desk) -> Retention:
    """How long the desk's journal keeps what; a task that is gone from the project can't yield anything again."""
    repeatable = {"gather", *(name for name, spec in catalog().tasks.items() if spec.kind in ("pure", "as_of"))}
    return Retention(desk.journal.sessions, int(desk.journal.budget), repeatable)


def prune(desk: Desk) -> Expired:
    """Let go of what is due in the desk's journal. Raises `Problem` where that can't be."""
    with Journal(desk.data) as journal:
        return journal.prune(retention_of(desk), WallClock().now())


async def prune_daily(desk: Desk) -> None:
    """Prune the desk's journal now and then, until cancelled. What can't be done today is logged, and done tomorrow."""
    await asyncio.sleep(FIRST)
    while True:
        try:
            expired = await asyncio.to_thread(prune, desk)
            log.info(
                "the journal let go of %s and %s",
                counted(expired.frames, "frame"),
                counted(expired.messages, "message"),
            )
        except Problem as problem:
            log.warning("the journal could not be pruned: %s", problem)
        await asyncio.sleep(DAILY)
