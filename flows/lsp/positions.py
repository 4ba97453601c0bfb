"""Places in a text: offsets here, line and column in the checker, line and UTF-16 units in an editor."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from lsprotocol.types import Position, PositionEncodingKind, Range

from flows.diagnostics import LINE_BREAK, Span

_EDITOR_BREAK = re.compile("\r\n|\n|\r")
"""What an editor counts as the end of a line: YAML counts a few characters more."""

_BYTES = {PositionEncodingKind.Utf8: "utf-8", PositionEncodingKind.Utf16: "utf-16-le"}


class Text:
    """A text, and how places in it are counted.

    Parameters
    ----------
    source
        The text.
    encoding
        What an editor's columns count: UTF-16 units unless it was agreed otherwise.
    """

    def __init__(self, source: str, encoding: str = PositionEncodingKind.Utf16) -> None:
        self.source = source
        self.encoding = encoding

    @cached_property
    def _editor_lines(self) -> list[int]:
        return [0, *(found.end() for found in _EDITOR_BREAK.finditer(self.source))]

    @cached_property
    def _checker_lines(self) -> list[int]:
        return [0, *(found.end() for found in LINE_BREAK.finditer(self.source))]

    def offset(self, position: Position) -> int:
        """Where an editor's position is; past the end of a line or of the text, that end."""
        lines = self._editor_lines
        if position.line >= len(lines):
            return len(self.source)
        start = lines[position.line]
        end = lines[position.line + 1] if position.line + 1 < len(lines) else len(self.source)
        line = _EDITOR_BREAK.split(self.source[start:end])[0]
        if self.encoding == PositionEncodingKind.Utf32 or line.isascii():
            return start + min(position.character, len(line))
        units = 0
        for column, character in enumerate(line):
            units += self._units(character)
            if units > position.character:
                return start + column
        return start + len(line)

    def position(self, offset: int) -> Position:
        """An offset as an editor counts it."""
        line = bisect_right(self._editor_lines, offset) - 1
        before = self.source[self._editor_lines[line] : offset]
        return Position(line, len(before) if before.isascii() else sum(map(self._units, before)))

    def range(self, start: int, end: int) -> Range:
        """From one offset to another as an editor counts it."""
        return Range(self.position(start), self.position(end))

    def at(self, span: Span) -> tuple[int, int]:
        """(start, end) of what the checker points at; within the text whatever it says."""
        lines = self._checker_lines
        if span.line > len(lines):
            return len(self.source), len(self.source)
        start = min(lines[span.line - 1] + span.column - 1, len(self.source))
        return start, min(start + span.width, len(self.source))

    def replaced(self, range_: Range | None, text: str) -> str:
        """The whole text with a part replaced; where no part is named, all of it."""
        if range_ is None:
            return text
        return self.source[: self.offset(range_.start)] + text + self.source[self.offset(range_.end) :]

    def _units(self, character: str) -> int:
        if self.encoding == PositionEncodingKind.Utf32:
            return 1
        width = len(character.encode(_BYTES[PositionEncodingKind(self.encoding)], errors="surrogatepass"))
        return width if self.encoding == PositionEncodingKind.Utf8 else width // 2
