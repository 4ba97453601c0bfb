"""Makes pipelines known to a Prefect server: as deployments, with their forms and their next instants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pandas as pd

from flows.desk import Desk
from flows.plan import Plan
from flows.schedule import Slot
from flows.serve.followers import tags
from flows.serve.form import form
from flows.serve.identity import project_of
from flows.serve.instants import held, instants_text, renewal, upcoming

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.responses import DeploymentResponse

    from flows.serve.prefect_yaml import Pool

_PAGE = 200
SOON = pd.Timedelta(minutes=1)
"""Until the server's own scheduler has surely looked at a deployment."""


@dataclass(frozen=True)
class Registered:
    """A deployment on the server."""

    id: UUID
    name: str
    upcoming: tuple[Slot, ...]
    renew: pd.Timestamp | None
    """When its instants must be made anew; None where it has none."""
    is_paused: bool


def deployment_name(plan: Plan, desk: Desk) -> str:
    """The pipeline's name, and the profile it is pinned to where there is one."""
    return plan.name if desk.profile is None else f"{plan.name}@{desk.profile}"


def existing(client: SyncPrefectClient) -> dict[str, DeploymentResponse]:
    """The pipelines' deployments that a server has, of all desks and projects, by their names."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    ours: Any = DeploymentFilter(tags=DeploymentFilterTags(all_=["hedgerow"]))
    found: list[DeploymentResponse] = []
    while page := client.read_deployments(deployment_filter=ours, limit=_PAGE, offset=len(found)):
        found += page
        if len(page) < _PAGE:
            break
    return {deployment.name: deployment for deployment in found}


def register(
    client: SyncPrefectClient,
    plan: Plan,
    desk: Desk,
    version: str,
    now: pd.Timestamp,
    before: DeploymentResponse | None = None,
    pool: Pool | None = None,
) -> Registered:
    """Create or renew the deployment of a pipeline.

    A schedule that somebody has paused stays paused. Its runs to come are replaced by those of the
    schedule as it is now; runs that are due already stay.

    Parameters
    ----------
    client
        Of the server.
    plan, desk
        What is deployed, and the desk it is pinned to.
    version
        What is run: see `flows.serve.accepted`.
    now
        The wall's time.
    before
        The deployment as the server has it.
    pool
        Whose workers run it; None where it is served.
    """
    name = deployment_name(plan, desk)
    if before is not None and pool is None and before.work_pool_name is not None:
        client.delete_deployment(before.id)  # written over, it would stay in its pool
        before = None
    is_active = before is None or all(each.active for each in before.schedules)
    is_paused = not is_active or (before is not None and before.paused)
    schedule = plan.file.schedule
    wanted = upcoming(schedule, now, pool.instants if pool else None)
    told: dict[str, Any] = {
        "version": version,
        "description": _description(plan),
        "tags": [*tags(desk, schedule.after if schedule else None), *([] if pool else [project_of(desk.root)])],
        **(pool.keys(plan) if pool else {"entrypoint": f"flows.catalog.{plan.name}"}),
        "parameter_openapi_schema": form(plan),
        "enforce_parameter_schema": True,
    }
    known = None if before is None else _known(before, told, wanted, now)
    if before is not None and known is not None:
        identity = before.id
    else:
        identity = client.create_deployment(
            flow_id=client.create_flow_from_name(plan.name) if before is None else before.flow_id,
            name=name,
            schedules=_schedules(wanted, is_active),
            **told,
        )
    if wanted and not is_paused and wanted[0].instant < now + SOON:
        # Runs that come due before the server's scheduler next looks would have none.
        client.request(
            "POST",
            "/deployments/{id}/schedule",
            path_params={"id": identity},
            json={"start_time": now.isoformat()},
        ).raise_for_status()
    count = len(wanted) if known is None else known
    return Registered(identity, name, wanted[:count], renewal(wanted, count, now), is_paused)


def _known(before: DeploymentResponse, told: dict[str, Any], wanted: Sequence[Slot], now: pd.Timestamp) -> int | None:
    """How many of its instants a server has of a deployment that is as wanted; None where it must be told anew.

    To tell a server what it knows costs it a twentieth of a second.
    """
    if any(getattr(before, key) != value for key, value in told.items()):
        return None
    return held([str(getattr(each.schedule, "rrule", "")) for each in before.schedules], wanted, now)


def unregister(client: SyncPrefectClient, deployment: UUID) -> None:
    """Take a deployment off the server; its runs stay."""
    from prefect.exceptions import ObjectNotFound

    try:
        client.delete_deployment(deployment)
    except ObjectNotFound:
        return


def _schedules(upcoming: Sequence[Slot], is_active: bool) -> list[DeploymentScheduleCreate]:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import RRuleSchedule

    if not upcoming:
        return []
    rule = RRuleSchedule(rrule=instants_text(upcoming), timezone="UTC")
    return [DeploymentScheduleCreate(schedule=rule, active=is_active)]


def _description(plan: Plan) -> str:
    return f"{plan.file.description}\n\n```yaml\n{plan.text.rstrip()}\n```".lstrip()
