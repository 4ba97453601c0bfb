"""Runs the nodes of a run as Prefect task runs, inside a flow run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from httpx import HTTPError
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.futures import PrefectFuture
from prefect.states import Completed, Failed

from flows.context import RunContext
from flows.execute import describe, execute, failed, retryable
from flows.graph import Node
from flows.outcome import Outcome
from flows.threads import JITTER


def run_nodes(nodes: list[Node], context: RunContext) -> dict[str, Outcome]:
    """Submit all nodes, in topological order, and return the outcome of each by name.

    Called inside a flow. Each node is a task run of its own name, with its edges; a failed one
    is Failed after its retries, what needs it NotReady, a skipped one Completed as "Skipped".
    """
    submitted: dict[str, PrefectFuture[Any]] = {}
    ended: dict[str, Outcome] = {}
    for node in nodes:
        upstream = {name: submitted[name] for name in node.upstream}
        submitted[node.name] = _submit(node, upstream, context, ended)
    outcomes: dict[str, Outcome] = {}
    for node in nodes:
        future = submitted[node.name]
        future.wait()
        if future.state.is_completed():
            outcomes[node.name] = future.result()
        elif node.name in ended:
            outcomes[node.name] = ended[node.name]
        else:  # NotReady: its body never ran, so that it is blocked is said here
            outcomes[node.name] = execute(node, outcomes, context)
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
) -> PrefectFuture[Any]:
    delays = node.step.retry.delays()
    attempt = 0
    retry = False

    def body(upstream: dict[str, Outcome]) -> Any:
        nonlocal attempt, retry
        attempt += 1
        begun = time.perf_counter()
        logger = get_run_logger()
        try:
            outcome = execute(node, upstream, context, attempt)
        except Exception as error:
            retry = attempt <= len(delays) and retryable(error)
            if retry:
                context.watcher.step_retrying(node, describe(error), delays[attempt - 1])
                raise
            outcome = failed(node, error, attempt, time.perf_counter() - begun)
            context.watcher.step_ended(node, outcome)
            ended[node.name] = outcome
            # A state, not an exception: Prefect would log the exception with a traceback of its own engine.
            return Failed(message=describe(error))
        for note in outcome.notes:
            logger.info("%s", note)
        if outcome.status == "skipped":
            return Completed(name="Skipped", message=outcome.reason, data=outcome)
        logger.info("%s rows in %.3f s", "no" if outcome.rows is None else outcome.rows, outcome.seconds)
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
    # Prefect gives the body the outcomes in place of these futures, and draws its edges from them.
    future: PrefectFuture[Any] = submit(upstream=dict(upstream))  # type: ignore[arg-type]
    return future
