"""YAML read as far as it goes, line by line, with what may be written where it ends.

A parser gives up at the first mistake; here a bracket or a quote that is never closed ends where a
line begins that can't belong to it. What the parser takes is read alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from flows.document import Location

Slot = Literal["key", "value", "either"]
"""What may be written at a place; `either`: the first line below a key."""

_KEY = re.compile(
    r"""(?P<key>"(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*'|[^\s#"'\[\]{},&*!|>%@`-][^\n]*?|-[^\s\n][^\n]*?)\s*:(?=[\s]|$)"""
)
_PROPERTY = re.compile(r"[&!][^\s,\[\]{}]*[ \t]+")
_FLOW_PLAIN = re.compile(
    r"(?:\$\{[^}\n,]*\}?|:(?=[^\s,\[\]{}])|(?<=\S)\#|[^\s,\[\]{}:\#]|[ \t]+(?=[^\s,\[\]{}:\#]|:[^\s,\[\]{}]))+"
)
_PLAIN = re.compile(r"(?:(?<=\S)\#|[^\n\r#])+")
_SPACES = re.compile(r"[ \t]*")
_WHITESPACE = re.compile(r"\s*")


@dataclass(frozen=True)
class Token:
    """A key or a value as it is written."""

    location: Location
    start: int
    end: int
    text: str
    """Without its quotes."""
    is_key: bool


@dataclass(frozen=True)
class Place:
    """Where something is being written."""

    location: Location
    """Of the value; of the mapping around it for a key."""
    slot: Slot
    start: int
    """Where what is written so far begins."""
    prefix: str
    """And what it is."""
    in_flow: bool = False


@dataclass
class _Level:
    kind: Literal["root", "mapping", "list"]
    indent: int
    location: Location
    key: str | None = None
    index: int = -1
    filled: bool = False

    @property
    def inner(self) -> Location:
        if self.kind == "list":
            return (*self.location, self.index)
        return self.location if self.key is None else (*self.location, self.key)


