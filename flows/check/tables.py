"""keyless-table, untyped-frame: what a source's rows become."""

from __future__ import annotations

from flows.check.subject import Subject, Unknown
from flows.grammar import Source


def check(subject: Subject) -> None:
    """Every source needs a schema, since its rows are held against it one by one; a table needs a key besides."""
    for piece in subject.pieces.values():
        if not isinstance(piece.keys, Source) or piece.task is None or piece.outputs is None:
            continue
        task = f"`{piece.task.name}`"
        schema = piece.outputs.get(None)
        if isinstance(schema, Unknown):
            continue
        if schema is None:
            what = "yields several frames" if None not in piece.outputs else "doesn't say of which schema its rows are"
            message = f"{task} {what}, and a source has rows of one schema"
            hint = "annotate what it returns: `Iterator[DataFrame[Quotes]]`"
            subject.say((*piece.location, "task"), "untyped-frame", message, hint)
        elif piece.keys.keep == "latest" and not schema.__key__:
            message = f"`latest` keeps one row of each key, and {schema.__name__} has no key"
            hint = "keep all rows (`keep: all`), or those of a span of time (`keep: 5m`)"
            subject.say((*piece.location, "keep"), "keyless-table", message, hint)
