"""What happens in the process of a deployment's flow run."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from flows.batch import run_batch
from flows.check import check_file, render
from flows.check.parameters import bind
from flows.desk import Desk, load_desk
from flows.flow import RUN_FIELDS, as_flow
from flows.grammar import Schedule
from flows.occasion import Occasion
from flows.plan import Plan
from flows.project import FOLDER, find_root
from flows.schedule import slot_at
from flows.serve import accepted
from flows.serve.claims import claim
from flows.serve.followers import triggered_by
from flows.serve.lost import known_to_run
from tasks.connections.problems import Problem
from tasks.registry import catalog

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun, State

ACCEPTED = "HEDGEROW_ACCEPTED"
"""Variable of the folder of accepted pipelines; where there is none, those of the project's folder run."""
PROFILE = "HEDGEROW_DESK"
"""Variable of the desk profile that a deployment is pinned to; empty for none."""
CAUGHT_UP = "caught-up "
"""What the idempotency key of a flow run that makes up for a missed slot begins with; its instant follows."""


class NoSuchPipeline(Problem):
    """There is no pipeline of this name."""


class _NoTraceOfFailure(logging.Filter):
    """Leaves out what Prefect's engine says of a run that ended as failed: its trace is only Prefect's own."""

    def filter(self, record: logging.LogRecord) -> bool:
        from prefect.exceptions import FailedRun

        return not (record.exc_info and isinstance(record.exc_info[1], FailedRun))


def flow_of(name: str) -> Flow[..., Any]:
    """The Prefect flow of a pipeline, on the desk and in the version that this process is told to run."""
    for logger in ("prefect.engine", "prefect.flow_runs"):
        logging.getLogger(logger).addFilter(_NO_TRACE)
    plan, desk = loaded(name)
    return as_flow(plan, lambda parameters: _run(plan, desk, parameters), fields=RUN_FIELDS)


def plan_of(name: str) -> Plan | None:
    """The plan of a pipeline; None where there is none that can be run."""
    try:
        return loaded(name)[0]
    except Problem:
        return None


def loaded(name: str) -> tuple[Plan, Desk]:
    """The plan of a pipeline and its desk, as this process is told to run them. Raises `Problem` where it can't."""
    root, profile = find_root(), os.environ.get(PROFILE) or None
    folder = os.environ.get(ACCEPTED)
    if folder:
        pipelines = accepted.current(Path(folder), name)
        desk = accepted.desk_in(pipelines, root, profile)
    else:
        pipelines = root / FOLDER
        if not (pipelines / f"{name}.yaml").is_file():
            raise NoSuchPipeline(f"There is no pipeline `{name}` in {pipelines}.")
        desk = load_desk(pipelines, profile)
    checked = check_file(pipelines / f"{name}.yaml", catalog(), desk, pipelines)
    if checked.plan is None:
        raise Problem(f"{name}.yaml has errors, so nothing was run.\n{render(checked)}")
    return checked.plan, desk


def _run(plan: Plan, desk: Desk, parameters: dict[str, Any]) -> State[None]:
    from prefect.context import FlowRunContext
    from prefect.states import Completed, Failed

    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise Problem(f"{plan.name} was called outside of a flow run.")
    flow_run = context.flow_run
    occasion = occasion_of(flow_run, plan.file.schedule)
    if occasion.due is not None:
        owner = claim(desk, plan.name, occasion.due.instant, str(flow_run.id))
        if owner != str(flow_run.id):
            return Completed(name="Skipped", message=f"flow run {owner} has this slot already")
    session, again = parameters.pop("session"), parameters.pop("again")
    try:
        values = bind(plan, parameters)
        with known_to_run(desk, str(flow_run.id)):
            finished = run_batch(plan, desk, values, session=session, again=again, occasion=occasion)
    except Problem as problem:
        return Failed(message=str(problem))
    if finished.failures:
        return Failed(message=f"failed: {', '.join(finished.failures)} (run {finished.id})")
    return Completed(message=f"run {finished.id}")


_NO_TRACE = _NoTraceOfFailure()


def occasion_of(flow_run: FlowRun, schedule: Schedule | None) -> Occasion:
    """Why a deployment's flow run runs: as a slot of its schedule, after another pipeline, or by hand."""
    identity = str(flow_run.id)
    key = flow_run.idempotency_key or ""
    if (earlier := triggered_by(key)) is not None:
        return Occasion(f"after {earlier.pipeline}", slot=earlier.slot, flow_run=identity, follows=earlier.run)
    caught_up = key.startswith(CAUGHT_UP)
    planned = flow_run.expected_start_time if flow_run.auto_scheduled else None
    if schedule is None or (planned is None and not caught_up):
        return Occasion("Prefect", flow_run=identity)
    instant = pd.Timestamp(key.removeprefix(CAUGHT_UP) if caught_up or planned is None else planned).as_unit("ns")
    instant = instant.tz_convert("UTC")
    due = slot_at(schedule, instant)
    if due is None:
        # Edited since: the run was made for a slot that the schedule no longer has.
        return Occasion("schedule", slot=f"{instant:%Y-%m-%dT%H:%M:%SZ}", flow_run=identity)
    return Occasion("caught up" if caught_up else "schedule", due, is_patient=caught_up, flow_run=identity)
