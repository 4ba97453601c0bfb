"""What a step or a source yields between firings, and what it still owes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from tasks.connections.problems import DeadlinePassed, Problem

Frames = dict[str | None, pd.DataFrame]


@dataclass
class Attempt:
    """An effect that failed, as it was: it may have been done all the same, and is asked for again as the same one."""

    firing: int
    """In which it was first tried: its idempotency key is of that."""
    inputs: dict[str, pd.DataFrame | None]
    is_behind: bool = False
    """Something newer has come, which it takes after this."""


@dataclass
class Held:
    """What a step or a source yields now."""

    frames: Frames | None = None
    before: Frames | None = None
    """The frames of its firing before the last: what `last:` means in the firing it runs in."""
    firing: int = 0
    """In which it last ran."""
    at: pd.Timestamp | None = None
    stale: str = ""
    """Why what it yields isn't up to date; empty where it is."""
    failed: str = ""
    failures: int = 0
    """In a row."""
    not_before: float = 0.0
    """By the monotonic clock: when a step that asks the world and failed may ask again."""
    owed: bool = False
    """It has to run although nothing new has come: it was put off, held back, or has failed."""
    entered: list[pd.Timestamp] = field(default_factory=list)
    """Of a sliding log: when each of its parts came in."""
    waiting: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    """Rows of logs that it hasn't taken yet, by parameter."""
    attempt: Attempt | None = None

    def frame(self, name: str | None) -> pd.DataFrame | None:
        """Its frame of this name."""
        return None if self.frames is None else self.frames.get(name)


class AnsweredThen(Problem):
    """The world answered with an error then, and does so again."""

    is_unclear = False
    """Whether what it was asked to do may have been done all the same."""


def may_be_done(trades: bool, error: Exception) -> bool:
    """Whether an effect that raised may have happened.

    Parameters
    ----------
    trades
        It sends orders. Those that surely weren't sent are planned anew, on what is true by then.
    error
        What it raised.
    """
    if isinstance(error, AnsweredThen):
        return error.is_unclear
    if not trades:
        return True
    from tasks.connections.ib.orders.desk import Unknown

    return isinstance(error, Unknown | DeadlinePassed) or not isinstance(error, Problem)
