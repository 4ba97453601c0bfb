"""Flow runs whose process has ended before they did: marked as crashed, and alerted once."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pandas as pd

from flows.desk import Desk
from flows.failure import tell_of_crash
from flows.plan import Plan
from flows.processes import is_gone
from flows.serve.followers import tags
from flows.serve.identity import project_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

log = logging.getLogger("hedgerow.crashes")

EVERY = pd.Timedelta(seconds=10)
_RUNNING = "running"
"""Folder of the files that name the process of each flow run under way."""
BACK = pd.Timedelta(days=1)
"""How far back a crash is still told of: a desk that was away for longer has other worries."""


class Crashes:
    """Looks for crashed flow runs of a desk's deployments, and runs their files' `on_failure`.

    Prefect sees a killed process as long as the one that started it lives. Where both are gone, a
    run would stay Running for ever: here its process is looked for, by the file that it left.

    Parameters
    ----------
    desk
        Whose deployments.
    plan_of
        The plan of a pipeline by name, or None where there is none any more.
    client
        Of the server.
    say
        Takes what a person should know.
    """

    def __init__(
        self, desk: Desk, plan_of: Callable[[str], Plan | None], client: SyncPrefectClient, say: Callable[[str], None]
    ) -> None:
        self._desk = desk
        self._plan_of = plan_of
        self._client = client
        self._say = say
        self._folder = desk.data / "crashes"
        self._next: pd.Timestamp | None = None

    def is_due(self, now: pd.Timestamp) -> bool:
        """Whether it is time to look again."""
        return self._next is None or now >= self._next

    def look(self, now: pd.Timestamp) -> list[str]:
        """Mark what has lost its process, tell of what has crashed; the ids of the flow runs told of."""
        self._next = now + EVERY
        for path in (self._desk.data / _RUNNING).glob("*"):
            if _is_gone(path):
                self._mark(UUID(path.name))
                path.unlink(missing_ok=True)
        told = []
        for flow_run in self._crashed(now):
            if self._is_new(str(flow_run.id)):
                self._tell(flow_run)
                told.append(str(flow_run.id))
        return told

    def _mark(self, identity: UUID) -> None:
        from prefect.exceptions import ObjectNotFound
        from prefect.states import Crashed

        try:
            flow_run = self._client.read_flow_run(identity)
        except ObjectNotFound:
            return
        if flow_run.state is not None and flow_run.state.is_running():
            self._client.set_flow_run_state(identity, Crashed(message="Its process is gone."), force=True)

    def _crashed(self, now: pd.Timestamp) -> list[FlowRun]:
        from prefect.client.schemas.filters import (
            DeploymentFilter,
            DeploymentFilterTags,
            FlowRunFilter,
            FlowRunFilterExpectedStartTime,
            FlowRunFilterState,
            FlowRunFilterStateType,
        )
        from prefect.client.schemas.objects import StateType

        crashed = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED]))
        lately = FlowRunFilterExpectedStartTime(after_=(now - BACK).to_pydatetime(warn=False))
        return self._client.read_flow_runs(
            deployment_filter=DeploymentFilter(
                tags=DeploymentFilterTags(all_=[*tags(self._desk), project_of(self._desk.root)])
            ),
            flow_run_filter=FlowRunFilter(state=crashed, expected_start_time=lately),
        )

    def _is_new(self, flow_run: str) -> bool:
        """Whether nobody has told of it; from now on somebody has."""
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            (self._folder / flow_run).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _tell(self, flow_run: FlowRun) -> None:
        name = self._pipeline(flow_run)
        reason = (flow_run.state and flow_run.state.message) or "nobody knows why"
        what = f"flow run {flow_run.name} crashed: {reason}"
        self._say(f"{name}: {what}")
        plan = self._plan_of(name)
        if plan is None:
            log.warning("%s: %s; its file is gone, so nobody is told", name, what)
            return
        tell_of_crash(plan, self._desk, str(flow_run.id), what)

    def _pipeline(self, flow_run: FlowRun) -> str:
        """By its deployment: the run may have ended before it could be named."""
        assert flow_run.deployment_id is not None  # noqa: S101 - it was found by its deployment's tags
        return self._client.read_deployment(flow_run.deployment_id).name.partition("@")[0]


@contextmanager
def known_to_run(desk: Desk, flow_run: str) -> Iterator[None]:
    """Within the block this process is known to run a flow run: should it be killed, that can be seen."""
    path = desk.data / _RUNNING / flow_run
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{socket.gethostname()}:{os.getpid()}")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _is_gone(path: Path) -> bool:
    """Whether the process that a file names, of this machine, is no more."""
    try:
        host, _, process = path.read_text().rpartition(":")
    except FileNotFoundError:
        return False
    return process.isdigit() and is_gone(host, int(process))
