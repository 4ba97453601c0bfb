"""`hedgerow status`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows import prefect_api
from flows.check import check_file
from flows.commands.catalog import schedule_text
from flows.context import OpenConnections
from flows.desk import Desk, load_desk
from flows.health import Health, check_connections, check_orders
from flows.journal import Journal, RunRecord
from flows.plan import Plan
from flows.project import FOLDER, find_root, pipeline_paths
from flows.schedule import slots
from flows.serve import accepted
from flows.serve.alive import Alive
from flows.serve.instants import AHEAD
from flows.serve.upcoming import Served, served
from flows.terminal import cell
from tasks.connections.clock import WallClock
from tasks.connections.problems import Problem
from tasks.registry import catalog

RECENT = pd.Timedelta(minutes=1)
"""How long ago somebody who is up has said so at most."""
WIDTH = 160


@dataclass(frozen=True)
class _Pipeline:
    name: str
    schedule: str
    is_right: bool
    last: RunRecord | None
    next: pd.Timestamp | None
    note: str


def show_status(profile: str | None, patience: float, *, as_json: bool) -> int:
    """Print how the desk and its pipelines are; return the exit status: 1 where something is unwell."""
    root = find_root()
    desk = load_desk(root / FOLDER, profile)
    now = WallClock().now()
    health = check_connections(desk, patience)
    prefect, deployments = _prefect(desk, now, patience)
    health += [prefect, check_orders(desk)]
    pipelines = _pipelines(root, desk, now, deployments)
    is_well = all(each.is_well for each in health) and all(each.is_right for each in pipelines)
    if as_json:
        click.echo(json.dumps(_object(desk, is_well, pipelines, health), default=str))
    else:
        _show(desk, pipelines, health)
    return 0 if is_well else 1


def _prefect(desk: Desk, now: pd.Timestamp, patience: float) -> tuple[Health, dict[str, Served] | None]:
    """How the Prefect API is, and what it serves of this desk; None where it can't be known."""
    api = prefect_api.configured()
    if api is not None:
        try:
            deployments = served(api, desk, patience)
        except Problem as problem:
            return Health("prefect", "api", False, str(problem), 0.0), None
        count = len(deployments)
        told = f"{api}, {count} deployment{'' if count == 1 else 's'} of this desk"
        return Health("prefect", "api", True, told, 0.0), deployments
    last = Alive(accepted.folder_of(desk)).last()
    if last is None:
        told = "`hedgerow up` has never served this desk"
    elif now - last <= RECENT:
        told = "`hedgerow up` is serving this desk"
    else:
        told = f"`hedgerow up` served this desk until {cell(last.floor('s'))}"
    return Health("prefect", "api", True, f"no API is configured here; {told}", 0.0), None


def _pipelines(root: Path, desk: Desk, now: pd.Timestamp, deployments: dict[str, Served] | None) -> list[_Pipeline]:
    tasks, paths = catalog(), pipeline_paths(root)
    names = [path.stem for path in paths]
    found: list[_Pipeline] = []
    connections = OpenConnections(desk)
    try:
        with Journal(desk.data, connections.read_origin) as journal:
            for path in paths:
                last = next(iter(journal.runs(1, path.stem)), None)
                checked = check_file(path, tasks, desk, root / FOLDER, names)
                plan = checked.plan
                wrong = "" if plan is not None else f"has errors (`hedgerow check`): {checked.errors[0].message}"
                upcoming, note = (None, wrong) if plan is None or wrong else _next(plan, now, deployments)
                found.append(_Pipeline(path.stem, schedule_text(path), not wrong, last, upcoming, note))
    finally:
        connections.close()
    return found


def _next(plan: Plan, now: pd.Timestamp, deployments: dict[str, Served] | None) -> tuple[pd.Timestamp | None, str]:
    """(when it runs next, what is to be said of that)."""
    schedule = plan.file.schedule
    if schedule is None:
        return None, ""
    due = next((slot.instant for slot in slots(schedule, now, now + AHEAD)), None)
    if deployments is None:
        return due, ""
    deployment = deployments.get(plan.name)
    if deployment is None:
        return due, "not served: the server doesn't know it"
    if deployment.is_paused:
        return deployment.next, "paused in Prefect"
    if deployment.until is not None and deployment.until < now:
        return None, "its schedule on the server has run out: `hedgerow deploy`"
    if not deployment.is_ready:
        return due, "not served: nobody polls for its runs"
    if deployment.next is None and due is not None:
        return due, "the server has planned no run of it so far"
    if deployment.pool is not None and deployment.until is not None:
        return deployment.next, f"in the pool {deployment.pool}, scheduled until {deployment.until:%Y-%m-%d}"
    return deployment.next, ""


def _show(desk: Desk, pipelines: list[_Pipeline], health: list[Health]) -> None:
    console = Console(soft_wrap=True)
    console.width = max(console.width, WIDTH)  # a table that is cut off hides what it is for
    profile = f", profile {desk.profile}" if desk.profile else ""
    console.print(f"desk [bold]{escape(desk.name)}[/]{escape(profile)}", highlight=False)
    table = _table("pipeline", "schedule", "last run", "of session", "run", "next run", "")
    for each in pipelines:
        last = each.last
        outcome = session = run = ""
        if last is not None:
            color = {"completed": "green", "running": "yellow"}.get(last.status, "red")
            outcome, session, run = f"[{color}]{last.status}[/] {cell(last.started)}", str(last.session), last.id
        upcoming = "" if each.next is None else cell(each.next)
        note = escape(each.note) if each.is_right else f"[red]{escape(each.note)}[/]"
        table.add_row(escape(each.name), escape(each.schedule), outcome, session, run, upcoming, note)
    console.print()
    console.print(table)
    console.print()
    width = max(len(each.name) for each in health)
    for one in health:
        mark = "[green]✓[/]" if one.is_well else "[red]✗[/]"
        console.print(f"  {mark} {one.name:<{width}}  {escape(one.told)}", highlight=False)


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _object(desk: Desk, is_well: bool, pipelines: list[_Pipeline], health: list[Health]) -> dict[str, Any]:
    return {
        "desk": desk.name,
        "profile": desk.profile,
        "well": is_well,
        "pipelines": [
            {
                "pipeline": each.name,
                "schedule": each.schedule,
                "well": each.is_right,
                "last": _run_object(each.last),
                "next": None if each.next is None else each.next.isoformat(),
                "note": each.note,
            }
            for each in pipelines
        ],
        "connections": [
            {"name": each.name, "kind": each.kind, "well": each.is_well, "told": each.told} for each in health
        ],
    }


def _run_object(run: RunRecord | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "run": run.id,
        "session": run.session.isoformat(),
        "status": run.status,
        "started": run.started.isoformat(),
        "ended": None if run.ended is None else run.ended.isoformat(),
        "trigger": run.trigger,
        "error": run.error,
    }
