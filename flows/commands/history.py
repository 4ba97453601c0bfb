"""`hedgerow runs` and `explain`: what happened, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console

from flows.context import OpenConnections
from flows.desk import load_desk
from flows.explain import explain, render, to_object
from flows.journal import Journal
from flows.project import FOLDER, find_root
from flows.terminal import cell
from tasks.connections.problems import Problem
from tasks.wording import counted


@contextmanager
def _journal(profile: str | None) -> Iterator[Journal]:
    desk = load_desk(find_root() / FOLDER, profile)
    connections = OpenConnections(desk)
    try:
        with Journal(desk.data, connections.read_origin, connections.row_versions) as journal:
            yield journal
    finally:
        connections.close()


def show_runs(pipeline: str | None, limit: int, profile: str | None) -> None:
    """Print the latest runs, newest first."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("run", "pipeline", "session", "status", "started", "seconds"):
        table.add_column(column, no_wrap=True)
    table.add_column("error")
    with _journal(profile) as journal:
        for run in journal.runs(limit, pipeline):
            seconds = f"{(run.ended - run.started).total_seconds():.2f}" if run.ended is not None else ""
            color = {"completed": "green", "running": "yellow"}.get(run.status, "red")
            status = f"[{color}]{run.status}[/]"
            error = (run.error or "").partition("\n")[0]
            table.add_row(run.id, run.pipeline, str(run.session), status, cell(run.started), seconds, error)
    Console().print(table)


def prune_journal(profile: str | None) -> None:
    """Let go of what is due by the desk file, and say how much that was."""
    from flows.pruning import prune

    expired = prune(load_desk(find_root() / FOLDER, profile))
    click.echo(
        f"{counted(expired.frames, 'frame')} of {expired.bytes / 1e6:,.1f} MB and"
        f" {counted(expired.messages, 'message')} let go of: their room is used for what comes"
    )


def explain_run(run: str, step: str | None, conditions: list[str], *, as_json: bool, profile: str | None) -> None:
    """Print where a step's rows come from."""
    where: dict[str, str] = {}
    for condition in conditions:
        column, equals, value = condition.partition("=")
        if not equals:
            raise Problem(f"--where {condition} is no condition.", "Write --where column=value.")
        where[column] = value
    with _journal(profile) as journal:
        explanation = explain(journal, run, step, where)
        if as_json:
            click.echo(json.dumps(to_object(explanation), default=str))
        else:
            render(explanation, Console())
