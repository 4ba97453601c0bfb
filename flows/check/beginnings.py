"""bad-begin, schema-mismatch: the rows that enter a stream before its own."""

from __future__ import annotations

from flows.check.subject import Piece, Subject, Unknown
from flows.compatibility import fit
from flows.document import Location
from flows.grammar import Source
from flows.plan import Port
from schemas.frame import Frame


def check(subject: Subject) -> None:
    """What a source begins with is made by a step, fits the source's own rows, and can be told from them."""
    for piece in subject.pieces.values():
        if isinstance(piece.keys, Source) and piece.keys.begin is not None:
            name, _, part = piece.keys.begin.partition(".")
            if name in subject.pieces:
                _begin(subject, piece, Port(name, part or None), (*piece.location, "begin"))


def _begin(subject: Subject, piece: Piece, port: Port, location: Location) -> None:
    if port.step in subject.file.stream:
        subject.say(location, "bad-begin", f"`{port.step}` is a source itself", "begin with what a step reads")
        return
    rows, known = (piece.outputs or {}).get(None), (subject.pieces[port.step].outputs or {}).get(port.field)
    if rows is None or isinstance(rows, Unknown) or known is None or isinstance(known, Unknown):
        if rows is not None and known is None and not isinstance(rows, Unknown) and subject.pieces[port.step].task:
            _untyped(subject, port, rows, location)
        return
    if problems := fit(known, rows).faults:
        message = f"source `{piece.name}` has rows of {rows.__name__}, but `{port}` is {known.__name__}"
        subject.say(location, "schema-mismatch", f"{message}: {'; '.join(problems)}")
    elif not rows.__key__:
        message = f"{rows.__name__} has no key: rows that come again couldn't be told from new ones"
        subject.say(location, "bad-begin", message)


def _untyped(subject: Subject, port: Port, rows: type[Frame], location: Location) -> None:
    message = f"the stream's rows are {rows.__name__}, and nothing says what `{port}` is"
    subject.say(location, "untyped-frame", message, f"add `schema: {rows.__name__}` to step `{port.step}`")
