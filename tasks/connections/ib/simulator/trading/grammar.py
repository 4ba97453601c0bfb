"""A message as a table: which fields it has, in which order, and when; read and written from the same table.

Source: the order of the fields is that of the broker's published protocol, server versions 157 to 178.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tasks.connections.ib.simulator.wire import UNSET, Fields, MalformedError

Values = dict[str, Any]
"""A message by the names of its fields, which are those of the broker's published client."""

Kind = Literal["text", "whole", "number", "flag"]

LARGEST = 1.7e308
UNSET_WHOLE = 2147483647
MOST_REPEATS = 1000
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,24}\.?[0-9]{0,24}|\.[0-9]{1,24})([eE][+-]?[0-9]{1,3})?")


class Rule(Protocol):
    """One row of a table."""

    def read(self, fields: Fields, values: Values, version: int) -> None:
        """Take what the row stands for off the message. Raises `MalformedError`."""

    def write(self, values: Values, version: int, out: list[object]) -> None:
        """Append what the row stands for."""


Rules = tuple[Rule, ...]


@dataclass(frozen=True)
class Item:
    """One field. Where `unset` is given, None stands for a field that isn't set, and is written so."""

    name: str
    kind: Kind
    unset: str | None = None
    words: tuple[str, ...] = ()
    """What a text may be; empty: anything."""
    is_name: bool = False
    """Whether a text must begin with a letter: a number there is a field too many or too few before it."""

    def read(self, fields: Fields, values: Values, version: int) -> None:
        text = fields.text(self.name)
        if self.words and text not in self.words:
            raise MalformedError(f"the field {self.name} is none of {', '.join(self.words)}: {text[:40]!r}")
        if self.is_name and text and not (text[0].isascii() and text[0].isalpha()):
            raise MalformedError(f"the field {self.name} is no name: {text[:40]!r}")
        values[self.name] = text if self.kind == "text" else self._parse(text)

    def write(self, values: Values, version: int, out: list[object]) -> None:
        value = values.get(self.name)
        if value is None:
            value = self.unset if self.unset is not None else ("" if self.kind == "text" else 0)
        out.append("Infinity" if value == math.inf else value)

    def _parse(self, text: str) -> Any:
        if self.kind == "flag":
            if text not in ("", "0", "1"):
                raise MalformedError(f"the field {self.name} is neither 0 nor 1: {text[:40]!r}")
            return text == "1"
        nothing = None if self.unset is not None else 0
        if text == "":
            return nothing
        return self._whole(text) if self.kind == "whole" else self._number(text)

    def _whole(self, text: str) -> int | None:
        if not _WHOLE.fullmatch(text):
            raise MalformedError(f"the field {self.name} is no integer: {text[:40]!r}")
        value = int(text)
        return None if value == UNSET_WHOLE and self.unset is not None else value

    def _number(self, text: str) -> float | None:
        if text in ("Infinite", "Infinity") and self.name == "competeAgainstBestOffset":
            return math.inf
        if not _NUMBER.fullmatch(text):
            raise MalformedError(f"the field {self.name} is no number: {text[:40]!r}")
        value = float(text)
        if abs(value) >= LARGEST:
            return None if self.unset is not None else 0.0
        return value


@dataclass(frozen=True)
class Only:
    """Rows that are there on a condition: of what has been read before, and of the version spoken."""

    applies: Callable[[Values, int], bool]
    rules: Rules

    def read(self, fields: Fields, values: Values, version: int) -> None:
        if self.applies(values, version):
            read_rules(self.rules, fields, values, version)

    def write(self, values: Values, version: int, out: list[object]) -> None:
        if self.applies(values, version):
            write_rules(self.rules, values, version, out)


