"""Pipelines that run after another: `schedule: {after: NAME}`."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from flows.context import RunContext
from flows.desk import Desk

log = logging.getLogger("hedgerow")
_KEY = "after"
PROJECT = "project:"
"""What the tag of a deployment begins with that names the folder it is served from."""


@dataclass(frozen=True)
class Earlier:
    """The run that another one follows."""

    pipeline: str
    run: str
    slot: str
    """The slot of the run that follows: the same for every repetition of the earlier one in its slot."""


def tags(desk: Desk, after: str | None = None) -> list[str]:
    """The tags of a deployment: what tells it from those of other desks, and what it runs after."""
    own = ["hedgerow", f"desk:{desk.name}@{desk.profile}" if desk.profile else f"desk:{desk.name}"]
    return own if after is None else [*own, f"{_KEY}:{after}"]


def start_followers(context: RunContext) -> None:
    """Start the deployments of this desk that run after a pipeline, each once, in the session of its run."""
    from httpx import HTTPError
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
    from prefect.context import FlowRunContext

    name, desk = context.plan.name, context.desk
    key = f"{_KEY} {name} {context.id} {context.slot}"
    running = FlowRunContext.get()
    own = running.flow_run.tags if running is not None and running.flow_run is not None else []
    project = [tag for tag in own if tag.startswith(PROJECT)]  # which it has from its deployment
    wanted = DeploymentFilter(tags=DeploymentFilterTags(all_=[*tags(desk, name), *project]))
    try:
        with get_client(sync_client=True) as client:
            for deployment in client.read_deployments(deployment_filter=wanted):
                client.create_flow_run_from_deployment(
                    deployment.id, parameters={"session": context.session.isoformat()}, idempotency_key=key
                )
                log.info("%s follows %s", deployment.name, name)
    except HTTPError as error:
        log.error("what runs after %s could not be started: %s", name, error)


def triggered_by(idempotency_key: str) -> Earlier | None:
    """The run that a flow run follows, from its idempotency key; None where it follows none."""
    parts = idempotency_key.split(" ", 3)
    if len(parts) != 4 or parts[0] != _KEY:
        return None
    return Earlier(parts[1], parts[2], f"{_KEY} {parts[1]} {parts[3]}")
