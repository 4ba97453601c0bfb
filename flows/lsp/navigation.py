"""From a name to where it is defined, and to every place where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from lsprotocol.types import Location, Position, Range

from flows.lsp.sources import parameter_at, written_at
from flows.lsp.symbols import Occurrence, Symbol
from flows.lsp.view import View
from tasks.connections.base import connection_class, kinds

Opener = Callable[[Path], View | None]
"""From a file to its view; None where it can't be read."""
Namer = Callable[[Path], str]
"""From a file to its name in the editor."""


def definitions(view: View, symbol: Symbol, opener: Opener, uri: Namer) -> list[Location]:
    """Where the thing is defined: in a pipeline file, the desk file, or a task's or schema's source."""
    tasks, schemas = view.catalog.tasks, view.catalog.schemas
    source = None
    match symbol.kind:
        case "task" if symbol.name in tasks:
            source = written_at(tasks[symbol.name].function)
        case "input" | "argument" if symbol.owner in tasks:
            source = parameter_at(tasks[symbol.owner].function, symbol.name)
        case "schema" if symbol.name in schemas:
            source = written_at(schemas[symbol.name])
        case "kind" if symbol.name in kinds():
            source = written_at(connection_class(symbol.name))
        case "field":
            return [
                _place(view, found, uri) for found in view.of(Symbol("step", symbol.owner, view.name)) if found.defines
            ]
        case "pipeline":
            path = view.project.folder / f"{symbol.name}.yaml"
            return [Location(uri(path), _start(0, 0))] if opener(path) else []
        case _:
            return [_place(other, found, uri) for other, found in everywhere(view, symbol, opener) if found.defines]
    return [Location(uri(source[0]), _start(*source[1:]))] if source else []


def references(view: View, symbol: Symbol, opener: Opener, uri: Namer, *, defining: bool) -> list[Location]:
    """Every place in the project where the thing is named, with its definition or without."""
    return [
        _place(other, found, uri) for other, found in everywhere(view, symbol, opener) if defining or not found.defines
    ]


def everywhere(view: View, symbol: Symbol, opener: Opener) -> Iterator[tuple[View, Occurrence]]:
    """Every place where the thing is named, file by file; a step is known in its own file only."""
    paths = [view.path] if symbol.kind in ("step", "field") else [view.project.desk_path, *view.project.paths()]
    for path in paths:
        other = view if path == view.path else opener(path)
        if other is not None:
            yield from ((other, found) for found in other.of(symbol))


def _place(view: View, found: Occurrence, uri: Namer) -> Location:
    return Location(uri(view.path), view.text.range(found.start, found.end))


def _start(line: int, column: int) -> Range:
    return Range(Position(line, column), Position(line, column))
