"""The command line: `hedgerow`, or `python -m flows`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

# Everything else is imported inside the commands: `hedgerow --help` must not wait for pandas.

PROBLEM, MISUSE = 1, 2


class _Group(click.Group):
    """Says problems in a sentence, with no traceback, and exits 1."""

    def invoke(self, context: click.Context) -> Any:
        from tasks.connections.problems import Problem

        try:
            return super().invoke(context)
        except Problem as problem:
            click.secho("error: ", fg="red", nl=False, err=True)
            click.echo(str(problem), err=True)
            sys.exit(PROBLEM)


def _desk(command: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option("--desk", metavar="PROFILE", help="A profile of pipelines/_desk.yaml, such as paper.")
    return option(command)


def _view(command: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option(
        "--view",
        type=click.IntRange(0, 65535),
        is_flag=False,
        flag_value=8790,
        metavar="[PORT]",
        help="Serve a live page of the stream on this machine, at 8790 or, where that is taken, any free port.",
    )
    return option(command)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hedgerow", message="%(prog)s %(version)s")
def main() -> None:
    """Declarative, validated pipelines for a trading desk on Interactive Brokers."""


@main.command()
@click.argument("files", nargs=-1, metavar="[FILES]…")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="For people, programs, annotations on GitHub, or code scanners.",
)
@click.option("--watch", is_flag=True, help="Check again whenever a file changes, until Ctrl-C.")
@_desk
def check(files: tuple[str, ...], style: str, desk: str | None, *, watch: bool) -> None:
    """Check pipeline files; all of pipelines/ when none is named. Shows every mistake at once.

    Exits 1 where a file has errors, 2 where there is no such file.
    """
    from flows.commands.check import check_files

    sys.exit(check_files(list(files), desk, style, watch=watch))


@main.command()
@click.option("--check", "only_check", is_flag=True, help="Only say whether it is current; exit 1 where it isn't.")
def editor(*, only_check: bool) -> None:
    """Write pipelines/pipeline.schema.json, by which editors complete and check pipeline files as one types."""
    from flows.commands.editor import write_schema

    sys.exit(write_schema(only_check=only_check))


@main.command()
@click.argument("pipeline", metavar="NAME|FILE")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "svg", "html"]),
    default="text",
    show_default=True,
    help="For the terminal, a picture, or a page.",
)
@_desk
def show(pipeline: str, style: str, desk: str | None) -> None:
    """Show a pipeline's graph: each frame's schema, logs and tables, effects."""
    from flows.commands.show import show_pipeline

    sys.exit(show_pipeline(pipeline, style, desk))


@main.command()
@click.argument("name")
@click.option("--from", "example", metavar="EXAMPLE", help="A pipeline of the project to begin with.")
def new(name: str, example: str | None) -> None:
    """Write a new pipeline: a commented starter that checks, or a copy of another one."""
    from flows.commands.new import write_pipeline

    write_pipeline(name, example)


@main.command()
@click.argument("pipeline", metavar="NAME|FILE")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the pipeline.")
@click.option(
    "--session",
    metavar="DATE|FIRST..LAST",
    help="The trading session; a past one never acts. A span runs each session from first to last, in order.",
)
@click.option(
    "--again",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Repeat effects that were done, once more for each N.",
)
@click.option("--untracked", is_flag=True, help="Run in this process even where a Prefect API is configured.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: the run's id, each step, small frames.")
@_view
@click.option(
    "--metrics",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve a stream's numbers for Prometheus at this port of this machine.",
)
@_desk
def run(
    pipeline: str,
    params: tuple[str, ...],
    session: str | None,
    again: int,
    untracked: bool,
    as_json: bool,
    view: int | None,
    metrics: int | None,
    desk: str | None,
) -> None:
    """Run a pipeline: once, or for each session of a span."""
    options: dict[str, Any] = {"again": again, "untracked": untracked, "as_json": as_json, "profile": desk}
    if session is not None and ".." in session:
        from flows.commands.backfill import backfill_pipeline

        if view is not None or metrics is not None:
            raise click.UsageError("--view and --metrics are of a stream as it runs; a span of sessions has none.")
        sys.exit(backfill_pipeline(pipeline, list(params), span=session, **options))
    from flows.commands.run import run_pipeline

    sys.exit(run_pipeline(pipeline, list(params), session=session, view=view, metrics=metrics, **options))


@main.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Of a Prefect server on this machine, started if there is none. Default: the configured API, else 4200.",
)
@click.option("--limit", type=click.IntRange(min=1), default=8, show_default=True, help="Runs under way at once.")
@click.option("--stop", is_flag=True, help="Stop the one that serves this desk, and what an ended one left running.")
@_desk
def up(port: int | None, limit: int, desk: str | None, *, stop: bool) -> None:
    """Serve all pipelines: run them on their schedules, and from Prefect's UI, until Ctrl-C."""
    from flows.commands.up import serve_pipelines, stop_serving

    sys.exit(stop_serving(desk) if stop else serve_pipelines(port, limit, desk))


