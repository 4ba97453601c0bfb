"""`hedgerow restore`: a desk's data folder as a backup has it."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import click

from flows import archive
from flows.desk import load_desk
from flows.project import FOLDER, find_root
from tasks.connections.problems import Refused
from tasks.wording import counted


def restore(path: Path, profile: str | None, *, force: bool) -> None:
    """Unpack the backup beside the data folder, hold every file against its hash, then put it in place.

    What was there stays beside it, under another name.
    """
    desk = load_desk(find_root() / FOLDER, profile)
    data = desk.data
    is_there = data.exists() and any(data.iterdir())
    if is_there and not force:
        raise Refused(
            f"{data} has data already.",
            "Give --force to put it aside, or name another folder by `data:` in the desk file.",
        )
    for left in data.parent.glob(f".{data.name}.*.restoring"):
        shutil.rmtree(left, ignore_errors=True)
    unpacked = data.with_name(f".{data.name}.{os.getpid()}.restoring")
    contents = archive.extract(path, unpacked)
    try:
        if (contents.desk, contents.profile) != (desk.name, desk.profile) and not force:
            of = contents.desk if contents.profile is None else f"{contents.desk}, profile {contents.profile}"
            raise Refused(f"{path} is a backup of desk {of}.", "Give --force to put it here all the same.")
        with ExitStack() as held:
            if is_there:
                _hold(data, held)
            aside = _aside(data)
            if data.exists():
                data.rename(aside)
            data.parent.mkdir(parents=True, exist_ok=True)
            unpacked.rename(data)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    files = counted(len(contents.files), "file")
    click.echo(f"{data}: {files} as of {contents.taken[:19]}Z, each held against its hash")
    if is_there:
        click.echo(f"what was there is in {aside}")


def _hold(data: Path, held: ExitStack) -> None:
    """Take every lock in the folder: whoever holds one is at work in it. Raises `Refused` naming it."""
    from filelock import FileLock, Timeout

    for path in sorted(data.rglob("*.lock")):
        try:
            held.enter_context(FileLock(path, timeout=0))
        except Timeout:
            raise Refused(
                f"The desk is at work: {path.relative_to(data)} is held.", "Stop `hedgerow up` and its runs first."
            ) from None


def _aside(data: Path) -> Path:
    number = 1
    while (aside := data.with_name(f"{data.name}.before-{number}")).exists():
        number += 1
    return aside
