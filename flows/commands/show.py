"""`hedgerow show`."""

from __future__ import annotations

from collections.abc import Callable

import click

from flows.check import check_file, render
from flows.desk import NoDesk, load_desk
from flows.picture.listing import listing
from flows.picture.page import page
from flows.picture.svg import picture
from flows.plan import Plan
from flows.project import FOLDER, find_pipeline, find_root
from tasks.registry import catalog

FORMATS: dict[str, Callable[[Plan], str]] = {"text": listing, "svg": picture, "html": page}
BROKEN = 1


def show_pipeline(name: str, style: str, profile: str | None) -> int:
    """Print a pipeline's graph; return the exit status. Of a file with errors those are shown instead."""
    root = find_root()
    path = find_pipeline(root, name)
    try:
        desk = load_desk(root / FOLDER, profile)
    except NoDesk:
        desk = None
    checked = check_file(path, catalog(), desk, root / FOLDER)
    if checked.plan is None:
        click.echo(render(checked), err=True, nl=False)
        return BROKEN
    click.echo(FORMATS[style](checked.plan), nl=False)
    return 0
