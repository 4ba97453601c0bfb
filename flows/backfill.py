"""A backfill: a pipeline run for sessions that are over, one after the other, acting on nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from flows import prefect_api
from flows.batch import Finished, run_batch
from flows.context import OpenConnections
from flows.desk import Desk
from flows.grammar import Schedule
from flows.occasion import Occasion, Place
from flows.plan import Plan
from flows.sessions import DEFAULT, calendar
from tasks.connections.clock import Clock
from tasks.connections.lmdb import make_folder
from tasks.connections.problems import DataProblem, Problem, Refused

TAG = "backfill"
"""Of its flow runs in Prefect."""


@dataclass(frozen=True)
class SessionRun:
    """What became of one session."""

    session: date
    finished: Finished | None
    """None where nothing ran."""
    problem: Problem | None = None
    """Why nothing ran."""
    stop: str = ""
    """Why the sessions after it are not begun; empty where they are."""

    @property
    def status(self) -> str:
        """completed or failed; refused where nothing ran."""
        return "refused" if self.finished is None else self.finished.status

    @property
    def reason(self) -> str:
        """Why it didn't complete; empty where it did."""
        if self.finished is None:
            return str(self.problem)
        return "; ".join(f"`{name}`: {outcome.reason}" for name, outcome in self.finished.failures.items())


@dataclass(frozen=True)
class _Backfilling(Occasion):
    """A session is run again, or for the first time, after it is over."""

    trigger: str = TAG
    is_apart: bool = True

    def place(self, schedule: Schedule | None, asked: date | None, clock: Clock) -> Place:
        # A session counts as the current one until the next opens; a backfill of it acts on nothing all the same.
        return replace(super().place(schedule, asked, clock), past=True)


def sessions_of(plan: Plan, desk: Desk, first: date, last: date) -> list[date]:
    """The sessions from `first` to `last`, both included, by the calendar of the plan's schedule, else New York's.

    Raises
    ------
    Problem
        There are none, or the last of them is not over by the desk's clock.
    """
    name = (plan.file.schedule and plan.file.schedule.calendar) or DEFAULT
    if last < first:
        raise DataProblem(f"The span {first}..{last} ends before it begins.")
    connections = OpenConnections(desk)
    try:
        now = connections.clock().now()
    finally:
        connections.close()
    over = _last_over(name, now)
    if first > over:
        raise Refused(f"Session {first} is not over: the latest that is, by the desk's clock, is {over}.")
    exchange = calendar(name, first.year, max(first.year, min(last.year, now.year)))
    found = exchange.sessions_in_range(pd.Timestamp(first), min(pd.Timestamp(last), exchange.last_session))
    sessions = [stamp.date() for stamp in found]
    if not sessions:
        raise DataProblem(f"{name} has no session from {first} to {last}.")
    if sessions[-1] > over:
        raise Refused(
            f"Session {next(day for day in sessions if day > over)} is not over, and a backfill is of those that are.",
            f"End the span at {over}.",
        )
    return sessions


def backfill(
    plan: Plan, desk: Desk, parameters: Mapping[str, Any], sessions: Sequence[date], *, untracked: bool = False
) -> Iterator[SessionRun]:
    """Run the plan for each session, in order; yield what became of it when it has ended.

    Nothing acts: an effect gives the result that the session's own run recorded, or none. What can
    only be read now is what a run of the session recorded, or the session is refused. A session
    that is refused or fails doesn't keep the others from running, unless they build on it by
    `last:`: then it is the last that is yielded, as it is where no other would do better.

    Parameters
    ----------
    plan, desk, parameters
        As for `run_batch`.
    sessions
        From `sessions_of`.
    untracked
        Run on threads of this process even where a Prefect API is configured; else each session is a
        flow run of its own, tagged `backfill`.

    Raises
    ------
    Refused
        Another backfill of this pipeline is under way.
    """
    builds = _builds_on_the_last(plan)
    schedule = plan.file.schedule
    # Where a session has one slot, an effect's recorded result is that of the run in this slot.
    occasion = _Backfilling(slot="0" if schedule is not None and schedule.at is not None else "manual")
    is_tracked = not untracked and prefect_api.configured() is not None
    with _only_one(plan, desk):
        for session in sessions:
            problem: Problem | None = None
            finished: Finished | None = None
            try:
                with _tagged() if is_tracked else nullcontext():
                    finished = run_batch(
                        plan, desk, parameters, session=session, occasion=occasion, untracked=untracked
                    )
            except Problem as error:
                problem = error
            ended = SessionRun(session, finished, problem)
            if problem is not None and not isinstance(problem, Refused | DataProblem):
                ended = replace(ended, stop="it would be the same for them")
            elif builds and ended.status != "completed":
                ended = replace(ended, stop=f"they build on it by `last:` of `{builds}`")
            yield ended
            if ended.stop:
                return


@contextmanager
def _only_one(plan: Plan, desk: Desk) -> Iterator[None]:
    make_folder(desk.data / "locks", "The desk's data folder")
    try:
        with FileLock(desk.data / "locks" / f"{plan.name}.{TAG}.lock", timeout=0):
            yield
    except Timeout:
        raise Refused(f"Another backfill of {plan.name} is under way on this desk.", "Wait for it.") from None


def _tagged() -> AbstractContextManager[Any]:
    from prefect import tags

    return tags(TAG)


def _last_over(name: str, now: pd.Timestamp) -> date:
    """The latest session that has closed."""
    exchange = calendar(name, now.year)
    closed = exchange.closes.searchsorted(now, side="right")
    session: pd.Timestamp = exchange.sessions[int(closed) - 1]
    return session.date()


def _builds_on_the_last(plan: Plan) -> str:
    """The first step that takes a frame of an earlier session; empty where none does."""
    for step in plan.steps:
        if step.last:
            return step.name
        if step.pipeline is not None and (inner := _builds_on_the_last(step.pipeline)):
            return f"{step.name}/{inner}"
    return ""