class Reader:
    """One pass over a text: what stands where, and what may be written at its end."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.end = len(source)
        self.position = 0
        self.tokens: list[Token] = []
        self.brackets: dict[Location, tuple[int, int]] = {}
        self.levels = [_Level("root", -1, ())]
        self.place: Place | None = None

    def read(self) -> None:
        """Read it all."""
        while self.position < self.end:
            self._line()
        if self.source[-1:] in ("", "\n", "\r"):
            self.place = self._on_blank(0, self.end)

    # Lines

    def _line_end(self, position: int) -> int:
        found = self.source.find("\n", position)
        return self.end if found < 0 else found

    def _line(self) -> None:
        first = _SPACES.match(self.source, self.position).end()  # type: ignore[union-attr] # it matches nothing, too
        indent, end = first - self.position, self._line_end(first)
        content = self.source[first:end].rstrip()
        if not content and end == self.end:
            self.place = self._on_blank(indent, first)
        if content and content[0] != "#" and not (indent == 0 and content[:3] in ("---", "...")):
            self._content(first, indent)
        else:
            self.position = end + 1

    def _content(self, first: int, indent: int) -> None:
        """What begins at a column: an item, a key, or the value of what is above it."""
        while len(self.levels) > 1 and self.levels[-1].indent > indent:
            self.levels.pop()
        if self.source[first] == "-" and self.source[first + 1 : first + 2] in ("", " ", "\t", "\n", "\r"):
            self._item(first, indent)
            return
        if self.levels[-1].kind == "list" and self.levels[-1].indent == indent:
            self.levels.pop()
        found = _KEY.match(self.source, first)
        if found is not None:
            self._key(found, indent)
            return
        top = self.levels[-1]
        if top.indent == indent or (top.kind == "root" and self.source[first] not in "{["):
            self._half_a_key(first, top.location)
        elif top.filled:
            self.position = self._line_end(first) + 1  # more of a text that began above
        else:
            self._value(first, top.inner, top.indent, "either")
            top.filled = True

    def _item(self, first: int, indent: int) -> None:
        top = self.levels[-1]
        if top.kind != "list" or top.indent != indent:
            top.filled = True
            top = _Level("list", indent, top.inner)
            self.levels.append(top)
        top.index, top.filled = top.index + 1, False
        inner = _SPACES.match(self.source, first + 1).end()  # type: ignore[union-attr] # it matches nothing, too
        if inner >= self._line_end(first) or self.source[inner] in "\r#":
            self._value(first + 1, top.inner, indent, "value")
        else:
            self._content(inner, indent + inner - first)

    def _key(self, found: re.Match[str], indent: int) -> None:
        top = self.levels[-1]
        if top.kind != "mapping" or top.indent != indent:
            top.filled = True
            top = _Level("mapping", indent, top.inner)
            self.levels.append(top)
        top.key, top.filled = _unquoted(found["key"]), False
        self._note((*top.location, top.key), found.start("key"), found.end("key"), is_key=True)
        top.filled = self._value(found.end(), (*top.location, top.key), indent, "value")

    def _half_a_key(self, first: int, location: Location) -> None:
        end = self._line_end(first)
        text = self.source[first:end].rstrip()
        if end == self.end and len(text) == end - first:
            self.place = Place(location, "key", first, text)
        self.position = end + 1

    def _value(self, at: int, location: Location, indent: int, slot: Slot) -> bool:
        """Read a value that begins on this line; whether there is one."""
        first = _SPACES.match(self.source, at).end()  # type: ignore[union-attr] # it matches nothing, too
        while found := _PROPERTY.match(self.source, first):
            first = found.end()
        end = self._line_end(first)
        self.position = end + 1
        if first == self.end:
            if first > at or slot == "either":
                self.place = Place(location, slot, first, "")
            return False
        character = self.source[first]
        if character in "\r\n#":
            return False
        if character in "{[":
            after = self._flow(first, location, indent)
            if after is not None:
                self.position = self._line_end(after) + 1
        elif character in "|>":
            self._block_text(end, indent)
        else:
            after = self._scalar(first, location, indent)
            if after == self.end:
                self.place = Place(location, slot, first, self.source[first:])
            self.position = self._line_end(after) + 1
        return True

    def _block_text(self, line_end: int, indent: int) -> None:
        position = line_end + 1
        while position < self.end:
            first = _SPACES.match(self.source, position).end()  # type: ignore[union-attr] # it matches nothing, too
            if first < self.end and self.source[first] not in "\r\n" and first - position <= indent:
                break
            position = self._line_end(first) + 1
        self.position = position

    def _scalar(self, first: int, location: Location, indent: int) -> int:
        if self.source[first] in "\"'":
            end = self._quoted(first, indent)
        else:
            found = _PLAIN.match(self.source, first)
            text = found[0] if found else self.source[first]
            end = first + len(text if first + len(text) == self.end else text.rstrip())
        self._note(location, first, end, is_key=False)
        return end

    def _quoted(self, first: int, indent: int) -> int:
        """The end of a quoted text; of its line where it is never closed."""
        quote, position = self.source[first], first + 1
        while position < self.end:
            character = self.source[position]
            if character == "\\" and quote == '"':
                position += 1
            elif character == quote:
                if quote == '"' or self.source[position + 1 : position + 2] != "'":
                    return position + 1
                position += 1
            elif character == "\n" and self._is_outside(position + 1, indent):
                break
            position += 1
        else:
            return self.end if "\n" not in self.source[first:] else self._line_end(first)
        return self._line_end(first)

    def _is_outside(self, line: int, indent: int) -> bool:
        """Whether a line can't belong to what was opened above: it is indented no further than its key."""
        first = _SPACES.match(self.source, line).end()  # type: ignore[union-attr] # it matches nothing, too
        return first < self.end and first - line <= indent and self.source[first] not in "\r\n#]}"

    # Brackets

    def _flow(self, opening: int, location: Location, indent: int) -> int | None:
        """Read a collection in brackets; where it ends, or None where the text or what can belong to it does."""
        is_mapping = self.source[opening] == "{"
        position, index, key = opening + 1, 0, None
        while True:
            position, is_open = self._blanks(position, indent)
            if not is_open:
                self.brackets[location] = opening, position
                self.position = position
                return None
            inner = (*location, key) if key is not None else location if is_mapping else (*location, index)
            slot: Slot = "key" if is_mapping and key is None else "value"
            if position == self.end:
                self._end_in_flow(inner, slot, position)
                return None
            character = self.source[position]
            if character in "]}":
                self.brackets[location] = opening, position + 1
                return position + 1
            if character == ",":
                position, index, key = position + 1, index + 1, None
            elif character in "{[" and slot == "value":
                after = self._flow(position, inner, indent)
                if after is None:
                    return None
                position, key = after, None
            elif found := _PROPERTY.match(self.source, position):
                position = found.end()
            else:
                start = position
                position = self._flow_scalar(start, indent)
                text = _unquoted(self.source[start:position])
                if slot == "value":
                    self._note(inner, start, position, is_key=False)
                    key = None
                else:
                    self._note((*location, text), start, position, is_key=True)
                if position == self.end:
                    self.place = Place(inner, slot, start, self.source[start:], in_flow=True)
                    self.position = self.end
                    return None
                colon = _WHITESPACE.match(self.source, position).end()  # type: ignore[union-attr] # nothing, too
                if self.source[colon : colon + 1] == ":":
                    position = colon + 1
                    if slot == "key":
                        key = text
                        if position == self.end:
                            self.position = self.end
                            return None

    def _end_in_flow(self, location: Location, slot: Slot, position: int) -> None:
        in_comment = "#" in self.source[self.source.rfind("\n") + 1 :] and self._is_comment(position)
        if not in_comment:
            self.place = Place(location, slot, position, "", in_flow=True)
        self.position = self.end

    def _is_comment(self, position: int) -> bool:
        line = self.source[self.source.rfind("\n", 0, position) + 1 : position]
        return re.search(r"(^|\s)#[^\"']*$", line) is not None

    def _blanks(self, position: int, indent: int) -> tuple[int, bool]:
        """(what comes after blanks and comments, whether that still belongs to the collection)."""
        while position < self.end:
            character = self.source[position]
            if character == "\n":
                if self._is_outside(position + 1, indent):
                    return position + 1, False
            elif character == "#" and self.source[position - 1].isspace():
                position = self._line_end(position) - 1
            elif not character.isspace():
                break
            position += 1
        return position, True

    def _flow_scalar(self, first: int, indent: int) -> int:
        if self.source[first] in "\"'":
            return self._quoted(first, indent)
        found = _FLOW_PLAIN.match(self.source, first)
        if found is None:
            return first + 1
        trailing = _SPACES.match(self.source, found.end()).end()  # type: ignore[union-attr] # it matches nothing, too
        return trailing if trailing == self.end else found.end()

    def _note(self, location: Location, start: int, end: int, *, is_key: bool) -> None:
        self.tokens.append(Token(location, start, end, _unquoted(self.source[start:end]), is_key))

    # Blank lines

    def _on_blank(self, indent: int, at: int) -> Place | None:
        """What may be written on an empty line, by how far it is indented."""
        levels = list(self.levels)
        while len(levels) > 1 and levels[-1].indent > indent:
            levels.pop()
        top = levels[-1]
        if top.kind == "root":
            return Place((), "key", at, "")
        if top.indent == indent:
            if top.kind == "list":  # its key's mapping may go on at the same column
                top = levels[-2]
            return Place(top.location, "key", at, "") if top.kind == "mapping" and top.indent == indent else None
        return None if top.filled else Place(top.inner, "either", at, "")


def _unquoted(text: str) -> str:
    text = text.strip()
    if text[:1] == "'":
        return text[1:].removesuffix("'").replace("''", "'")
    if text[:1] == '"':
        return text[1:].removesuffix('"')
    return text
