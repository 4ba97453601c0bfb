"""A captured stream run again, as a run of its own in the journal: it acts on nothing."""

from __future__ import annotations

import platform
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pandas as pd

from flows.context import OpenConnections, RunContext
from flows.desk import Desk
from flows.journal import Journal
from flows.outcome import Outcome
from flows.plan import Plan
from flows.stream.captures import Capture
from flows.stream.clock import FiringClock
from flows.stream.firing import Fired, Graph
from flows.stream.replay import replay
from flows.stream.session import journalled
from flows.watch import Onlooker, Silent, Watcher
from tasks.connections.clock import WallClock


@dataclass(frozen=True)
class Replayed:
    """A replay that has ended."""

    id: str
    graph: Graph
    outcomes: Mapping[str, Outcome]
    firings: int
    seconds: float
    is_what_if: bool
    """The file or a parameter isn't what it was: the world's answers are those that were had all the same."""


def run_replay(
    plan: Plan,
    desk: Desk,
    parameters: Mapping[str, Any],
    capture: Capture,
    *,
    speed: float | None = None,
    watcher: Watcher | None = None,
    onlookers: tuple[Onlooker, ...] = (),
) -> Replayed:
    """Fire what was captured, firing by firing, at the moments at which it was fired.

    Parameters
    ----------
    plan
        The pipeline as it is now.
    desk
        Its journal takes the replay in.
    parameters
        Bound values; those of the captured run for a true replay.
    capture
        What to replay.
    speed
        Seconds of then a second; None: as fast as it goes.
    watcher, onlookers
        Told of it as it goes.

    Raises
    ------
    DataProblem
        Nothing was captured.
    """
    begun = time.perf_counter()
    pd.options.mode.copy_on_write = True
    connections = OpenConnections(desk)
    with Journal(desk.data, connections.read_origin) as journal:
        try:
            context = RunContext(
                id=uuid.uuid4().hex[:12],
                plan=plan,
                desk=desk,
                parameters=parameters,
                session=capture.session,
                clock=FiringClock(pd.Timestamp(0, tz="UTC")),
                connections=connections,
                journal=journal,
                past=True,
                slot="replay",
                watcher=watcher or Silent(),
                onlookers=onlookers,
            )
            changed = plan.text != capture.text or _plain(parameters) != _plain(capture.parameters)
            journal.begin_run(
                run=context.id,
                pipeline=plan.name,
                text=plan.text,
                params=dict(parameters),
                desk=desk.redacted(),
                session=capture.session,
                slot="replay",
                clock="replay",
                trigger="what-if" if changed else "replay",
                started=WallClock().now(),
                versions={"python": platform.python_version(), "hedgerow": version("hedgerow")},
            )
            pace = _Pace(speed)
            firings = 0

            def seen(graph: Graph, fired: Fired) -> None:
                nonlocal firings
                firings += 1
                for onlooker in onlookers:
                    onlooker.fired(graph, fired)
                pace.wait_for(fired.time)

            graph = replay(context, capture.path, seen)
            outcomes = {place.name: journalled(place, graph, context) for place in graph.layout.places}
            journal.end_run(context.id, "completed", None, WallClock().now())
        finally:
            connections.close()
    return Replayed(context.id, graph, outcomes, firings, time.perf_counter() - begun, changed)


class _Pace:
    """Waits so that captured time goes by `speed` times as fast as the wall's."""

    def __init__(self, speed: float | None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._speed, self._sleep = speed, sleep
        self._first: tuple[pd.Timestamp, float] | None = None

    def wait_for(self, moment: pd.Timestamp) -> None:
        if self._speed is None:
            return
        if self._first is None:
            self._first = (moment, time.monotonic())
        then, begun = self._first
        due = begun + (moment - then).total_seconds() / self._speed
        if (missing := due - time.monotonic()) > 0:
            self._sleep(missing)


def _plain(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in parameters.items()}