@main.command()
@click.option("--pool", metavar="NAME", help="The work pool; by default the only one that the server has.")
@click.option("--repository", metavar="URL", help="What workers clone; by default the project's `origin`.")
@click.option("--branch", metavar="NAME", help="Of the repository; by default the one that is checked out.")
@click.option("--folder", metavar="PATH", help="Where workers keep their clone; by default in their home folder.")
@click.option("--check", "only_check", is_flag=True, help="Only compare prefect.yaml with the pipelines.")
@_desk
def deploy(
    pool: str | None,
    repository: str | None,
    branch: str | None,
    folder: str | None,
    desk: str | None,
    *,
    only_check: bool,
) -> None:
    """Deploy all pipelines to a work pool, for workers on any machine, and write prefect.yaml."""
    from flows.commands.deploy import check_deployed, deploy_pipelines

    if only_check:
        sys.exit(check_deployed(desk))

    sys.exit(deploy_pipelines(pool, desk, repository=repository, branch=branch, folder=folder))


@main.command(name="list")
def list_() -> None:
    """List the pipelines."""
    from flows.commands.catalog import list_pipelines

    list_pipelines()


@main.command()
@click.argument("name", required=False)
def tasks(name: str | None) -> None:
    """List the tasks, or show one: its inputs, arguments and outputs."""
    from flows.commands.catalog import show_task, show_tasks

    show_task(name) if name else show_tasks()


@main.command()
@click.argument("name", required=False)
def schemas(name: str | None) -> None:
    """List the schemas, or show one: its columns, types and checks."""
    from flows.commands.catalog import show_schema, show_schemas

    show_schema(name) if name else show_schemas()


@main.command()
@click.argument("pipeline", required=False)
@click.option("-n", "limit", type=click.IntRange(min=1), default=20, help="How many.", show_default=True)
@_desk
def runs(pipeline: str | None, limit: int, desk: str | None) -> None:
    """List the latest runs in the journal."""
    from flows.commands.history import show_runs

    show_runs(pipeline, limit, desk)


