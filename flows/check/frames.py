"""schema-mismatch, untyped-frame, unproven: does what a step yields suit the step that takes it?"""

from __future__ import annotations

from flows.check.subject import Piece, Schema, Subject, Unknown
from flows.compatibility import fit
from flows.document import Location
from flows.grammar import Step
from flows.plan import Port
from schemas.frame import Frame
from tasks.declare import TaskSpec

UNKNOWN = Unknown.UNKNOWN


def check(subject: Subject) -> None:
    """Work out the schema of every frame, and hold each against what its consumers ask for."""
    for piece in subject.every():
        _outputs(subject, piece)
    for piece in subject.every():
        for parameter, (port, location) in piece.inputs.items():
            piece.unproven[parameter] = _meet(subject, piece, parameter, port, location)
        for parameter, (port, location) in piece.last.items():
            piece.unproven[parameter] = _meet(subject, piece, parameter, port, location)


def _outputs(subject: Subject, piece: Piece) -> dict[str | None, Schema]:
    if piece.outputs is not None:
        return piece.outputs
    piece.outputs = {}  # a step that waits for itself has nothing to be known of
    if piece.inlined is not None and piece.inlined.output is not None:
        output = piece.inlined.output
        piece.outputs = {None: piece.inlined.step(output.step).outputs[output.field]}
    elif piece.task is not None:
        for name, declared in piece.task.outputs.items():
            schema: Schema = declared.schema
            if declared.variable is not None:
                schema = _passed_through(subject, piece, piece.task, declared.variable, schema)
            piece.outputs[name] = schema
    stated = _stated(subject, piece)
    if stated is not None and list(piece.outputs) == [None]:
        piece.outputs = {None: _restated(subject, piece, piece.outputs[None], stated)}
    return piece.outputs


def _passed_through(subject: Subject, piece: Piece, task: TaskSpec, variable: str, bound: Schema) -> Schema:
    """The schema of the inputs that share a type variable with the output."""
    found: Schema = None
    first = ""
    for parameter, frame in task.frames.items():
        if frame.variable != variable:
            continue
        if parameter not in piece.inputs:
            if not frame.optional:
                return UNKNOWN
            continue
        port, location = piece.inputs[parameter]
        schema = _of(subject, port)
        if isinstance(schema, Unknown):
            return UNKNOWN
        if first and schema is not found:
            message = (
                f"{piece.what} takes frames of one kind: `{first}` is {_named(found)}, `{parameter}` {_named(schema)}"
            )
            subject.say(location, "schema-mismatch", message)
            return UNKNOWN
        found, first = schema, parameter
    return found or bound


def _stated(subject: Subject, piece: Piece) -> Schema:
    if not isinstance(piece.keys, Step):
        return None
    if subject.lacks((*piece.location, "schema")):
        return UNKNOWN
    name = piece.keys.schema_
    return None if name is None else subject.catalog.schemas.get(name, UNKNOWN)


def _restated(subject: Subject, piece: Piece, known: Schema, stated: Schema) -> Schema:
    """What `schema:` makes of a frame: an untyped one becomes typed; a typed one can't become another."""
    if known is None or isinstance(known, Unknown) or isinstance(stated, Unknown) or stated is None:
        return stated
    if problems := fit(known, stated).faults:
        message = f"{piece.what} yields {known.__name__}, which is no {stated.__name__}: {'; '.join(problems)}"
        subject.say((*piece.location, "schema"), "schema-mismatch", message)
        return UNKNOWN
    return known


def _of(subject: Subject, port: Port) -> Schema:
    piece = subject.pieces.get(port.step)
    return UNKNOWN if piece is None else _outputs(subject, piece).get(port.field, UNKNOWN)


def _meet(subject: Subject, piece: Piece, parameter: str, port: Port, location: Location) -> tuple[str, ...]:
    """Say where a frame doesn't suit its consumer; return the checks that have to run on it."""
    consumer = piece.task.frames[parameter].schema if piece.task else None
    producer = _of(subject, port)
    if consumer is None or isinstance(producer, Unknown):
        return ()
    if producer is None:
        maker = subject.pieces[port.step]
        subject.say(
            location,
            "untyped-frame",
            f"{piece.what} takes `{parameter}` as {consumer.__name__}, and nothing says what `{port}` is",
            f"add `schema: {consumer.__name__}` to step `{port.step}`" if isinstance(maker.keys, Step) else "",
        )
        return ()
    met = fit(producer, consumer)
    if met.faults:
        message = f"{piece.what} takes `{parameter}` as {consumer.__name__}, but `{port}` is {producer.__name__}"
        subject.say(location, "schema-mismatch", f"{message}: {'; '.join(met.faults)}")
    elif met.unproven:
        checks = ", ".join(f"`{check}`" for check in met.unproven)
        message = f"{piece.what} takes `{parameter}` as {consumer.__name__}, and {producer.__name__} doesn't promise"
        subject.say(location, "unproven", f"{message} {checks}", "checked on the frame, as it runs", severity="note")
    return met.unproven


def _named(schema: Schema) -> str:
    return schema.__name__ if isinstance(schema, type) and issubclass(schema, Frame) else "untyped"
