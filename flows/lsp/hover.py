"""What an editor shows of the name under the pointer."""

from __future__ import annotations

import inspect

from flows.lsp.describing import argument_text, frame_text, parameter_text, schema_text, task_text
from flows.lsp.keys import key_text, model_of
from flows.lsp.symbols import Occurrence, Symbol
from flows.lsp.view import View
from flows.references import RUN_TYPES
from flows.values import describe
from tasks.connections.base import connection_class, kinds


def hover_text(view: View, here: Occurrence) -> str:
    """What is known of it, as Markdown; empty where nothing is."""
    symbol = here.symbol
    match symbol.kind:
        case "task":
            task = view.catalog.tasks.get(symbol.name)
            return task_text(task) if task else ""
        case "input" | "argument":
            task = view.catalog.tasks.get(symbol.owner)
            return argument_text(task, symbol.name) if task else ""
        case "step":
            return step_text(view, symbol.name)
        case "field":
            return frame_text(f"`{symbol.owner}.{symbol.name}`", view.outputs(symbol.owner).get(symbol.name))
        case "schema":
            schema = view.catalog.schemas.get(symbol.name)
            return f"**{symbol.name}**\n\n{schema_text(schema)}" if schema else ""
        case "parameter":
            return _parameter(view, symbol)
        case "run":
            return f"`${symbol.name}`: {describe(RUN_TYPES[symbol.name])}, which each run has of its own"
        case "pipeline":
            return pipeline_text(view, symbol.name)
        case "connection":
            return connection_text(view, symbol.name)
        case "kind":
            return _kind(symbol.name)
        case "key":
            return key_text(model_of(desk=view.is_desk), here.location)


def step_text(view: View, name: str) -> str:
    """A step: what it yields, and what makes it."""
    outputs = view.outputs(name)
    task = view.task_of(name)
    inlined = view.outline.value(("steps", name, "pipeline"))
    made = f"pipeline `{inlined}`" if inlined else f"`{task.name}`: {task.summary}" if task else ""
    if not outputs:
        told = f"`{name}` yields no frame" if task else f"`{name}`"
    elif list(outputs) == [None]:
        told = frame_text(f"`{name}`", outputs[None])
    else:
        told = "\n\n".join(frame_text(f"`{name}.{field}`", schema) for field, schema in outputs.items())
    return f"{made}\n\n{told}".strip()


def pipeline_text(view: View, name: str) -> str:
    """Another pipeline: what it is for, what it may be given, what it yields."""
    checked = view.project.good(view.project.folder / f"{name}.yaml")
    if checked is None or checked.subject is None:
        return ""
    file = checked.subject.file
    given = [
        f"- {parameter_text(parameter, keys, checked.subject.parameters.get(parameter), []).partition(chr(10))[0]}"
        for parameter, keys in file.params.items()
    ]
    yields = [f"Yields `{file.output}`."] if file.output else []
    return "\n\n".join(part for part in (f"pipeline **{name}**", file.description, "\n".join(given), *yields) if part)


def connection_text(view: View, name: str) -> str:
    """A connection of the desk: its kind, and what that is."""
    spec = view.project.desk.connections.get(name) if view.project.desk else None
    return f"connection `{name}` of kind `{spec.kind}`\n\n{_first(spec.cls)}" if spec else ""


def _kind(kind: str) -> str:
    return f"`{kind}`: {_first(connection_class(kind))}" if kind in kinds() else ""


def _first(cls: type) -> str:
    return (inspect.getdoc(cls) or "").partition("\n\n")[0]


def _parameter(view: View, symbol: Symbol) -> str:
    path = view.project.folder / f"{symbol.owner}.yaml"
    checked = view.project.good(path)
    subject = checked.subject if checked else None
    if subject is None or symbol.name not in subject.file.params:
        return ""
    used = list(dict.fromkeys(use.what for use in subject.uses.get(symbol.name, []) if use.what))
    keys = subject.file.params[symbol.name]
    return parameter_text(symbol.name, keys, subject.parameters.get(symbol.name), used)
