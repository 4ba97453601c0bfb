"""each-key: what a step is run once for each of."""

from __future__ import annotations

from typing import Any

from flows.check.arguments import check_value, expected_arguments, note_uses
from flows.check.subject import Piece, Subject, Unknown
from flows.diagnostics import close_to
from flows.document import Location
from flows.grammar import Step
from flows.references import whole
from schemas.frame import schema_of


def check(subject: Subject) -> None:
    """Every key of `each` must be an argument, and a column of what comes out: else its rows couldn't be told apart."""
    for piece in subject.pieces.values():
        if not isinstance(piece.keys, Step) or piece.keys.each is None:
            continue
        each, location = piece.keys.each, (*piece.location, "each")
        if isinstance(each, str):
            _parameter(subject, each, location)
        elif isinstance(each, list):
            _rows(subject, piece, each, location)
        else:
            _product(subject, piece, each, location)


def _parameter(subject: Subject, text: str, location: Location) -> None:
    if whole(text) is None:
        subject.say(location, "bad-value", "`each`: expected a mapping of lists, a list of mappings, or a `$parameter`")
    else:
        check_value(subject, text, list[dict[str, Any]], location, "`each`")


def _product(subject: Subject, piece: Piece, each: dict[str, Any], location: Location) -> None:
    expected = expected_arguments(piece)
    for key, values in each.items():
        at_key = (*location, key)
        annotation = (expected or {}).get(key, Any)
        if whole(values) is not None:
            check_value(subject, values, list[annotation], at_key, f"`each` of {piece.what}")  # type: ignore[valid-type] # made as it runs
        elif not isinstance(values, list) or not values:
            subject.say(at_key, "bad-value", f"`{key}`: expected a list with at least one item")
        else:
            _twice(subject, [[value] for value in values], at_key)
            for position, value in enumerate(values):
                check_value(subject, value, annotation, (*at_key, position), f"`{key}` of {piece.what}")
        _key(subject, piece, key, at_key)


def _rows(subject: Subject, piece: Piece, rows: list[dict[str, Any]], location: Location) -> None:
    if not rows:
        subject.say(location, "bad-value", "`each`: expected at least one item")
        return
    _twice(subject, [list(row.values()) for row in rows], location)
    expected = expected_arguments(piece)
    for position, row in enumerate(rows):
        for key, value in row.items():
            at_key = (*location, position, key)
            if expected is None:
                note_uses(subject, value, at_key)
            else:
                check_value(subject, value, expected.get(key, Any), at_key, f"`{key}` of {piece.what}")
            if key not in rows[0] or position == 0:
                _key(subject, piece, key, at_key)
        if set(row) != set(rows[0]):
            odd = ", ".join(f"`{key}`" for key in sorted(set(row) ^ set(rows[0])))
            subject.say((*location, position), "each-key", f"items must have the same keys; this differs in {odd}")


def _twice(subject: Subject, items: list[list[Any]], location: Location) -> None:
    """Each item has a name of its own: its values, as text."""
    names = [",".join(str(value) for value in item) for item in items]
    for position, name in enumerate(names):
        if name in names[:position]:
            line = subject.document.at((*location, names.index(name))).line
            message = f"`{name}` stands here twice, first at line {line}"
            subject.say((*location, position), "each-key", message, "take one out: its rows would come twice")


def _key(subject: Subject, piece: Piece, key: str, location: Location) -> None:
    expected = expected_arguments(piece)
    if key in piece.keys.with_:
        subject.say_at_key(location, "each-key", f"`{key}` is given by `with:` too")
    if expected is None:
        return
    if key not in expected:
        subject.say_at_key(location, "each-key", f"{piece.what} takes no `{key}`", close_to(key, expected))
        return
    for schema in (piece.outputs or {}).values():
        if schema is None or isinstance(schema, Unknown):
            continue
        if key not in schema_of(schema).columns:
            subject.say_at_key(
                location,
                "each-key",
                f"{schema.__name__} has no column `{key}`, so the rows of one item couldn't be told from another's",
            )
            return
