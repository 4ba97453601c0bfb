"""A step's or a parameter's name changed, everywhere that it stands."""

from __future__ import annotations

from lsprotocol.types import TextEdit

from flows.check.names import RESERVED
from flows.document import Location
from flows.lsp.navigation import Namer, Opener, everywhere
from flows.lsp.reading import Token
from flows.lsp.symbols import Occurrence, Symbol
from flows.lsp.view import View
from flows.notation import NAME

RENAMED = ("step", "parameter")


class Refused(Exception):
    """It can't be renamed, or not to that; says why."""


def renamed(view: View, symbol: Symbol, name: str, opener: Opener, uri: Namer) -> dict[str, list[TextEdit]]:
    """The edits that rename a step or a parameter, by file. Raises `Refused`."""
    if symbol.kind not in RENAMED:
        raise Refused("only steps and parameters can be renamed here")
    if not NAME.fullmatch(name):
        raise Refused(f"`{name}` can't be a name: use small letters, digits and `_`")
    home = opener(view.project.folder / f"{symbol.owner}.yaml")
    if home is None or not any(found.defines for found in home.of(symbol)):
        raise Refused(f"no {symbol.kind} `{symbol.name}` is defined")
    _refuse_taken(home, symbol, name)
    edits: dict[str, list[TextEdit]] = {}
    for other, found in everywhere(home, symbol, opener):
        if other.text.source[found.start : found.end].strip("'\"") != symbol.name:
            line = other.text.position(found.start).line + 1
            raise Refused(
                f"{other.path.name}, line {line}, says `{symbol.name}` by way of an alias: write it out first"
            )
        edits.setdefault(uri(other.path), []).extend(_edits(other, found, name))
    return {file: _each_once(found) for file, found in edits.items()}


def warning(view: View, symbol: Symbol) -> str:
    """What a new name changes beside the files; empty where it changes nothing."""
    task = view.task_of(symbol.name) if symbol.kind == "step" else None
    if task is not None and task.kind == "effect":
        return f"`{symbol.name}` is an effect: under another name, what was done in this session may be done again"
    if symbol.kind == "step" and any(found.location[2:3] == ("last",) for found in view.of(symbol)):
        return f"`last:` asks for `{symbol.name}`: earlier runs have no step of the new name"
    return ""


def _refuse_taken(home: View, symbol: Symbol, name: str) -> None:
    taken = home.steps() if symbol.kind == "step" else home.parameters()
    if name in taken and name != symbol.name:
        raise Refused(f"there is a {symbol.kind} `{name}` already")
    if symbol.kind == "parameter" and name in RESERVED:
        raise Refused(f"every run has its own `{name}`")


def _edits(view: View, found: Occurrence, name: str) -> list[TextEdit]:
    whole = TextEdit(view.text.range(found.start, found.end), name)
    location = found.location
    in_list = len(location) == 4 and location[2] == "in" and isinstance(location[3], int)
    if found.symbol.kind != "step" or not in_list:
        return [whole]
    items = [token.text for token in _items(view, location[:3])]
    by_name = any(_parameter(view, location, item) == found.symbol.name == item.partition(".")[0] for item in items)
    return _as_mapping(view, location, found.symbol.name, name) if by_name else [whole]


def _items(view: View, location: Location) -> list[Token]:
    return [token for token in view.outline.tokens if token.location[:-1] == location and not token.is_key]


def _parameter(view: View, location: Location, item: str) -> str:
    """The parameter that an item of `in: [ … ]` binds: of the same name as the step, or as its field."""
    step, _, field = item.partition(".")
    task = view.task_of(str(location[1]))
    return field if task is not None and field in task.frames else step


def _as_mapping(view: View, location: Location, old: str, name: str) -> list[TextEdit]:
    """In a list a step's name is also the parameter's: where it is renamed, the list becomes a mapping."""
    text, edits = view.text, []
    brackets = view.outline.brackets.get(location[:3])
    for token in _items(view, location[:3]):
        step, dot, field = token.text.partition(".")
        port = f"{name if step == old else step}{dot}{field}"
        start = token.start if brackets else text.source.rindex("-", 0, token.start)
        edits.append(TextEdit(text.range(start, token.end), f"{_parameter(view, location, token.text)}: {port}"))
    if brackets is not None:
        edits += [TextEdit(text.range(brackets[0], brackets[0] + 1), "{")]
        edits += [TextEdit(text.range(brackets[1] - 1, brackets[1]), "}")]
    return edits


def _each_once(edits: list[TextEdit]) -> list[TextEdit]:
    found = {(edit.range.start.line, edit.range.start.character): edit for edit in edits}
    return [found[place] for place in sorted(found)]