@main.command()
@click.option(
    "--timeout",
    "patience",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    help="Seconds that a connection has to answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_desk
def status(patience: float, as_json: bool, desk: str | None) -> None:
    """Show each pipeline's last and next run, and try each connection; exit 1 where something is unwell."""
    from flows.commands.status import show_status

    sys.exit(show_status(desk, patience, as_json=as_json))


@main.command(name="desk")
@click.option(
    "--timeout",
    "patience",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    help="Seconds that a connection has to answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_desk
def desk_(patience: float, as_json: bool, desk: str | None) -> None:
    """Show the desk: what may be traded, each connection tried, where each secret is; exit 1 where one is unwell."""
    from flows.commands.desk import show_desk

    sys.exit(show_desk(desk, patience, as_json=as_json))


@main.command()
@_desk
def prune(desk: str | None) -> None:
    """Let go of what the journal needn't keep: old frames that no effect came from and that can be computed again."""
    from flows.commands.history import prune_journal

    prune_journal(desk)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
@_desk
def backup(file: Path, desk: str | None, *, force: bool) -> None:
    """Write the desk's data folder and journal to FILE, consistent while runs go on."""
    from flows.commands.backup import back_up

    back_up(file, desk, force=force)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Put aside what the data folder holds.")
@_desk
def restore(file: Path, desk: str | None, *, force: bool) -> None:
    """Make the desk's data folder what it was in a backup."""
    from flows.commands.restore import restore as restore_desk

    restore_desk(file, desk, force=force)


@main.command()
@click.argument("names", nargs=-1, metavar="[RUN|REFERENCE]…")
@click.option("--reject", is_flag=True, help="Say no: they are never sent.")
@click.option("--reason", default="", metavar="TEXT", help="Why not.")
@_desk
def approve(names: tuple[str, ...], reject: bool, reason: str, desk: str | None) -> None:
    """Approve the orders of a run that waits for it, or single ones; show what waits when none is named."""
    from flows.commands.approve import decide

    decide(names, reason, desk, reject=reject)


@main.command()
@click.argument("reason", required=False, default="")
@click.option("--cancel", is_flag=True, help="Cancel every open order of the logins too, whoever placed it.")
@_desk
def halt(reason: str, cancel: bool, desk: str | None) -> None:
    """Let no order out from now on, whichever run wants to, until `hedgerow resume`."""
    from flows.commands.halt import halt as halt_desk

    halt_desk(reason, desk, cancel=cancel)


@main.command()
@_desk
def resume(desk: str | None) -> None:
    """Let orders out again after `hedgerow halt`."""
    from flows.commands.halt import resume as resume_desk

    resume_desk(desk)


@main.command()
@click.argument("one", metavar="RUN")
@click.argument("other", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_desk
def diff(one: str, other: str, as_json: bool, desk: str | None) -> None:
    """Tell what differs between two runs, first where the difference begins; exit 1 where something does."""
    from flows.commands.diff import show_differences

    sys.exit(show_differences(one, other, as_json=as_json, profile=desk))


@main.command()
@click.argument("name", metavar="RUN|PIPELINE")
@click.option("-p", "params", multiple=True, metavar="NAME=VALUE", help="Another value of a parameter: a what-if.")
@click.option("--session", metavar="DATE", help="Which session's stream; the latest when absent.")
@click.option("--speed", default="max", metavar="N|max", help="Seconds of then a second.", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_view
@_desk
def replay(
    name: str,
    params: tuple[str, ...],
    session: str | None,
    speed: str,
    as_json: bool,
    view: int | None,
    desk: str | None,
) -> None:
    """Run a captured stream again, firing by firing: the same frames, and nothing is sent or written."""
    from flows.commands.replay import replay_stream

    options: dict[str, Any] = {"speed": speed, "as_json": as_json, "profile": desk, "view": view}
    sys.exit(replay_stream(name, list(params), session=session, **options))


@main.command()
@click.argument("run", metavar="RUN")
@click.argument("step", required=False)
@click.option("--where", "conditions", multiple=True, metavar="COLUMN=VALUE", help="Narrow to these rows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every row.")
@_desk
def explain(run: str, step: str | None, conditions: tuple[str, ...], as_json: bool, desk: str | None) -> None:
    """Show where a step's numbers come from, back to the broker's raw messages.

    RUN is a run's id or its beginning, or a pipeline's name for its latest run. STEP is by
    default the one that the pipeline yields.
    """
    from flows.commands.history import explain_run

    explain_run(run, step, list(conditions), as_json=as_json, profile=desk)


@main.command("lsp")
@click.option("--tcp", "port", type=click.IntRange(1, 65535), metavar="PORT", help="Wait for one editor at this port.")
def language_server(port: int | None) -> None:
    """Serve an editor: mistakes as one types, completion, names. Editors start it themselves: see docs/editor.md."""
    from flows.commands.lsp import serve

    serve(port)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=4002, show_default=True, help="0 for a free one.")
@click.option(
    "--at",
    "moment",
    metavar="INSTANT",
    help="The market's time to start at, UTC; default: 15 minutes before the last close.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Market seconds per second; 0 stands still.",
)
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Of the generated prices.")
@click.option(
    "--book",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Holdings: a CSV file of account, symbol, quantity, average_cost.",
)
@click.option(
    "--faults",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What it does wrong, and when: see docs/simulator-faults.md.",
)
@click.option("--read-only", is_flag=True, help="Refuse orders.")
@click.option("--pacing", is_flag=True, help="Limit requests as the broker does.")
@click.option("--lines", type=click.IntRange(min=1), default=100, show_default=True, help="Market-data lines.")
def gateway(moment: str | None, **options: Any) -> None:
    """Serve a simulated Interactive Brokers gateway until Ctrl-C."""
    from flows.commands.gateway import Options, serve

    serve(Options(moment=moment, **options))


if __name__ == "__main__":
    main(prog_name="hedgerow")
