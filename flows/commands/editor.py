"""`hedgerow editor`."""

from __future__ import annotations

import click

from flows.editor import FILE, schema_text
from flows.project import FOLDER, find_root
from tasks.registry import catalog

STALE = 1


def write_schema(*, only_check: bool = False) -> int:
    """Write pipelines/pipeline.schema.json, or say whether it is current; return the exit status."""
    path = find_root() / FOLDER / FILE
    text = schema_text(catalog())
    is_current = path.is_file() and path.read_text() == text
    if only_check:
        click.echo(f"{FOLDER}/{FILE} is {'current' if is_current else 'not current: run `hedgerow editor`'}")
        return 0 if is_current else STALE
    if not is_current:
        path.write_text(text)
    click.echo(f"{FOLDER}/{FILE} {'is current' if is_current else 'written'}.")
    click.echo("A pipeline file takes it by its first line: # yaml-language-server: $schema=pipeline.schema.json")
    return 0