@dataclass(frozen=True)
class Many:
    """A count, and so many times the rows; read as a list of values of their own."""

    name: str
    rules: Rules

    def read(self, fields: Fields, values: Values, version: int) -> None:
        count = Item(f"number of {self.name}", "whole")._parse(fields.text(f"number of {self.name}"))
        if not 0 <= count <= MOST_REPEATS:
            raise MalformedError(f"{count} {self.name} can't be meant")
        values[self.name] = rows = []
        for _ in range(count):
            row: Values = {}
            read_rules(self.rules, fields, row, version)
            rows.append(row)

    def write(self, values: Values, version: int, out: list[object]) -> None:
        rows = values.get(self.name) or []
        out.append(len(rows))
        for row in rows:
            write_rules(self.rules, row, version, out)


@dataclass(frozen=True)
class OneOf:
    """A number that says which rows follow."""

    name: str
    choices: Mapping[int, Rules]

    def read(self, fields: Fields, values: Values, version: int) -> None:
        Item(self.name, "whole").read(fields, values, version)
        if values[self.name] not in self.choices:
            raise MalformedError(f"the field {self.name} is none of {sorted(self.choices)}: {values[self.name]}")
        read_rules(self.choices[values[self.name]], fields, values, version)

    def write(self, values: Values, version: int, out: list[object]) -> None:
        out.append(values[self.name])
        write_rules(self.choices[values[self.name]], values, version, out)


@dataclass(frozen=True)
class Obsolete:
    """A field that is still sent and no longer means anything."""

    name: str

    def read(self, fields: Fields, values: Values, version: int) -> None:
        fields.text(self.name)

    def write(self, values: Values, version: int, out: list[object]) -> None:
        out.append("")


def read_rules(rules: Rules, fields: Fields, values: Values, version: int) -> None:
    """Read one row after the other into `values`."""
    for rule in rules:
        rule.read(fields, values, version)


def write_rules(rules: Rules, values: Values, version: int, out: list[object]) -> None:
    """Append the fields of one row after the other."""
    for rule in rules:
        rule.write(values, version, out)


def read(rules: Rules, fields: Fields, version: int) -> Values:
    """A whole message; leftovers are refused. Raises `MalformedError`."""
    values: Values = {}
    read_rules(rules, fields, values, version)
    fields.end()
    return values


def write(rules: Rules, values: Values, version: int) -> list[object]:
    """The fields of a whole message; what `values` lacks is written as not set."""
    out: list[object] = []
    write_rules(rules, values, version, out)
    return out


def text(*names: str) -> Rules:
    """Fields that are taken as they are."""
    return tuple(Item(name, "text") for name in names)


def word(name: str, *words: str) -> Rules:
    """A text that is one of these, or empty."""
    return (Item(name, "text", words=("", *words)),)


def name(*names: str) -> Rules:
    """Texts that begin with a letter, or are empty."""
    return tuple(Item(name, "text", is_name=True) for name in names)


def whole(*names: str) -> Rules:
    """Integers; empty is 0."""
    return tuple(Item(name, "whole") for name in names)


def number(*names: str) -> Rules:
    """Numbers; empty is 0."""
    return tuple(Item(name, "number") for name in names)


def flag(*names: str) -> Rules:
    """Truth values; empty is false."""
    return tuple(Item(name, "flag") for name in names)


def maybe_whole(*names: str, unset: str = "") -> Rules:
    """Integers that may not be set."""
    return tuple(Item(name, "whole", unset) for name in names)


def maybe_number(*names: str, unset: str = "") -> Rules:
    """Numbers that may not be set."""
    return tuple(Item(name, "number", unset) for name in names)


def unset_number(*names: str) -> Rules:
    """Numbers that may not be set, and are then written as the largest there is."""
    return maybe_number(*names, unset=UNSET)


def since(first: int, *rules: Rule) -> Only:
    """From this server version on."""
    return Only(lambda _, version: version >= first, rules)


def before(first: int, *rules: Rule) -> Only:
    """Up to, and without, this server version."""
    return Only(lambda _, version: version < first, rules)


def where(applies: Callable[[Values], bool], *rules: Rule) -> Only:
    """Where what has been read before says so."""
    return Only(lambda values, _: applies(values), rules)
