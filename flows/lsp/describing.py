"""Tasks, schemas and parameters in a few lines of Markdown."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from flows.check.subject import Schema
from flows.grammar import ParameterKeys
from flows.plan import Parameter
from flows.values import describe, shown
from schemas.frame import Frame, schema_of
from tasks.declare import TaskSpec

_KINDS = {
    "pure": "computes; changes nothing",
    "as_of": "reads the world, as of any session",
    "now": "reads the world as it is now: no past session",
    "effect": "an effect: it changes the world, once",
    "source": "a source: a stream of rows",
}
_BOUNDS: tuple[tuple[Any, str, str], ...] = ((Ge, "ge", "≥"), (Gt, "gt", ">"), (Le, "le", "≤"), (Lt, "lt", "<"))
_SECTION = re.compile(r"^(?P<title>[A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)


def type_text(annotation: Any) -> str:
    """A type in words, with its bounds: "a number ≥ 0"."""
    return " ".join([describe(annotation).replace("`", ""), *_bounds(annotation)])


def _bounds(annotation: Any) -> Iterator[str]:
    if not hasattr(annotation, "__metadata__"):
        for part in typing.get_args(annotation):
            yield from _bounds(part)
        return
    for each in annotation.__metadata__:
        for one in each.metadata if isinstance(each, FieldInfo) else [each]:
            yield from (f"{sign} {getattr(one, key):g}" for kind, key, sign in _BOUNDS if isinstance(one, kind))


def schema_name(schema: Schema) -> str:
    """A frame's kind in a word."""
    return schema.__name__ if isinstance(schema, type) and issubclass(schema, Frame) else "any frame"


def task_text(task: TaskSpec) -> str:
    """A task: its signature, what it does to the world, and what it is for."""
    parts = [
        f"  {name}: {schema_name(frame.schema)}{' or nothing' if frame.optional else ''}"
        for name, frame in task.frames.items()
    ]
    parts += [f"  {name}: connection of kind {cls.kind}" for name, cls in task.connections.items()]
    for name, argument in task.arguments.items():
        default = "" if argument.required else f" = {_value(argument.default)}"
        parts.append(f"  {name}: {type_text(argument.annotation)}{default}")
    inside = ",\n".join(parts)
    signature = f"{task.name}(\n{inside}\n)" if parts else f"{task.name}()"
    yields = ", ".join(
        schema_name(output.schema) if field is None else f"{field}: {schema_name(output.schema)}"
        for field, output in task.outputs.items()
    )
    signature += f" → {yields}" if yields else ""
    return f"```\n{signature}\n```\n*{_KINDS[task.kind]}*\n\n{_introduction(task.function)}"


def argument_text(task: TaskSpec, name: str) -> str:
    """An argument or a frame of a task: its type, its default, and what its documentation says."""
    if name in task.frames:
        frame = task.frames[name]
        head = f"`{name}`: a frame of {schema_name(frame.schema)}{', may be left out' if frame.optional else ''}"
    elif name in task.connections:
        head = f"`{name}`: a connection of kind `{task.connections[name].kind}`"
    elif name in task.arguments:
        argument = task.arguments[name]
        default = "" if argument.required else f", by default `{_value(argument.default)}`"
        head = f"`{name}`: {type_text(argument.annotation)}{default}"
    else:
        return ""
    return f"{head}\n\n{parameter_docs(task.function).get(name, '')}".rstrip()


def frame_text(what: str, schema: Schema) -> str:
    """A frame: what it is called, its kind, and its columns."""
    if not isinstance(schema, type) or not issubclass(schema, Frame):
        return f"{what}: a frame that nothing says the kind of"
    return f"{what}: **{schema.__name__}**\n\n{schema_text(schema)}"


@lru_cache(maxsize=256)
def schema_text(schema: type[Frame]) -> str:
    """A schema: what it is, its key, and its columns."""
    rows = []
    for name, column in schema_of(schema).columns.items():
        notes = [note for note in (column.description, "may be null" if column.nullable else "") if note]
        mark = " *(key)*" if name in schema.__key__ else ""
        rows.append(f"| `{name}`{mark} | {column.dtype} | {'; '.join(notes).replace('|', chr(92) + '|')} |")
    table = "\n".join(["| column | type | |", "|---|---|---|", *rows])
    return f"{inspect.getdoc(schema) or ''}\n\n{table}"


def parameter_text(name: str, keys: ParameterKeys, known: Parameter | None, used: list[str]) -> str:
    """A pipeline's parameter: its type, default and bounds, and what uses it."""
    kind = f": {type_text(known.annotation)}" if known else ""
    default = "must be given" if keys.required else f"by default `{_value(keys.default)}`"
    uses = f"\n\nUsed by {', '.join(used)}." if used else ""
    return f"`${name}`{kind}, {default}\n\n{keys.description}".rstrip() + uses


def _value(value: Any) -> str:
    return shown(value).strip("`").removeprefix("text `") if not isinstance(value, str) else value


def _introduction(function: Callable[..., Any]) -> str:
    """The docstring up to its first section."""
    text = inspect.getdoc(function) or ""
    found = _SECTION.search(text)
    return (text[: found.start()] if found else text).strip()


@lru_cache(maxsize=1024)
def parameter_docs(function: Callable[..., Any]) -> Mapping[str, str]:
    """What a numpydoc docstring says of each parameter."""
    text = inspect.getdoc(function) or ""
    sections = list(_SECTION.finditer(text))
    for found, after in zip(sections, [*sections[1:], None], strict=True):
        if found["title"] == "Parameters":
            return _entries(text[found.end() : after.start() if after else len(text)])
    return {}


def _entries(section: str) -> dict[str, str]:
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line and not line[0].isspace():
            names = [name.strip() for name in line.partition(":")[0].split(",")]
        else:
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found
