"""Why a run begins, and which session and slot that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flows.grammar import Schedule
from flows.schedule import Slot, key_of
from flows.sessions import DEFAULT, require_session, session_at
from tasks.connections.clock import Clock, WallClock
from tasks.connections.problems import Refused


@dataclass(frozen=True)
class Occasion:
    """Why a run begins."""

    trigger: str = "command"
    """In words, for the journal."""
    due: Slot | None = None
    """The slot of its schedule that it is the run of."""
    slot: str = "manual"
    """Its slot where none is due."""
    is_patient: bool = False
    """It waits for a run of the pipeline that is under way, also where the file lets runs be refused."""
    is_apart: bool = False
    """It may run beside another run of the pipeline: it acts on nothing."""
    flow_run: str | None = None
    """The Prefect flow run that it is the body of, where one is under way already."""
    follows: str | None = None
    """The run that it was started after, by its id."""
    stands: date | None = None
    """The session that the desk's simulated market was taken to for it."""

    def place(self, schedule: Schedule | None, asked: date | None, clock: Clock) -> Place:
        """The session and slot of the run.

        The session is the one asked for, else that of the slot that is due, else the clock's. A
        desk with a clock of its own, such as a simulated one, isn't where the schedule's wall is:
        there the session that its market was taken to counts, else the clock's, and each instant of
        the wall is a slot of its own.

        Raises
        ------
        Problem
            There is no such session, or it has not begun.
        """
        name = (schedule and schedule.calendar) or DEFAULT
        today = self.stands or session_at(clock.now(), name)
        if asked is not None:
            chosen = require_session(asked, name)
            if chosen > today:
                raise Refused(f"Session {chosen} has not begun: it is {today} by the desk's clock.")
            return Place(chosen, self.slot, chosen < today)
        if self.due is None or schedule is None:
            return Place(today, self.slot, past=False)
        if isinstance(clock, WallClock):
            return Place(self.due.session, key_of(schedule, self.due), self.due.session < today)
        return Place(today, f"{self.due.instant:%Y-%m-%dT%H:%M:%SZ}", past=False)


@dataclass(frozen=True)
class Place:
    """Where in time a run stands."""

    session: date
    slot: str
    past: bool
    """Its session is over, as another has begun: nothing may act."""
