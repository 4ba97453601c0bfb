"""What stands where in a file that may be half written."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from flows.document import Location
from flows.lsp.reading import Place, Reader, Token


@dataclass(frozen=True)
class Outline:
    """The keys and values of a text, in the order they are written."""

    source: str
    tokens: tuple[Token, ...]
    brackets: Mapping[Location, tuple[int, int]]
    """(start, end) of each collection in brackets."""
    extents: Mapping[Location, tuple[int, int]] = field(repr=False)
    """(start, end) of each key with all that is below it."""

    @cached_property
    def _values(self) -> dict[Location, str]:
        return {token.location: token.text for token in self.tokens if not token.is_key}

    @cached_property
    def _children(self) -> dict[Location, dict[Hashable, None]]:
        found: dict[Location, dict[Hashable, None]] = {}
        for token in self.tokens:
            for depth in range(len(token.location)):
                found.setdefault(token.location[:depth], {})[token.location[depth]] = None
        return found

    def value(self, location: Location) -> str | None:
        """The scalar at a location; None where there is none."""
        return self._values.get(location)

    def children(self, location: Location) -> list[Hashable]:
        """The keys, or positions, of what is directly below."""
        return list(self._children.get(location, ()))

    def at(self, offset: int) -> Token | None:
        """The key or value that an offset is in or right behind."""
        return next((token for token in self.tokens if token.start <= offset <= token.end), None)


def outline(source: str) -> Outline:
    """The outline of a text, whatever it is."""
    reader = Reader(source)
    reader.read()
    return Outline(source, tuple(reader.tokens), reader.brackets, _extents(reader.tokens))


def place_at(source: str, offset: int) -> Place | None:
    """What may be written at an offset; None in comments, and where nothing may."""
    reader = Reader(source[:offset])
    reader.read()
    return reader.place


def _extents(tokens: list[Token]) -> dict[Location, tuple[int, int]]:
    found: dict[Location, tuple[int, int]] = {}
    for token in tokens:
        for depth in range(1, len(token.location) + 1):
            start, end = found.get(token.location[:depth], (token.start, token.end))
            found[token.location[:depth]] = min(start, token.start), max(end, token.end)
    return found
