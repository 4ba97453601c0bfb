"""`hedgerow check`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from flows.check import check_file, render
from flows.desk import DeskError, NoDesk, load_desk
from flows.project import find_pipeline, find_root, pipeline_paths
from tasks.connections.problems import Problem
from tasks.registry import catalog


def check_files(names: list[str], profile: str | None) -> int:
    """Check the named files, or all; print every mistake; return the exit status."""
    root = find_root()
    paths = [find_pipeline(root, name) for name in names] if names else pipeline_paths(root)
    if not paths:
        raise Problem(f"There is no pipeline in {root / 'pipelines'}.", "Write one: the README shows how.")
    broken = 0
    try:
        desk = load_desk(root / "pipelines", profile)
    except NoDesk as none:
        click.echo(f"note: {none} Connections are not checked.")
        desk = None
    except DeskError as error:
        click.echo(str(error))
        broken += 1
        desk = None
    tasks = catalog()
    beside = [path.stem for path in pipeline_paths(root)]
    for path in paths:
        checked = check_file(_short(path), tasks, desk, root / "pipelines", beside)
        if text := render(checked, color=_color()):
            click.echo(text)
        broken += checked.plan is None
    files = f"{len(paths)} file{'' if len(paths) == 1 else 's'}"
    click.echo(f"{files} checked: {f'{broken} with errors' if broken else 'no errors'}")
    return 1 if broken else 0


def _short(path: Path) -> Path:
    """The path from where the user stands, if that is above it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path


def _color() -> bool:
    return sys.stdout.isatty()
