"""From a file's text to its values and where each one stands.

YAML as its 1.2 core schema reads it: `on`, `no`, `16:10`, `1_000` and dates are text, `0o17` is a
number, keys are text. A key given twice, a tag, a second document and aliases that unfold into
more than a file would hold are refused. The parser is libyaml's where PyYAML has it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from flows.diagnostics import LINE_BREAK, Diagnostic, Span, ordered
from flows.scalars import scalar
from flows.yaml_errors import explained

DEEPEST = 32
"""Levels of nesting; no pipeline needs ten."""
MOST_NODES = 50_000
"""Values in a file once its aliases are unfolded."""
MOST_BYTES = 1_000_000

Location = tuple[Hashable, ...]
"""Keys and list positions from the top of the file down to a value."""

_UNSAVED: ContextVar[Mapping[Path, str]] = ContextVar("unsaved")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Document:
    """A file's values, and the place of each by its location."""

    path: str
    """As it is shown to people."""
    text: str
    value: Any = None
    diagnostics: tuple[Diagnostic, ...] = ()
    readable: bool = False
    """Whether `value` is what the file says; not where its syntax is broken."""
    spans: Mapping[Location, Span] = field(default_factory=dict, repr=False)
    key_spans: Mapping[Location, Span] = field(default_factory=dict, repr=False)

    def at(self, location: Sequence[Hashable]) -> Span:
        """Where the value stands; the nearest one around it where there is none."""
        found = tuple(location)
        while found and found not in self.spans:
            found = found[:-1]
        return self.spans.get(found, Span(1, 1))

    def line(self, number: int) -> str:
        """A line of the text, from 1."""
        return LINE_BREAK.split(self.text)[number - 1]

    def value_at(self, location: Sequence[Hashable]) -> Any:
        """The value at a location that exists."""
        value = self.value
        for part in location:
            value = value[part]
        return value

    def key(self, location: Sequence[Hashable]) -> Span:
        """Where the key of the value stands; the value's own place in a list."""
        return self.key_spans.get(tuple(location)) or self.at(location)


@dataclass(frozen=True)
class _Node:
    span: Span
    value: Any = None
    items: tuple[tuple[_Node, _Node], ...] | None = None
    elements: tuple[_Node, ...] | None = None


class _Unreadable(Exception):
    """What makes reading on senseless."""


def read(path: Path | str, shown: str | None = None) -> Document:
    """The document of a file. What is wrong with it is in its diagnostics; nothing is raised.

    Parameters
    ----------
    path
        The file.
    shown
        What to call it; where None, its path from the working folder.
    """
    path = Path(path)
    name = shown or shown_path(path)
    try:
        content = _content(path)
    except OSError as error:
        return _unreadable(name, f"can't be read: {(error.strerror or str(error)).lower()}")
    if path.suffix == ".yml":
        return _unreadable(name, "ends in `.yml`, which nothing here looks at", f"rename it to `{path.stem}.yaml`")
    if path.suffix != ".yaml":
        return _unreadable(name, "is no pipeline: those end in `.yaml`")
    if len(content) > MOST_BYTES:
        return _unreadable(name, f"holds {len(content):,} bytes; a pipeline file may hold {MOST_BYTES:,}")
    if content[:3] == b"\xef\xbb\xbf":
        return _unreadable(name, "begins with a byte order mark", "save it as UTF-8 without one")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        span = _position(before, len(before))
        byte = f"0x{content[error.start]:02x}"
        return _unreadable(name, f"is not UTF-8: byte {byte} can't be read", "save it as UTF-8", span)
    return parse(text, name)


@contextmanager
def unsaved(texts: Mapping[Path, str]) -> Iterator[None]:
    """Within this, files at these resolved paths hold these texts: what an editor has open, and may not have saved."""
    token = _UNSAVED.set(texts)
    try:
        yield
    finally:
        _UNSAVED.reset(token)


def _content(path: Path) -> bytes:
    texts = _UNSAVED.get({})
    text = texts.get(path.resolve()) if texts else None
    return path.read_bytes() if text is None else text.encode(errors="surrogatepass")


