"""What happens when a run fails, or its process ends before it could: the file's `on_failure` step."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

from flows import threads
from flows.context import OpenConnections, RunContext
from flows.desk import Desk
from flows.graph import unroll
from flows.journal import Journal
from flows.outcome import Outcome
from flows.plan import Plan
from flows.sessions import DEFAULT, session_at
from tasks.connections.clock import WallClock


def run_on_failure(context: RunContext, failures: Mapping[str, str]) -> Mapping[str, Outcome]:
    """Run the file's `on_failure` step; that it fails too is told, and hides nothing.

    Parameters
    ----------
    failures
        What it is to tell of: the steps that failed, and why.
    """
    step = context.plan.on_failure
    if step is None:
        return {}
    told = replace(context, failures=failures)
    return threads.run_nodes(unroll(replace(context.plan, steps=(step,)), context.names), told)


def tell_of_crash(plan: Plan, desk: Desk, flow_run: str, what: str) -> str | None:
    """Run `on_failure` for a flow run whose process has ended, as a run of its own in the journal.

    Parameters
    ----------
    flow_run
        The id of the Prefect flow run: however often it is told of, it alerts once.
    what
        What became of it, in words.

    Returns
    -------
    str or None
        The id of the run that told; None where the file has no `on_failure`.
    """
    if plan.on_failure is None:
        return None
    connections = OpenConnections(desk)
    clock = WallClock()
    with Journal(desk.data, connections.read_origin) as journal:
        try:
            context = RunContext(
                id=uuid.uuid4().hex[:12],
                plan=plan,
                desk=desk,
                parameters={},
                session=session_at(clock.now(), (plan.file.schedule and plan.file.schedule.calendar) or DEFAULT),
                clock=clock,
                connections=connections,
                journal=journal,
                slot=f"crash of flow run {flow_run}",
            )
            journal.begin_run(
                run=context.id,
                pipeline=plan.name,
                text=plan.text,
                params={},
                desk=desk.redacted(),
                session=context.session,
                slot=context.slot,
                clock=f"{type(clock).__name__} {clock.now().isoformat()}",
                trigger=context.slot,
                started=clock.now(),
                versions={},
            )
            outcomes = run_on_failure(context, {plan.name: what})
            failed = [outcome.reason for outcome in outcomes.values() if outcome.status == "failed"]
            journal.end_run(context.id, "failed", "; ".join([what, *failed]), clock.now())
            return context.id
        finally:
            connections.close()
