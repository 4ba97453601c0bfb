"""unknown-task, misplaced-source, misplaced-task, unknown-schema: what each step calls."""

from __future__ import annotations

from flows.check.subject import Piece, Subject
from flows.diagnostics import close_to
from flows.grammar import Step


def check(subject: Subject) -> None:
    """Find the task of every step, source and `on_failure`."""
    for piece in subject.every():
        name = piece.keys.task
        if name is None:
            continue
        location = (*piece.location, "task")
        spec = subject.catalog.tasks.get(name)
        if spec is None:
            subject.say(location, "unknown-task", f"no task `{name}`", close_to(name, subject.catalog.tasks))
            continue
        is_source = piece.location[0] == "stream"
        if spec.kind == "source" and not is_source:
            where = "move it under `stream:`" if piece.location[0] == "steps" else ""
            subject.say(location, "misplaced-source", f"`{name}` is a source: it feeds a stream, and is no step", where)
        elif spec.kind != "source" and is_source:
            subject.say(location, "misplaced-task", f"`{name}` is no source", "move it under `steps:`")
        else:
            piece.task = spec
        _schema(subject, piece)


def _schema(subject: Subject, piece: Piece) -> None:
    if not isinstance(piece.keys, Step) or piece.keys.schema_ is None:
        return
    name, location = piece.keys.schema_, (*piece.location, "schema")
    if name not in subject.catalog.schemas:
        subject.say(location, "unknown-schema", f"no schema `{name}`", close_to(name, subject.catalog.schemas))
    elif piece.task is not None and list(piece.task.outputs) != [None]:
        what = "several frames, each with a schema" if piece.task.outputs else "no frame"
        subject.say(
            location, "misplaced-schema", f"`schema` is for a task with one frame; `{piece.task.name}` yields {what}"
        )
