"""What becomes of the slots that came due while nobody was up to run them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from flows.desk import Desk
from flows.plan import Plan
from flows.schedule import Slot, missed
from flows.serve.claims import claimed
from flows.serve.deploy import Registered
from flows.serve.flow_run import CAUGHT_UP

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun


def make_up(
    client: SyncPrefectClient, plan: Plan, desk: Desk, registered: Registered, since: pd.Timestamp, now: pd.Timestamp
) -> tuple[Slot | None, int]:
    """Run the latest missed slot, or let it go, as the schedule's `missed:` says.

    To be called before the deployment is served: overdue runs that the server still has would all be run.

    Parameters
    ----------
    since
        When somebody was last up.
    now
        The wall's time.

    Returns
    -------
    (Slot or None, int)
        The slot that is run now, and how many are let go.
    """
    schedule = plan.file.schedule
    if schedule is None:
        return None, 0
    for overdue in _overdue(client, registered, now):
        _cancel(client, overdue)
    slot, let_go = missed(schedule, since, now, claimed(desk, plan.name))
    if slot is not None:
        client.create_flow_run_from_deployment(
            registered.id, idempotency_key=f"{CAUGHT_UP}{slot.instant:%Y-%m-%dT%H:%M:%SZ}", tags=["caught-up"]
        )
    return slot, let_go


def _overdue(client: SyncPrefectClient, registered: Registered, now: pd.Timestamp) -> list[FlowRun]:
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
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
    found: list[FlowRun] = []
    while page := client.read_flow_runs(
        flow_run_filter=wanted,
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[registered.id])),
        limit=200,
        offset=len(found),
    ):
        found += page
    return [run for run in found if run.auto_scheduled]


def _cancel(client: SyncPrefectClient, flow_run: FlowRun) -> None:
    from prefect.states import Cancelled

    client.set_flow_run_state(flow_run.id, Cancelled(message="Nobody was up when it was due."), force=True)
