"""`hedgerow run`."""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import click
import pandas as pd

from flows.batch import Finished, run_batch
from flows.check import check_file, render
from flows.check.parameters import bind
from flows.desk import Desk, load_desk
from flows.logs import logged
from flows.outcome import Outcome
from flows.plain import records
from flows.plan import Plan
from flows.project import find_pipeline, find_root
from flows.stream.show import LiveView
from flows.terminal import Terminal, show_frame
from flows.watch import Onlooker, Silent, Watcher
from tasks.connections.problems import Problem
from tasks.registry import catalog

if TYPE_CHECKING:
    from flows.stream.metrics import Metrics
    from flows.stream.page.page import Page

FRAME_ROWS = 200
INTERRUPTED = 130


def run_pipeline(
    name: str,
    params: list[str],
    *,
    session: str | None,
    again: int,
    untracked: bool,
    as_json: bool,
    profile: str | None,
    view: int | None = None,
    metrics: int | None = None,
) -> int:
    """Check, bind, run and show; return the exit status.

    Parameters
    ----------
    name, params, session, again, untracked, as_json, profile
        As on the command line.
    view
        The port to serve the live page at; None: no page.
    metrics
        The port to serve Prometheus' numbers at; None: they aren't.
    """
    from rich.console import Console

    plan, desk, parameters = prepared(name, params, profile)
    console = Console(soft_wrap=True)
    terminal: Terminal | LiveView = LiveView(console) if plan.file.stream else Terminal(console)
    watcher: Watcher = Silent() if as_json else terminal
    onlookers: tuple[Onlooker, ...] = (terminal,) if isinstance(terminal, LiveView) and not as_json else ()
    page = None if view is None else opened_page(plan, desk, view)
    if page is not None:
        onlookers = (*onlookers, page)
    served = None if metrics is None else served_metrics(plan, metrics)
    if served is not None:
        onlookers = (*onlookers, served)
    if not as_json:
        console.print(f"[bold]{plan.name}[/]  {plan.file.description}", highlight=False)
    if page is not None:
        click.echo(f"live page: {page.address}", err=as_json)
    if served is not None:
        click.echo(f"metrics: http://127.0.0.1:{served.port}/metrics", err=as_json)
    how, why = "failed", ""
    try:
        with logged(desk.data, lambda line: click.echo(line, err=True) if as_json else terminal.warn(line)):
            finished = run_batch(
                plan,
                desk,
                parameters,
                session=None if session is None else day(session),
                again=again,
                untracked=untracked,
                watcher=watcher,
                onlookers=onlookers,
            )
        how = finished.status
        why = " ".join(f"{step}: {outcome.reason}" for step, outcome in finished.failures.items())
    except KeyboardInterrupt:
        if page is not None:
            page.ended("interrupted")
        terminal.stop()
        click.echo("interrupted: steps under way were abandoned", err=True)
        os._exit(INTERRUPTED)  # abandoned threads may still be waiting for the network
    except Problem as problem:
        why = str(problem)
        raise
    finally:
        terminal.stop()
        if page is not None:
            page.ended(how, why)
    if as_json:
        click.echo(json.dumps(as_object(finished), default=str))
    else:
        _show(console, finished)
    return 1 if finished.status == "failed" else 0


def served_metrics(plan: Plan, port: int) -> Metrics:
    """A stream's numbers, served. Raises `Problem` for a pipeline that is no stream."""
    if not plan.file.stream:
        raise Problem(f"{plan.name} runs once: there is nothing to measure.", "`--metrics` is for streams.")
    from flows.stream.metrics import Metrics

    return Metrics(plan.name).start(port)


def opened_page(plan: Plan, desk: Desk, view: int) -> Page:
    """The live page, served. Raises `Problem` for a pipeline that is no stream."""
    if not plan.file.stream:
        raise Problem(
            f"{plan.name} runs once: there is nothing to watch.",
            "`--view` is for a pipeline with a `stream:`; Prefect's UI shows the others.",
        )
    from flows.stream.page.page import Page, desk_token

    page = Page(plan.name, plan.file.description or "", desk.name, desk_token(desk.data))
    page.start(view)
    return page


def prepared(name: str, params: list[str], profile: str | None) -> tuple[Plan, Desk, dict[str, Any]]:
    """A pipeline, checked, its desk, and its parameters, bound. Raises `Problem` after telling every mistake."""
    root = find_root()
    path = find_pipeline(root, name)
    desk = load_desk(root / "pipelines", profile)
    checked = check_file(path, catalog(), desk, root / "pipelines")
    if checked.plan is None:
        click.echo(render(checked, color=sys.stderr.isatty()), err=True)
        raise Problem(f"{path.name} has errors, so nothing was run.")
    # Prefect's own lines would say again what the terminal shows; they still go to its server.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "WARNING")
    return checked.plan, desk, bind(checked.plan, assignments(params))


def assignments(params: list[str]) -> dict[str, str]:
    """Parameters as they are written on the command line."""
    given: dict[str, str] = {}
    for param in params:
        name, equals, value = param.partition("=")
        if not equals:
            raise Problem(f"-p {param} is no assignment.", "Write -p name=value.")
        if name in given:
            raise Problem(f"-p {name} is given twice.")
        given[name] = value
    return given


def day(text: str) -> date:
    """A session as it is written on the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Problem(
            f"--session {text} is no date.", "Write it as 2022-12-28, or a span as 2022-12-01..2022-12-28."
        ) from None


def _output(plan: Plan, finished: Finished) -> tuple[str, pd.DataFrame] | None:
    if plan.output is None:
        return None
    frame = finished.outcomes[plan.output.step].frame(plan.output.field)
    return None if frame is None else (str(plan.output), frame)


def _show(console: Any, finished: Finished) -> None:
    if output := _output(finished.plan, finished):
        console.print()
        show_frame(console, f"[bold]{output[0]}[/]", output[1])
    console.print()
    color = {"completed": "green", "cancelled": "yellow"}.get(finished.status, "red")
    tracked = finished.tracked or "not tracked: no Prefect API is configured, or --untracked was given"
    console.print(
        f"run [bold]{finished.id}[/] [{color}]{finished.status}[/] · session {finished.session}"
        f" · {finished.seconds:.2f} s · {tracked}",
        highlight=False,
    )
    if output:
        console.print(f"[dim]where it comes from: hedgerow explain {finished.id}[/]", highlight=False)


def as_object(finished: Finished) -> dict[str, Any]:
    """A finished run as one JSON-able object."""
    return {
        "run": finished.id,
        "pipeline": finished.plan.name,
        "session": finished.session.isoformat(),
        "status": finished.status,
        "seconds": round(finished.seconds, 3),
        "tracked": finished.tracked,
        "output": str(finished.plan.output) if finished.plan.output else None,
        "steps": {name: _step_object(outcome) for name, outcome in finished.outcomes.items()},
    }


def _step_object(outcome: Outcome) -> dict[str, Any]:
    described: dict[str, Any] = {
        "status": outcome.status,
        "rows": outcome.rows,
        "seconds": round(outcome.seconds, 4),
        "attempts": outcome.attempts,
    }
    if outcome.reason:
        described["reason"] = outcome.reason
    if outcome.notes:
        described["notes"] = list(outcome.notes)
    small = {name: frame for name, frame in outcome.frames.items() if len(frame) <= FRAME_ROWS}
    if small:
        frames = {name or "frame": records(frame) for name, frame in small.items()}
        described.update({"frame": frames["frame"]} if list(small) == [None] else {"frames": frames})
    return described
