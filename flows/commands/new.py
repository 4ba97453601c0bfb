"""`hedgerow new`."""

from __future__ import annotations

import click

from flows.check import check_file, render
from flows.desk import NoDesk, load_desk
from flows.notation import NAME
from flows.project import FOLDER, find_pipeline, find_root, pipeline_paths
from flows.starter import starter
from tasks.connections.problems import Problem
from tasks.registry import catalog


def write_pipeline(name: str, example: str | None) -> None:
    """Write a new pipeline file, and say what the checker says of it.

    Parameters
    ----------
    name
        The pipeline's.
    example
        A pipeline whose file to copy; None for a commented starter.

    Raises
    ------
    Problem
        The name can't be a pipeline's, or there is one of that name.
    """
    root = find_root()
    if not NAME.fullmatch(name):
        raise Problem(f"A pipeline can't be called `{name}`.", "Use small letters, digits and `_`, a letter first.")
    path = root / FOLDER / f"{name}.yaml"
    text = starter(name) if example is None else find_pipeline(root, example).read_text()
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise Problem(f"There is a pipeline `{name}` already.", "Choose another name.") from None
    click.echo(f"{FOLDER}/{name}.yaml written.")
    try:
        desk = load_desk(root / FOLDER)
    except NoDesk:
        desk = None
    beside = [one.stem for one in pipeline_paths(root)]
    checked = check_file(path, catalog(), desk, root / FOLDER, beside)
    if told := render(checked):
        click.echo(told, nl=False)
    click.echo(f"Next: edit it, then `hedgerow check {name}` and `hedgerow run {name}`.")
