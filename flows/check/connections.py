"""unknown-connection, wrong-connection, missing-connection, ambiguous-connection: who each task talks to."""

from __future__ import annotations

import inspect

from flows.check.subject import Piece, Subject
from flows.desk import Desk
from flows.diagnostics import close_to
from tasks.connections.base import Connection


def check(subject: Subject) -> None:
    """Give every connection of a task one of the desk's: the one named, or the only one of its class."""
    needing = [(piece, piece.task) for piece in subject.every() if piece.task is not None and piece.task.connections]
    if subject.desk is None:
        if needing:
            message = "connections weren't checked: there is no desk to check them against"
            subject.say_at_key(
                needing[0][0].location, "no-desk", message, "the desk is pipelines/_desk.yaml", severity="note"
            )
        return
    for piece, task in needing:
        for parameter, cls in task.connections.items():
            optional = inspect.signature(task.function).parameters[parameter].default is None
            if parameter in piece.keys.with_:
                if optional and piece.keys.with_[parameter] is None:
                    continue
                _named(subject, subject.desk, piece, parameter, cls)
            else:
                _only_one(subject, subject.desk, piece, parameter, cls, optional=optional)


def _named(subject: Subject, desk: Desk, piece: Piece, parameter: str, cls: type[Connection]) -> None:
    known = desk.connections
    name, location = piece.keys.with_[parameter], (*piece.location, "with", parameter)
    if not isinstance(name, str) or name not in known:
        suited = [other for other, spec in known.items() if issubclass(spec.cls, cls)]
        hint = close_to(str(name), suited or known, "the desk has")
        subject.say(location, "unknown-connection", f"no connection `{name}` on this desk", hint)
    elif not issubclass(known[name].cls, cls):
        message = f"{piece.what} needs a connection of kind `{cls.kind}`; `{name}` is of kind `{known[name].kind}`"
        suited = [other for other, spec in known.items() if issubclass(spec.cls, cls)]
        subject.say(location, "wrong-connection", message, close_to(name, suited, "the desk has"))
    else:
        piece.connections[parameter] = name


def _only_one(
    subject: Subject, desk: Desk, piece: Piece, parameter: str, cls: type[Connection], *, optional: bool
) -> None:
    suited = [name for name, spec in desk.connections.items() if issubclass(spec.cls, cls)]
    if len(suited) == 1:
        piece.connections[parameter] = suited[0]
    elif not suited:
        if optional:
            return
        message = f"{piece.what} needs a connection of kind `{cls.kind}`, and the desk has none"
        hint = f"add to _desk.yaml: `connections: {{{parameter}: {{kind: {cls.kind}}}}}`"
        subject.say_at_key(piece.location, "missing-connection", message, hint)
    else:
        listed = ", ".join(f"`{name}`" for name in suited)
        message = f"{piece.what} needs a connection of kind `{cls.kind}`, and the desk has several: {listed}"
        subject.say_at_key(
            piece.location, "ambiguous-connection", message, f"say which: `with: {{{parameter}: {suited[0]}}}`"
        )
