"""`hedgerow replay`."""

from __future__ import annotations

import json

import click

from flows.check import check_file, render
from flows.check.parameters import bind
from flows.commands.run import assignments, day, opened_page
from flows.desk import load_desk
from flows.plain import records
from flows.project import find_pipeline, find_root
from flows.stream.again import Replayed, run_replay
from flows.stream.captures import Capture, find_capture
from flows.stream.show import LiveView
from flows.terminal import show_frame
from flows.watch import Onlooker
from tasks.connections.problems import Problem
from tasks.registry import catalog


def replay_stream(
    name: str,
    params: list[str],
    *,
    session: str | None,
    speed: str,
    as_json: bool,
    profile: str | None,
    view: int | None = None,
) -> int:
    """Find, check, replay and show, in a browser too where `view` is its page's port; return the exit status."""
    from rich.console import Console

    root = find_root()
    desk = load_desk(root / "pipelines", profile)
    capture = find_capture(desk.data, name, None if session is None else day(session))
    path = find_pipeline(root, capture.pipeline)
    checked = check_file(path, catalog(), desk, root / "pipelines")
    if checked.plan is None:
        click.echo(render(checked), err=True)
        raise Problem(f"{path.name} has errors, so nothing was replayed.")
    told = {key: _text(value) for key, value in capture.parameters.items() if key in checked.plan.parameters}
    parameters = bind(checked.plan, {**told, **assignments(params)})
    console = Console(soft_wrap=True)
    terminal = LiveView(console)
    page = None if view is None else opened_page(checked.plan, desk, view)
    onlookers: list[Onlooker] = [] if as_json else [terminal]
    if page is not None:
        click.echo(f"live page: {page.address}", err=as_json)
        onlookers.append(page)
    how = "failed"
    try:
        if not as_json:
            terminal.started([])
        done = run_replay(
            checked.plan,
            desk,
            parameters,
            capture,
            speed=_speed(speed),
            onlookers=tuple(onlookers),
        )
        how = "replayed"
    finally:
        terminal.stop()
        if page is not None:
            page.ended(how)
    output = checked.plan.output
    frame = None if output is None else done.graph.output(output)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "run": done.id,
                    "pipeline": capture.pipeline,
                    "session": str(capture.session),
                    "firings": done.firings,
                    "what_if": done.is_what_if,
                    "output": None if frame is None else records(frame),
                },
                default=str,
            )
        )
        return 0
    if frame is not None:
        console.print()
        show_frame(console, f"[bold]{output}[/]", frame)
    console.print()
    console.print(_sentence(done, capture), highlight=False)
    return 0


def _sentence(done: Replayed, capture: Capture) -> str:
    what = (
        "[yellow]what-if[/], open-loop: the file or a parameter is another, the market and the broker's answers are"
        " those that were had"
        if done.is_what_if
        else "[green]replayed[/]"
    )
    return (
        f"run [bold]{done.id}[/] {what} · {capture.pipeline} of {capture.session} · {done.firings:,} firings"
        f" in {done.seconds:.2f} s · nothing was sent or written"
    )


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if speed <= 0:
        raise Problem(f"--speed {text} is no speed.", "Give a number, such as 10, or `max`.")
    return speed


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
