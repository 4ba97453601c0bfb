"""`hedgerow check`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from flows.check import check_file
from flows.check.rendering import FORMATS, Findings
from flows.check.rendering.for_people import as_text
from flows.desk import DeskError, NoDesk, load_desk
from flows.project import find_pipeline, find_root, pipeline_paths
from tasks.connections.problems import Problem
from tasks.registry import catalog

BROKEN, MISUSE = 1, 2
LOOK_EVERY = 0.3
"""Seconds between two looks at the files under `--watch`."""


def check_files(names: list[str], profile: str | None, style: str = "text", *, watch: bool = False) -> int:
    """Check the named files, or all; print every mistake.

    Parameters
    ----------
    names
        Pipelines by name or path; all of the project's where empty.
    profile
        Of the desk.
    style
        One of `flows.check.rendering.FORMATS`.
    watch
        Check again whenever a file has changed, until Ctrl-C.

    Returns
    -------
    int
        The exit status: 1 where anything is an error, 2 where there is nothing of that name to check.
    """
    try:
        root = find_root()
        paths = _paths(root, names)
    except Problem as problem:
        click.echo(f"error: {problem}", err=True)
        return MISUSE
    if watch:
        return _watch(root, lambda: _check(root, _paths(root, names), profile, style))
    return _check(root, paths, profile, style)


def _paths(root: Path, names: list[str]) -> list[Path]:
    paths = [find_pipeline(root, name) for name in names] if names else pipeline_paths(root)
    if not paths:
        raise Problem(f"There is no pipeline in {root / 'pipelines'}.", "Write one: `hedgerow new NAME`.")
    return paths


def _check(root: Path, paths: list[Path], profile: str | None, style: str) -> int:
    is_text = style == "text"
    found: list[Findings] = []
    desk = None
    try:
        desk = load_desk(root / "pipelines", profile)
    except NoDesk as none:
        click.echo(f"note: {none} Connections are not checked.", err=not is_text)
    except DeskError as error:
        found.append(Findings(error.diagnostics[0].path, error.text, error.diagnostics))
    tasks = catalog()
    beside = [path.stem for path in pipeline_paths(root)]
    for path in paths:
        checked = check_file(_short(path), tasks, desk, root / "pipelines", beside)
        found.append(Findings(checked.document.path, checked.document.text, checked.diagnostics))
    click.echo(as_text(found, color=sys.stdout.isatty()) if is_text else FORMATS[style](found), nl=False)
    return BROKEN if any(file.is_broken for file in found) else 0


def _watch(root: Path, check: Callable[[], int]) -> int:
    """Check, and again after every change; a change to a task or a schema needs this process anew."""
    status = 0
    try:
        while True:
            seen = _state(root)
            if sys.stdout.isatty():
                click.clear()
            try:
                status = check()
            except Problem as problem:
                status = BROKEN
                click.echo(f"error: {problem}", err=True)
            while (now := _state(root)) == seen:
                time.sleep(LOOK_EVERY)
            if {path for path, _, _ in now ^ seen if path.suffix == ".py"}:
                sys.stdout.flush()
                os.execv(sys.executable, [sys.executable, "-m", "flows", *sys.argv[1:]])  # noqa: S606 - our own command
    except KeyboardInterrupt:
        return status


def _state(root: Path) -> frozenset[tuple[Path, int, int]]:
    """Every file that a check depends on, with its time and size."""
    found: list[tuple[Path, int, int]] = []
    for folder, pattern in (("pipelines", "*.y*ml"), ("tasks", "**/*.py"), ("schemas", "**/*.py")):
        for path in (root / folder).glob(pattern):
            try:
                stat = path.stat()
            except OSError:
                continue  # it went between the two looks
            found.append((path, stat.st_mtime_ns, stat.st_size))
    return frozenset(found)


def _short(path: Path) -> Path:
    """The path from where the user stands, if that is above it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path
