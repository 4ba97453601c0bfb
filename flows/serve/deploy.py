"""Makes pipelines known to a Prefect server: as deployments, with their forms and their next instants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pandas as pd

from flows.desk import Desk
from flows.flow import RUN_FIELDS, as_flow
from flows.plan import Plan
from flows.schedule import Slot, slots
from flows.serve.followers import tags
from flows.serve.form import form
from tasks.connections.problems import Refused

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.responses import DeploymentResponse

    from flows.serve.prefect_yaml import Pool

LONGEST = 64
"""Instants of one schedule, a quarter's sessions: a server reads them all each time that it looks at it."""
_PAGE = 200
AHEAD = pd.Timedelta(days=366)
SOON = pd.Timedelta(minutes=1)
"""Until the server's own scheduler has surely looked at a deployment."""
RENEWED = pd.Timedelta(days=30)
"""How often a schedule is made anew at least: calendars are amended."""


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


def existing(client: SyncPrefectClient, desk: Desk) -> dict[str, DeploymentResponse]:
    """The deployments of a desk that a server has, by their names."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    ours: Any = DeploymentFilter(tags=DeploymentFilterTags(all_=tags(desk)))
    found: list[DeploymentResponse] = []
    while page := client.read_deployments(deployment_filter=ours, limit=_PAGE, offset=len(found)):
        found += page
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
    flow = as_flow(plan, _not_here, fields=RUN_FIELDS)
    name = deployment_name(plan, desk)
    is_active = before is None or all(each.active for each in before.schedules)
    is_paused = not is_active or (before is not None and before.paused)
    schedule = plan.file.schedule
    upcoming = tuple(islice(slots(schedule, now, now + AHEAD), pool.instants if pool else LONGEST)) if schedule else ()
    identity = client.create_deployment(
        flow_id=client.create_flow_from_name(plan.name),
        name=name,
        version=version,
        schedules=_schedules(upcoming, is_active),
        description=_description(plan),
        tags=tags(desk, schedule.after if schedule else None),
        **(pool.keys(plan) if pool else {"entrypoint": f"flows.catalog.{plan.name}"}),
        parameter_openapi_schema=form(flow, plan),
        enforce_parameter_schema=True,
    )
    if upcoming and not is_paused and upcoming[0].instant < now + SOON:
        # Runs that come due before the server's scheduler next looks would have none.
        client.request(
            "POST",
            "/deployments/{id}/schedule",
            path_params={"id": identity},
            json={"start_time": now.isoformat()},
        ).raise_for_status()
    return Registered(identity, name, upcoming, renewal(upcoming, now), is_paused)


def unregister(client: SyncPrefectClient, registered: Registered) -> None:
    """Take a deployment off the server; its runs stay."""
    from prefect.exceptions import ObjectNotFound

    try:
        client.delete_deployment(registered.id)
    except ObjectNotFound:
        return


def instants_text(upcoming: Sequence[Slot]) -> str:
    """Explicit instants as an iCalendar rule, which is what Prefect takes."""
    texts = [f"{slot.instant:%Y%m%dT%H%M%SZ}" for slot in upcoming]
    return f"DTSTART:{texts[0]}\nRDATE:{','.join(texts)}"


def _schedules(upcoming: Sequence[Slot], is_active: bool) -> list[DeploymentScheduleCreate]:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import RRuleSchedule

    if not upcoming:
        return []
    rule = RRuleSchedule(rrule=instants_text(upcoming), timezone="UTC")
    return [DeploymentScheduleCreate(schedule=rule, active=is_active)]


def renewal(upcoming: Sequence[Slot], now: pd.Timestamp) -> pd.Timestamp | None:
    """When half of a schedule's instants are used up, or in a month if that is sooner."""
    if not upcoming:
        return None
    return min(upcoming[len(upcoming) // 2].instant, now + RENEWED) if len(upcoming) == LONGEST else now + RENEWED


def _description(plan: Plan) -> str:
    return f"{plan.file.description}\n\n```yaml\n{plan.text.rstrip()}\n```".lstrip()


def _not_here(_: dict[str, Any]) -> None:
    raise Refused("A deployment's flow runs in a process of its own, not in the one that registers it.")
