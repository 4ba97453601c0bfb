"""Runs the nodes of a run as Prefect task runs, inside a flow run."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from httpx import HTTPError
from prefect import allow_failure, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext, TaskRunContext
from prefect.futures import PrefectFuture
from prefect.states import Cancelled, Completed, Failed

from flows.artifacts import Artifacts
from flows.context import RunContext
from flows.execute import describe, execute, failed, retryable
from flows.graph import Node
from flows.outcome import Outcome
from flows.threads import JITTER
from flows.watch import Watcher
from tasks.wording import counted


class _NoEmptyTraceback(logging.Filter):
    """Prefect logs a state that a task run failed with as if it were an exception: “NoneType: None” is no news."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0] is None:
            record.exc_info = None
        return True


_no_empty_traceback = _NoEmptyTraceback()


class AttemptFailed(Exception):
    """An attempt at a step that is tried again: what Prefect logs of it."""


def run_nodes(nodes: list[Node], context: RunContext) -> dict[str, Outcome]:
    """Submit all nodes, in topological order, and return the outcome of each by name.

    Called inside a flow. Each node is a task run of its own name, with its edges; a failed one
    is Failed after its retries, what needs it Cancelled as "Blocked", a skipped one Completed as "Skipped".
    What the steps yield, and the run's report, become artifacts of the flow run.
    """
    running = FlowRunContext.get()
    if running is None or running.flow_run is None:
        raise RuntimeError("steps are tracked only inside a flow run")
    logging.getLogger("prefect.task_runs").addFilter(_no_empty_traceback)
    with Artifacts(context, running.flow_run.id, get_run_logger()) as artifacts:
        outcomes = _run_all(nodes, replace(context, watcher=_Shown(context.watcher, artifacts)), artifacts)
        artifacts.run_ended(nodes, outcomes)
    return outcomes


class _Shown:
    """Watches for another watcher, and for the artifacts."""

    def __init__(self, other: Watcher, artifacts: Artifacts) -> None:
        self._other = other
        self._artifacts = artifacts
        self.started = other.started
        self.step_started = other.step_started
        self.step_note = other.step_note
        self.step_retrying = other.step_retrying

    def step_progress(self, node: Node, done: int, total: int, what: str) -> None:
        self._other.step_progress(node, done, total, what)
        self._artifacts.step_progress(node, done, total, what)

    def step_ended(self, node: Node, outcome: Outcome) -> None:
        self._other.step_ended(node, outcome)
        self._artifacts.step_ended(node, outcome)


def _run_all(nodes: list[Node], context: RunContext, artifacts: Artifacts) -> dict[str, Outcome]:
    submitted: dict[str, PrefectFuture[Any]] = {}
    ended: dict[str, Outcome] = {}
    for node in nodes:
        upstream = {name: submitted[name] for name in node.upstream}
        submitted[node.name] = _submit(node, upstream, context, ended, artifacts)
    outcomes: dict[str, Outcome] = {}
    for node in nodes:
        future = submitted[node.name]
        future.wait()
        outcomes[node.name] = ended[node.name] if node.name in ended else future.result()
    return outcomes


def name_run(flow_run: str, name: str) -> None:
    """Name the flow run that is under way; that it can't be named is no reason to fail it."""
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(UUID(flow_run), name=name).raise_for_status()
    except HTTPError as error:
        get_run_logger().warning("the run could not be named %s: %s", name, error)


def _submit(
    node: Node,
    upstream: Mapping[str, PrefectFuture[Any]],
    context: RunContext,
    ended: dict[str, Outcome],
    artifacts: Artifacts,
) -> PrefectFuture[Any]:
    delays = node.step.retry.delays()
    attempt = 0
    retry = False

    def body(upstream: dict[str, Any]) -> Any:
        nonlocal attempt, retry
        attempt += 1
        begun = time.perf_counter()
        logger = get_run_logger()
        if (running := TaskRunContext.get()) is not None:
            artifacts.step_runs(node, running.task_run.id)
        try:
            # Of what didn't complete, Prefect passes an exception of its own.
            outcome = execute(node, {name: ended.get(name, each) for name, each in upstream.items()}, context, attempt)
        except Exception as error:
            retry = attempt <= len(delays) and retryable(error)
            if retry:
                context.watcher.step_retrying(node, describe(error), delays[attempt - 1])
                raise AttemptFailed(describe(error)) from None
            outcome = failed(node, error, attempt, time.perf_counter() - begun)
            context.watcher.step_ended(node, outcome)
            ended[node.name] = outcome
            # A state, not an exception: Prefect would log the exception with a traceback of its own engine.
            return Failed(message=describe(error))
        for note in outcome.notes:
            logger.info("%s", note)
        if outcome.status == "blocked":
            ended[node.name] = outcome
            return Cancelled(name="Blocked", message=outcome.reason)
        if outcome.status == "skipped":
            return Completed(name="Skipped", message=outcome.reason, data=outcome)
        rows = "no frame" if outcome.rows is None else counted(outcome.rows, "row")
        logger.info("%s: %s in %.3f s", node.name, rows, outcome.seconds)
        return outcome

    submit = task(
        name=node.step.name,
        task_run_name=node.name.replace("{", "{{").replace("}", "}}"),
        description=node.step.task.summary if node.step.task else None,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=len(delays),
        retry_delay_seconds=delays or None,
        retry_jitter_factor=JITTER if delays else None,
        retry_condition_fn=lambda *_: retry,
    )(body).submit
    # Prefect gives the body the outcomes in place of these futures, and draws its edges from them. Were a failed
    # one not allowed, what needs it would never end: its pages show that as a bar which goes on for ever.
    future: PrefectFuture[Any] = submit(upstream={name: allow_failure(each) for name, each in upstream.items()})
    return future
