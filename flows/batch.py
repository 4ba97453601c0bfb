"""A run from end to end: one session, every step once, or a stream for as long as it lasts."""

from __future__ import annotations

import platform
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from flows import prefect_api
from flows.context import OpenConnections, RunContext
from flows.dask_cluster import Cluster
from flows.desk import Desk
from flows.execute import describe
from flows.failure import run_on_failure
from flows.graph import Node, unroll
from flows.idempotency import check_past
from flows.journal import Journal
from flows.logs import hide_secrets
from flows.modes import run_steps
from flows.occasion import Occasion
from flows.outcome import Outcome
from flows.plan import Plan
from flows.simulated import take_to_session
from flows.watch import Onlooker, Silent, Watcher
from tasks.connections.clock import WallClock
from tasks.connections.problems import ConnectionProblem, Problem, Refused

BY_HAND = Occasion()
VERSIONS = ("hedgerow", "prefect", "ibapi", "arcticdb", "pandas", "numpy", "pandera")


@dataclass(frozen=True)
class Finished:
    """A run that has ended."""

    id: str
    plan: Plan
    session: date
    nodes: list[Node]
    outcomes: Mapping[str, Outcome]
    seconds: float
    tracked: str | None
    """The address of its page in Prefect's UI; None where it ran untracked."""
    past: bool
    cancelled: bool = False
    """It was a stream, and was stopped before its end."""

    @property
    def status(self) -> str:
        """completed; failed where any step failed; cancelled where it was stopped."""
        return "failed" if self.failures else "cancelled" if self.cancelled else "completed"

    @property
    def failures(self) -> dict[str, Outcome]:
        """The steps that failed."""
        return {name: outcome for name, outcome in self.outcomes.items() if outcome.status == "failed"}


def run_batch(
    plan: Plan,
    desk: Desk,
    parameters: Mapping[str, Any],
    *,
    session: date | None = None,
    again: int = 0,
    occasion: Occasion = BY_HAND,
    untracked: bool = False,
    watcher: Watcher | None = None,
    onlookers: tuple[Onlooker, ...] = (),
) -> Finished:
    """Run a plan once.

    Parameters
    ----------
    plan
        A checked plan.
    desk
        Its connections, limits and data folder.
    parameters
        Bound and validated values of the plan's parameters.
    session
        The trading session; by default that of the occasion, or the one that the desk's clock is in.
        A past one never acts.
    again
        Repeat effects that this session has had already: the how many-th time.
    occasion
        Why it runs: by hand, or as a slot of its schedule; and the flow run that it is the body of.
    untracked
        Run on threads of this process even where a Prefect API is configured.
    watcher
        Told of the steps as they go.
    onlookers
        Told of a stream's firings.

    Raises
    ------
    Problem
        The run could not begin: another is under way, no such session, the Prefect API is away.
        A step that fails raises nothing: it is in the outcomes.
    """
    hide_secrets()
    api = None if untracked else prefect_api.configured()
    if api is not None and occasion.flow_run is None:
        prefect_api.require_reachable(api)
    pd.options.mode.copy_on_write = True
    connections = OpenConnections(desk)
    address = plan.file.runner.dask
    workers = nullcontext() if address is None else Cluster(address)
    told = nullcontext() if api is None or occasion.flow_run is None else _in_run_log(occasion.flow_run)
    with told, Journal(desk.data, connections.read_origin) as journal, workers:
        try:
            is_queued = occasion.is_patient or plan.file.overlap == "queue"
            with nullcontext() if occasion.is_apart else _alone(plan, desk, is_queued):
                clock = connections.clock()
                occasion = take_to_session(occasion, plan.file.schedule, session, clock, desk, journal)
                place = occasion.place(plan.file.schedule, session, clock)
                context = RunContext(
                    id=uuid.uuid4().hex[:12],
                    plan=plan,
                    desk=desk,
                    parameters=parameters,
                    session=place.session,
                    clock=clock,
                    connections=connections,
                    journal=journal,
                    past=place.past,
                    slot=place.slot,
                    again=again,
                    watcher=watcher or Silent(),
                    onlookers=onlookers,
                    workers=workers if isinstance(workers, Cluster) else None,
                )
                return _journalled(context, occasion, api)
        finally:
            connections.close()


def _in_run_log(flow_run: str) -> AbstractContextManager[None]:
    from flows.run_log import in_run_log

    return in_run_log(uuid.UUID(flow_run))