def shown_path(path: Path) -> str:
    """The path as people write it: from the working folder where it is below that."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def parse(text: str, name: str) -> Document:
    """The document of a text. What is wrong with it is in its diagnostics; nothing is raised."""
    reader = _Reader(text, name)
    spans: dict[Location, Span] = {}
    key_spans: dict[Location, Span] = {}
    try:
        root = reader.document()
        value = reader.values(root, (), spans, key_spans)
    except _Unreadable:
        return Document(name, text, None, ordered(reader.diagnostics))
    return Document(name, text, value, ordered(reader.diagnostics), True, spans, key_spans)


def _unreadable(name: str, message: str, hint: str = "", span: Span = Span(1, 1)) -> Document:  # noqa: B008 - frozen
    return Document(name, "", None, (Diagnostic(name, span, "unreadable-file", f"the file {message}", hint),))


def _position(text: str, offset: int) -> Span:
    lines = LINE_BREAK.split(text[:offset])
    return Span(len(lines), len(lines[-1]) + 1)


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.lines = LINE_BREAK.split(text)
        self.diagnostics: list[Diagnostic] = []
        self.anchors: dict[str, _Node | None] = {}
        self.parsed = 0
        self.nodes = 0

    def say(self, span: Span, message: str, hint: str = "", code: str = "syntax") -> None:
        self.diagnostics.append(Diagnostic(self.name, span, code, message, hint))

    def document(self) -> _Node:
        if found := _CONTROL.search(self.text):
            span = _position(self.text, found.start())
            self.say(span, f"character U+{ord(found[0]):04X} can't stand in a YAML file")
            raise _Unreadable
        try:
            return self._only_document(yaml.parse(self.text, Loader=_LOADER))
        except yaml.MarkedYAMLError as error:
            span, message, hint = explained(error, self.lines)
            self.say(span, message, hint)
            raise _Unreadable from None

    def _only_document(self, events: Iterator[Any]) -> _Node:
        root = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self.say(self._span(event), "a second document begins here", "one file holds one pipeline")
                    raise _Unreadable
                if event.version not in (None, (1, 2)) or event.tags:
                    self.say(
                        self._span(event), "directives (`%YAML`, `%TAG`) are not taken; files are read as YAML 1.2"
                    )
                    raise _Unreadable
            elif isinstance(event, yaml.NodeEvent):
                root = self._node(event, events, 1)
        if root is None:
            self.say(Span(1, 1), "the file is empty")
            raise _Unreadable
        return root

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> _Node:
        self.parsed += 1
        if self.parsed > MOST_NODES:
            self.say(self._span(event), f"the file holds more than {MOST_NODES:,} values")
            raise _Unreadable
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event)
        if event.tag is not None:
            self.say(self._span(event), f"tags such as `{event.tag}` are not taken", "write the plain value")
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        if depth > DEEPEST:
            self.say(self._span(event), f"nested more than {DEEPEST} levels deep")
            raise _Unreadable
        if isinstance(event, yaml.ScalarEvent):
            node = _Node(self._span(event), self._scalar(event))
        elif isinstance(event, yaml.SequenceStartEvent):
            elements: list[_Node] = []
            while not isinstance(inner := next(events), yaml.SequenceEndEvent):
                elements.append(self._node(inner, events, depth + 1))
            node = _Node(self._span(event, inner), elements=tuple(elements))
        else:
            items: list[tuple[_Node, _Node]] = []
            while not isinstance(inner := next(events), yaml.MappingEndEvent):
                key = self._key(inner, events, depth)
                items.append((key, self._node(next(events), events, depth + 1)))
            node = _Node(self._span(event, inner), items=tuple(items))
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _aliased(self, event: Any) -> _Node:
        span = self._span(event)
        if event.anchor not in self.anchors:
            self.say(span, f"no `&{event.anchor}` stands before this", "an anchor comes first, its aliases after it")
            raise _Unreadable
        node = self.anchors[event.anchor]
        if node is None:
            self.say(span, f"`*{event.anchor}` stands inside what it repeats")
            raise _Unreadable
        return _Node(span, node.value, node.items, node.elements)

    def _key(self, event: Any, events: Iterator[Any], depth: int) -> _Node:
        if not isinstance(event, yaml.ScalarEvent):
            self.say(self._span(event), "a key must be plain text")
            raise _Unreadable
        if event.implicit[0] and event.value == "<<":
            self.say(self._span(event), "YAML 1.2 has no merge keys", "write the keys out, or alias a whole value")
        if event.tag is not None or event.anchor is not None:
            self.say(self._span(event), "a key takes neither tag nor anchor")
        return _Node(self._span(event), event.value)

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if not event.implicit[0] or event.style not in (None, ""):
            return text
        try:
            return scalar(text)
        except ValueError as error:
            self.say(self._span(event), str(error))
            return None

    def _span(self, event: Any, end: Any = None) -> Span:
        first, last = event.start_mark, (end or event).end_mark
        if last.line == first.line:
            width = last.column - first.column
        else:
            width = len(self.lines[first.line].rstrip()) - first.column
        return Span(first.line + 1, first.column + 1, max(1, width))

    def values(
        self, node: _Node, location: Location, spans: dict[Location, Span], key_spans: dict[Location, Span]
    ) -> Any:
        """The plain values below a node, noting where each stands."""
        self.nodes += 1
        if self.nodes > MOST_NODES or len(location) > DEEPEST:
            what = f"into more than {MOST_NODES:,} values" if self.nodes > MOST_NODES else f"over {DEEPEST} levels deep"
            self.say(node.span, f"its aliases unfold the file {what}")
            raise _Unreadable
        spans[location] = node.span
        if node.elements is not None:
            return [self.values(element, (*location, i), spans, key_spans) for i, element in enumerate(node.elements)]
        if node.items is None:
            return node.value
        mapping: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.items:
            if key.value in lines:
                self.say(key.span, f"`{key.value}` is already defined at line {lines[key.value]}", code="duplicate-key")
                continue
            lines[key.value] = key.span.line
            key_spans[(*location, key.value)] = key.span
            mapping[key.value] = self.values(value, (*location, key.value), spans, key_spans)
        return mapping
