"""What each name in a file stands for: one table that hover, definition, references and renaming read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from flows.document import Document, Location
from flows.lsp.outline import Outline
from flows.lsp.positions import Text
from flows.lsp.reading import Token
from flows.references import RUN_TYPES, find
from tasks.declare import TaskSpec

Kind = Literal[
    "step", "field", "parameter", "run", "task", "input", "argument", "schema", "pipeline", "connection", "kind", "key"
]


@dataclass(frozen=True)
class Symbol:
    """What a name stands for."""

    kind: Kind
    name: str
    owner: str = ""
    """The pipeline that a step or a parameter is of, the task that an argument is of, the step that a field is of."""


@dataclass(frozen=True)
class Occurrence:
    """One place where a name stands."""

    symbol: Symbol
    location: Location
    start: int
    end: int
    defines: bool = False


def tokens_of(text: Text, document: Document | None, outlined: Outline) -> list[Token]:
    """The keys and values of a file: as the parser has them, where it could read it, aliases followed."""
    if document is None or not document.readable:
        return list(outlined.tokens)
    found: dict[tuple[int, int], Token] = {}
    for location, span in document.key_spans.items():
        _add(found, Token(location, *text.at(span), str(location[-1]), is_key=True))
    for location, span in document.spans.items():
        value = document.value_at(location)
        if isinstance(value, str):
            _add(found, Token(location, *text.at(span), value, is_key=False))
    return sorted(found.values(), key=lambda token: token.start)


def _add(found: dict[tuple[int, int], Token], token: Token) -> None:
    """What an alias repeats stands at one place for two locations: the one that means something counts."""
    place = token.start, token.end
    if place not in found or str(found[place].location[0]).startswith("x-"):
        found[place] = token


def occurrences(
    name: str, tokens: list[Token], outlined: Outline, tasks: Mapping[str, TaskSpec], source: str
) -> Iterator[Occurrence]:
    """Every name of a pipeline file that stands for something.

    Parameters
    ----------
    name
        The pipeline's.
    tokens, outlined
        Its keys and values.
    tasks
        Those there are.
    source
        The text.
    """
    for token in tokens:
        reader = _Naming(name, token, outlined, tasks, source)
        yield from reader.key() if token.is_key else reader.value()


def desk_occurrences(tokens: list[Token]) -> Iterator[Occurrence]:
    """Every name of a desk file that stands for something."""
    for token in tokens:
        place = token.location[2:] if token.location[:1] == ("profiles",) else token.location
        symbol = Symbol("key", token.text) if token.is_key else None
        if place[:1] == ("connections",) and len(place) == 2 and token.is_key:
            symbol = Symbol("connection", token.text)
        elif place[:1] == ("connections",) and place[2:] == ("kind",) and not token.is_key:
            symbol = Symbol("kind", token.text)
        if symbol is not None:
            defines = symbol.kind == "connection" and place is token.location
            yield Occurrence(symbol, token.location, token.start, token.end, defines)


@dataclass(frozen=True)
class _Naming:
    pipeline: str
    token: Token
    outlined: Outline
    tasks: Mapping[str, TaskSpec]
    source: str

    def key(self) -> Iterator[Occurrence]:
        location, text = self.token.location, self.token.text
        if len(location) == 2 and location[0] in ("steps", "stream"):
            yield self._whole(Symbol("step", text, self.pipeline), defines=True)
        elif len(location) == 2 and location[0] == "params":
            yield self._whole(Symbol("parameter", text, self.pipeline), defines=True)
        elif self._section() in ("in", "last") and len(self._below()) == 1:
            yield self._whole(Symbol("input", text, self._task() or ""))
        elif self._names_an_argument():
            inlined = self._beside("pipeline")
            if inlined is not None:
                yield self._whole(Symbol("parameter", text, inlined))
            else:
                yield self._whole(Symbol("argument", text, self._task() or ""))
        elif self._section() not in ("with", "each"):
            yield self._whole(Symbol("key", text))

    def _names_an_argument(self) -> bool:
        below = self._below()
        if self._section() == "each":
            below = below[1:] if below and isinstance(below[0], int) else below
        return self._section() in ("with", "each") and len(below) == 1

    def value(self) -> Iterator[Occurrence]:
        location, text = self.token.location, self.token.text
        section = self._section()
        if location == ("schedule", "after") or section == "pipeline":
            yield self._whole(Symbol("pipeline", text))
        elif section == "task":
            yield self._whole(Symbol("task", text))
        elif section == "schema":
            yield self._whole(Symbol("schema", text))
        elif location == ("output",) or section in ("in", "last", "begin", "after"):
            yield from self._port(text, self._offset())
        elif section == "when":
            named = text.removeprefix("not").strip() if text.startswith("not ") else text
            yield from self._port(named, self._offset() + len(text) - len(named))
        elif section in ("with", "each"):
            task = self.tasks.get(self._task() or "")
            if section == "with" and task is not None and self._below()[:1] and self._below()[0] in task.connections:
                yield self._whole(Symbol("connection", text))
            yield from self._references(text)

    def _section(self) -> str:
        """The step's key that the token is below; empty outside of steps."""
        location = self.token.location
        if location[:1] == ("on_failure",):
            return str(location[1]) if len(location) > 1 else ""
        return str(location[2]) if len(location) > 2 and location[0] in ("steps", "stream") else ""

    def _below(self) -> Location:
        return self.token.location[2 if self.token.location[0] == "on_failure" else 3 :]

    def _beside(self, key: str) -> str | None:
        location = self.token.location
        return self.outlined.value((*location[: 1 if location[0] == "on_failure" else 2], key))

    def _task(self) -> str | None:
        return self._beside("task")

    def _offset(self) -> int:
        """Where the token's text begins, behind a quote."""
        return self.token.start + (self.source[self.token.start : self.token.start + 1] in ("'", '"'))

    def _whole(self, symbol: Symbol, *, defines: bool = False) -> Occurrence:
        return Occurrence(symbol, self.token.location, self.token.start, self.token.end, defines)

    def _port(self, text: str, offset: int) -> Iterator[Occurrence]:
        step, dot, field = text.partition(".")
        location = self.token.location
        yield Occurrence(Symbol("step", step, self.pipeline), location, offset, offset + len(step))
        if dot:
            start = offset + len(step) + 1
            yield Occurrence(Symbol("field", field, step), location, start, start + len(field))

    def _references(self, text: str) -> Iterator[Occurrence]:
        for reference in find(text):
            start = self._offset() + reference.offset
            written = self.source[start : start + reference.width]
            if reference.fault or reference.name not in written:
                continue
            start += written.index(reference.name)
            symbol = Symbol("parameter", reference.name, self.pipeline)
            if reference.name in RUN_TYPES:
                symbol = Symbol("run", reference.name)
            yield Occurrence(symbol, self.token.location, start, start + len(reference.name))