@contextmanager
def _alone(plan: Plan, desk: Desk, is_queued: bool) -> Iterator[None]:
    """Keep out a second run of the same pipeline: it waits, or is refused."""
    path = desk.data / "locks" / f"{plan.name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=-1 if is_queued else 0)
        lock.acquire()
    except Timeout:
        raise Refused(
            f"{plan.name} is already running on this desk.",
            "Wait for it, or let runs queue with `overlap: queue` in the file.",
        ) from None
    except OSError as error:
        raise Problem(
            f"The desk's data folder {desk.data} can't be written: {error.strerror or error}.",
            "Mend its permissions, or name another folder with `data:` in pipelines/_desk.yaml.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _journalled(context: RunContext, occasion: Occasion, api: str | None) -> Finished:
    begun = time.perf_counter()
    nodes = unroll(context.plan, context.names)
    check_past(nodes, context)
    context.journal.begin_run(
        run=context.id,
        pipeline=context.plan.name,
        text=context.plan.text,
        params=dict(context.parameters),
        desk=context.desk.redacted(),
        session=context.session,
        slot=context.slot,
        clock=f"{type(context.clock).__name__} {context.clock.now().isoformat()}",
        trigger=occasion.trigger,
        started=WallClock().now(),
        versions={"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
    )
    context.watcher.started(nodes)
    page: str | None = None
    try:
        if api is None:
            outcomes: Mapping[str, Outcome] = run_steps(nodes, context, tracked=False)
        elif occasion.flow_run is not None:
            outcomes, page = _in_flow(nodes, context, occasion.flow_run), _page(api, occasion.flow_run)
        else:
            outcomes, page = _as_flow(nodes, context, api)
    except BaseException as error:
        status = "cancelled" if context.stopped.is_set() and context.plan.file.stream else "crashed"
        context.journal.end_run(context.id, status, describe(error), WallClock().now())
        raise
    finished = Finished(
        context.id,
        context.plan,
        context.session,
        nodes,
        outcomes,
        time.perf_counter() - begun,
        page,
        context.past,
        cancelled=context.stopped.is_set(),
    )
    if finished.failures:
        outcomes = {**outcomes, **run_on_failure(context, _reasons(finished.failures))}
        finished = replace(finished, outcomes=outcomes)
    failures = "; ".join(f"{name}: {reason}" for name, reason in _reasons(finished.failures).items())
    context.journal.end_run(context.id, finished.status, failures or None, WallClock().now())
    if page is not None and not failures and not context.past:
        from flows.serve.followers import start_followers

        start_followers(context)
    return finished


def _reasons(failed: Mapping[str, Outcome]) -> dict[str, str]:
    return {name: outcome.reason for name, outcome in failed.items()}


def _in_flow(nodes: list[Node], context: RunContext, flow_run: str) -> Mapping[str, Outcome]:
    """Run as the body of the flow run that is under way."""
    from flows.tracked import name_run

    name_run(flow_run, f"{context.plan.name} {context.session}")
    try:
        return run_steps(nodes, context, tracked=True)
    except BaseException:  # cancelled, or the process is told to end
        context.stop()
        raise


def _page(api: str, flow_run: str) -> str:
    return f"{api.rstrip('/').removesuffix('/api')}/runs/flow-run/{flow_run}"


def _as_flow(nodes: list[Node], context: RunContext, api: str) -> tuple[Mapping[str, Outcome], str]:
    from prefect.client.schemas import State
    from prefect.runtime import flow_run
    from prefect.states import Cancelled, Completed, Failed

    from flows.flow import as_flow

    outcomes: dict[str, Outcome] = {}

    def body(_: Mapping[str, Any]) -> State[None]:
        with _in_run_log(flow_run.id):
            outcomes.update(run_steps(nodes, context, tracked=True))
        if context.stopped.is_set():
            return Cancelled(message=f"stopped (run {context.id})")
        if failures := [name for name, outcome in outcomes.items() if outcome.status == "failed"]:
            return Failed(message=f"failed: {', '.join(failures)} (run {context.id})")
        return Completed(message=f"run {context.id}")

    flow = as_flow(context.plan, body, f"{context.plan.name} {context.session}")
    state: Any = flow(**context.parameters, return_state=True)
    if len(outcomes) < len(nodes):
        raise ConnectionProblem(f"The Prefect flow run ended before its steps did: {state.message}")
    return outcomes, _page(api, str(state.state_details.flow_run_id))
