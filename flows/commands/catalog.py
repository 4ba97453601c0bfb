"""`hedgerow list`, `tasks` and `schemas`: what there is to work with."""

from __future__ import annotations

import inspect
import typing
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.document import read
from flows.project import find_root, pipeline_paths
from flows.values import describe
from schemas.frame import Frame, schema_of
from tasks.connections.problems import Problem
from tasks.declare import FrameInput, Output, TaskSpec
from tasks.registry import catalog

KINDS = {
    "pure": "pure",
    "as_of": "reads, as of a session",
    "now": "reads, as of now",
    "effect": "effect",
    "source": "source",
}


BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def list_pipelines() -> None:
    """Print the pipelines with their schedules and descriptions."""
    table = _table("pipeline", "schedule", "description")
    for path in pipeline_paths(find_root()):
        keys = _keys(path)
        table.add_row(path.stem, schedule_text(path), str(keys.get("description", "")))
    Console().print(table)


def schedule_text(path: Path) -> str:
    """A pipeline's schedule in a few words, from its file as written, right or wrong."""
    schedule = _keys(path).get("schedule") or {}
    if not isinstance(schedule, dict):
        return str(schedule)
    return " ".join(f"after {value}" if key == "after" else str(value) for key, value in schedule.items())


def _keys(path: Path) -> dict[str, Any]:
    value = read(path).value
    return value if isinstance(value, dict) else {}


def show_tasks() -> None:
    """Print every task with its kind and first line."""
    table = _table("task", "kind", "what it does")
    for name, spec in sorted(catalog().tasks.items()):
        table.add_row(name, KINDS[spec.kind], spec.summary)
    Console().print(table)


def show_task(name: str) -> None:
    """Print a task's contract and docstring."""
    spec: TaskSpec = _named(name, catalog().tasks, "task")
    console = Console()
    console.print(f"[bold]{name}[/]  ({KINDS[spec.kind]}, {spec.function.__module__})", highlight=False)
    table = _table("", "name", "type", "")
    for frame in spec.frames.values():
        table.add_row("in", frame.name, _frame(frame), "optional" if frame.optional else "")
    for argument in spec.arguments.values():
        default = "required" if argument.required else _default(argument.default)
        table.add_row("with", argument.name, _type(argument.annotation), default)
    for parameter, kind in spec.connections.items():
        table.add_row("with", parameter, kind.__name__, "a connection; may be left out when the desk has only one")
    for output in spec.outputs.values():
        table.add_row("yields", output.field or "", _frame(output), "")
    console.print(table)
    console.print()
    console.print(inspect.getdoc(spec.function) or "", highlight=False, markup=False)


def show_schemas() -> None:
    """Print every schema with its key and first line."""
    table = _table("schema", "key", "what it is")
    for name, model in catalog().schemas.items():
        table.add_row(name, ", ".join(model.__key__), (inspect.getdoc(model) or "").partition("\n")[0])
    Console().print(table)


def show_schema(name: str) -> None:
    """Print a schema's columns, types, checks and descriptions."""
    model: type[Frame] = _named(name, catalog().schemas, "schema")
    console = Console()
    console.print(f"[bold]{name}[/]  {(inspect.getdoc(model) or '').partition(chr(10))[0]}", highlight=False)
    table = _table("column", "type", "null", "checks", "what it is")
    for column_name, column in schema_of(model).columns.items():
        key = " (key)" if column_name in model.__key__ else ""
        checks = ", ".join(check.error or str(check.name) for check in column.checks)
        nullable = "yes" if column.nullable else ""
        table.add_row(f"{column_name}{key}", str(column.dtype), nullable, checks, column.description or "")
    console.print(table)


def _named(name: str, known: Any, what: str) -> Any:
    if name in known:
        return known[name]
    close = get_close_matches(name, known, 1)
    hint = f"Did you mean `{close[0]}`?" if close else f"`hedgerow {what}s` lists them."
    raise Problem(f"There is no {what} `{name}`.", hint)


def _frame(frame: FrameInput | Output) -> str:
    if frame.schema is not None:
        return frame.schema.__name__
    return f"any frame ({frame.variable})" if frame.variable else "any frame"


def _type(annotation: Any) -> str:
    """A type in words, with its bounds: "a number, at least 0"."""
    words = [describe(annotation)]
    for part in typing.get_args(annotation) if typing.get_origin(annotation) is typing.Annotated else ():
        for bound in getattr(part, "metadata", ()):
            words += [f"{told} {getattr(bound, name):g}" for name, told in BOUNDS.items() if hasattr(bound, name)]
    return ", ".join(words)


def _default(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"default {value.total_seconds():g}s"
    if isinstance(value, float):
        return f"default {value:.6g}"
    return "default nothing" if value is None else f"default {value}"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column)
    return table
