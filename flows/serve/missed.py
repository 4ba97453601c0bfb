"""What becomes of the slots that came due while nobody was up to run them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pandas as pd

from flows.desk import Desk
from flows.plan import Plan
from flows.schedule import Slot, missed
from flows.serve.claims import claimed
from flows.serve.deploy import Registered
from flows.serve.flow_run import CAUGHT_UP
from flows.serve.followers import tags

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

_PAGE = 200


def make_up(
    client: SyncPrefectClient,
    plan: Plan,
    desk: Desk,
    registered: Registered,
    since: pd.Timestamp,
    now: pd.Timestamp,
    overdue: Iterable[FlowRun],
) -> tuple[Slot | None, int]:
    """Run the latest missed slot, or let it go, as the schedule's `missed:` says.

    To be called before the deployment is served: overdue runs that the server still has would all be run.

    Parameters
    ----------
    since
        When somebody was last up.
    now
        The wall's time.
    overdue
        The deployment's, of those that `overdue_runs` finds.

    Returns
    -------
    (Slot or None, int)
        The slot that is run now, and how many are let go.
    """
    schedule = plan.file.schedule
    if schedule is None:
        return None, 0
    for flow_run in overdue:
        _cancel(client, flow_run)
    slot, let_go = missed(schedule, since, now, claimed(desk, plan.name))
    if slot is not None:
        client.create_flow_run_from_deployment(
            registered.id, idempotency_key=f"{CAUGHT_UP}{slot.instant:%Y-%m-%dT%H:%M:%SZ}", tags=["caught-up"]
        )
    return slot, let_go


def overdue_runs(client: SyncPrefectClient, desk: Desk, now: pd.Timestamp) -> dict[UUID, list[FlowRun]]:
    """The scheduled runs of a desk that were due before now and haven't begun, by their deployments."""
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterTags,
        FlowRunFilter,
        FlowRunFilterExpectedStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    wanted: Any = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=now.to_pydatetime(warn=False)),
    )
    ours: Any = DeploymentFilter(tags=DeploymentFilterTags(all_=tags(desk)))
    found: list[FlowRun] = []
    while page := client.read_flow_runs(flow_run_filter=wanted, deployment_filter=ours, limit=_PAGE, offset=len(found)):
        found += page
    by_deployment: dict[UUID, list[FlowRun]] = {}
    for flow_run in found:
        if flow_run.auto_scheduled and flow_run.deployment_id is not None:
            by_deployment.setdefault(flow_run.deployment_id, []).append(flow_run)
    return by_deployment


def _cancel(client: SyncPrefectClient, flow_run: FlowRun) -> None:
    from prefect.states import Cancelled

    client.set_flow_run_state(flow_run.id, Cancelled(message="Nobody was up when it was due."), force=True)
