"""Flow runs whose process has ended before they did: marked as crashed, and alerted once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING
from uuid import UUID

import pandas as pd

from flows.desk import Desk
from flows.failure import tell_of_crash
from flows.plan import Plan
from flows.serve.followers import tags
from flows.serve.identity import project_of
from flows.serve.lost import Lost

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

log = logging.getLogger("hedgerow.crashes")

EVERY = pd.Timedelta(seconds=10)
BACK = pd.Timedelta(days=1)
"""How far back a crash is still told of: a desk that was away for longer has other worries."""


class Crashes:
    """Looks for crashed flow runs of a desk's deployments, and runs their files' `on_failure`.

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
        self._lost = Lost(desk, client)
        self._folder = desk.data / "crashes"
        self._next: pd.Timestamp | None = None

    def is_due(self, now: pd.Timestamp) -> bool:
        """Whether it is time to look again."""
        return self._next is None or now >= self._next

    def look(self, now: pd.Timestamp, ours: Collection[UUID] = ()) -> list[str]:
        """Mark what has lost its process, tell of what has crashed.

        Parameters
        ----------
        now
            The wall's time.
        ours
            The flow runs that our runner has.

        Returns
        -------
        list of str
            The ids of the flow runs told of.
        """
        self._next = now + EVERY
        self._lost.mark(now, ours)
        told = []
        for flow_run in self._crashed(now):
            if self._is_new(str(flow_run.id)):
                self._tell(flow_run)
                told.append(str(flow_run.id))
        return told

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
