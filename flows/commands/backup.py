"""`hedgerow backup`: the desk's data folder and journal in one file, while runs go on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import click

from flows import archive
from flows.copies import copy_data
from flows.desk import Desk, load_desk
from flows.project import FOLDER, find_root
from tasks.connections.clock import WallClock
from tasks.connections.problems import Problem, Refused
from tasks.wording import counted


def back_up(path: Path, profile: str | None, *, force: bool) -> None:
    """Write the backup and say what is in it, and what isn't."""
    desk = load_desk(find_root() / FOLDER, profile)
    if not desk.data.is_dir():
        raise Problem(f"There is nothing to back up: {desk.data} doesn't exist.", "Run a pipeline first.")
    path = path.absolute()
    if path.exists() and not force:
        raise Refused(f"{path} exists.", "Name another file, or give --force to replace it.")
    if path.is_relative_to(desk.data):
        raise Refused(f"{path} is in the folder that it would be a backup of.", "Name a file outside of it.")
    if not path.parent.is_dir():
        raise Problem(f"There is no folder {path.parent}.")
    staged = _staged(path)
    try:
        names = copy_data(desk.data, staged)
        told = {"desk": desk.name, "profile": desk.profile, "taken": WallClock().now().isoformat()}
        contents = archive.write(path, staged, names, told)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    size, packed = contents.size / 1e6, path.stat().st_size / 1e6
    files = counted(len(names), "file")
    click.echo(f"{path}: {files} of {size:,.1f} MB in {packed:,.1f} MB, each held against its hash")
    for sentence in elsewhere(desk):
        click.echo(sentence)


def elsewhere(desk: Desk) -> list[str]:
    """What of a desk's stores isn't in its data folder, and how that is backed up."""
    said: list[str] = []
    for name, spec in desk.connections.items():
        if spec.kind == "arctic" and str(spec.given.get("uri", "lmdb")).startswith("s3"):
            said.append(f"`{name}` is not in it: an S3 store is backed up by its bucket's versions or replication.")
        if spec.kind == "sql" and spec.given.get("url", "sqlite") != "sqlite":
            said.append(f"`{name}` is not in it: back up its database by its own means, such as pg_dump.")
    return said


def _staged(path: Path) -> Path:
    """A folder for the copies beside the file; what killed ones left behind goes."""
    for left in path.parent.glob(f".{path.name}.*.staged"):
        shutil.rmtree(left, ignore_errors=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}.staged")
    try:
        staged.mkdir(mode=0o700)
    except OSError as error:
        raise Problem(f"{path.parent} can't be written: {error.strerror or error}.") from error
    return staged
