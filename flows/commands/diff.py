"""`hedgerow diff`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click
from rich.markup import escape

from flows.desk import load_desk
from flows.differences import Differences, compare
from flows.journal import Journal
from flows.project import find_root
from flows.terminal import cell
from tasks.registry import catalog
from tasks.wording import counted


def show_differences(one: str, other: str, *, as_json: bool, profile: str | None) -> int:
    """Compare two runs and print what differs; 0 where nothing does, else 1."""
    from rich.console import Console

    desk = load_desk(find_root() / "pipelines", profile)
    with Journal(desk.data) as journal:
        found = compare(journal, journal.run(one), journal.run(other), catalog().schemas)
    if as_json:
        click.echo(json.dumps(_object(found), default=str))
    else:
        _print(found, Console(soft_wrap=True))
    return 1 if found.steps else 0


def _object(found: Differences) -> dict[str, Any]:
    return {
        "runs": [found.one.id, found.other.id],
        "about": list(found.about),
        "steps": [asdict(step) for step in found.steps],
    }


def _print(found: Differences, console: Any) -> None:
    console.print(f"{found.one.pipeline} [bold]{found.one.id}[/] and [bold]{found.other.id}[/]", highlight=False)
    for line in found.about:
        console.print(f"  [yellow]≠[/] {escape(line)}", highlight=False)
    if not found.steps:
        console.print("  every frame is the same, bit for bit", highlight=False)
    for step in found.steps:
        mark = "[red]begins[/]" if step.begins else "[dim]follows[/]"
        console.print(f"  {mark} [bold]{escape(step.step)}[/]  {escape('; '.join(step.causes))}", highlight=False)
        for frame in step.frames:
            told = [
                *([f"{counted(frame.added, 'row')} more"] if frame.added else []),
                *([f"{counted(frame.removed, 'row')} fewer"] if frame.removed else []),
                *(
                    f"{name} in {counted(count, 'row')}"
                    + (f" by up to {cell(frame.largest[name])}" if name in frame.largest else "")
                    for name, count in frame.changed.items()
                ),
            ]
            console.print(f"      {escape(', '.join(told) or 'rows in another order')}", highlight=False)
            for example in frame.examples if step.begins else ():
                console.print(f"      [dim]{escape(example)}[/]", highlight=False)
