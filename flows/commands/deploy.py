"""`hedgerow deploy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pandas as pd

from flows import prefect_api
from flows.desk import Desk, load_desk
from flows.plan import Plan
from flows.project import FOLDER, find_root
from flows.serve.checked import checked_plans
from flows.serve.followers import tags
from flows.serve.prefect_yaml import FILE, Pool, prefect_yaml, pull_steps, version_of
from flows.serve.stale import stale
from tasks.connections.clock import WallClock
from tasks.connections.problems import Problem

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.serve.deploy import Registered


def deploy_pipelines(
    pool_name: str | None, profile: str | None, *, repository: str | None, branch: str | None, folder: str | None
) -> int:
    """Deploy every pipeline that checks to a work pool; return the exit status: 1 where one was left out."""
    root = find_root()
    desk = load_desk(root / FOLDER, profile)
    url = prefect_api.configured()
    if url is None:
        raise Problem("No Prefect API is configured.", "Set PREFECT_API_URL to that of your server.")
    prefect_api.require_reachable(url)
    pull = pull_steps(root, repository, branch, folder)
    from flows.serve.client import server_client

    now = WallClock().now()
    with server_client() as client:
        pool = Pool(_pool(client, pool_name), pull, profile)
        plans, wrong = checked_plans(root, desk)
        deployed = _registered(client, plans, desk, pool, now, wrong)
        for name, text in wrong.items():
            click.echo(f"{text}\n{name}: left out", err=True)
        _drop_removed(client, desk, pool, {*plans, *wrong})
    (root / FILE).write_text(prefect_yaml(pool, desk, deployed, version_of(root)), encoding="utf-8")
    _tell(deployed, wrong, pool, url)
    faults, end = stale(root, desk, {name: plan for name, (plan, _) in deployed.items()}, now)
    for fault in faults:  # such as an entrypoint that workers won't find
        click.echo(f"{FILE}: {fault}", err=True)
    if end is not None:
        click.echo(f"schedules last until {end:%Y-%m-%d}: `hedgerow deploy` again before then, or after an edit")
    return 1 if wrong or faults else 0


def check_deployed(profile: str | None) -> int:
    """Compare prefect.yaml with the pipelines; return the exit status: 1 where it is stale."""
    root = find_root()
    desk = load_desk(root / FOLDER, profile)
    plans, wrong = checked_plans(root, desk)
    for name, text in wrong.items():
        click.echo(f"{text}\n{name}: can't be deployed")
    faults, end = stale(root, desk, plans, WallClock().now())
    for fault in faults:
        click.echo(f"{FILE}: {fault}")
    if faults:
        click.echo(f"{FILE} is stale: run `hedgerow deploy`")
    elif not wrong:
        until = "" if end is None else f"; its schedules last until {end:%Y-%m-%d}"
        click.echo(f"{FILE} is as the pipelines are{until}")
    return 1 if wrong or faults else 0


def _pool(client: SyncPrefectClient, name: str | None) -> str:
    """The work pool of this name, or the only one. Raises `Problem` where it isn't there."""
    there = sorted(pool.name for pool in client.read_work_pools())
    listed = ", ".join(there) or "none"
    if name is None and len(there) == 1:
        return there[0]
    if name is None and there:
        raise Problem(f"This server has several work pools: {listed}.", "Name one with --pool.")
    if name not in there:
        raise Problem(
            f"This server has no work pool{f' `{name}`' if name else ''} (there are: {listed}).",
            f"Create it with `prefect work-pool create {name or 'NAME'} --type process`.",
        )
    return name


def _registered(
    client: SyncPrefectClient,
    plans: dict[str, Plan],
    desk: Desk,
    pool: Pool,
    now: pd.Timestamp,
    wrong: dict[str, str],
) -> dict[str, tuple[Plan, Registered]]:
    """What was deployed, by its pipeline; what others run is added to what is wrong."""
    from flows.serve.deploy import deployment_name, existing, register
    from flows.serve.identity import refusal

    version = version_of(desk.root)
    there = existing(client)
    deployed = {}
    for name, plan in plans.items():
        before = there.get(deployment_name(plan, desk))
        if before is not None and (why := refusal(before, desk, pool.name, now)):
            wrong[name] = why
            continue
        deployed[name] = plan, register(client, plan, desk, version, now, before, pool)
    return deployed


def _drop_removed(client: SyncPrefectClient, desk: Desk, pool: Pool, there: set[str]) -> None:
    """Take off the server what this desk has in the pool and no file stands for any more."""
    from flows.serve.deploy import existing, unregister

    for name, deployment in existing(client).items():
        ours = deployment.work_pool_name == pool.name and set(tags(desk)) <= set(deployment.tags)
        if ours and name.partition("@")[0] not in there:
            unregister(client, deployment.id)
            click.echo(f"{name}: its file is gone, and so is its deployment")


def _tell(deployed: dict[str, tuple[Plan, Registered]], wrong: dict[str, str], pool: Pool, url: str) -> None:
    width = max((len(name) for name in deployed), default=0)
    for name, (_, registered) in sorted(deployed.items()):
        if registered.is_paused:
            when = "its schedule is paused"
        elif registered.upcoming:
            first, last = registered.upcoming[0], registered.upcoming[-1]
            when = f"next {first.instant:%Y-%m-%d %H:%M:%SZ}, session {first.session}; scheduled to {last.session}"
        else:
            when = "when it is asked for"
        click.echo(f"  {name:<{width}}  {when}")
    for name, (plan, _) in sorted(deployed.items()):
        schedule = plan.file.schedule
        if schedule is not None and "missed" in schedule.model_fields_set:
            click.echo(
                f"{name}: `missed: {schedule.missed}` is kept by `hedgerow up` alone: "
                "workers that were away run all that came due meanwhile, late"
            )
    count = len(deployed)
    click.echo(
        f"{count} pipeline{'' if count == 1 else 's'} deployed to the work pool {pool.name}"
        f"{f', {len(wrong)} left out' if wrong else ''}: {url.rstrip('/').removesuffix('/api')}/deployments"
    )
    click.echo(f"written to {FILE}; a worker is started with: prefect worker start --pool {pool.name}")
