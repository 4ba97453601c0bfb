"""unused-step: frames that nothing takes."""

from __future__ import annotations

from flows.check.subject import Subject


def check(subject: Subject) -> None:
    """A step that only makes a frame is made for another, for an effect or for `output:`.

    A file with neither effect nor `output:` is still being written: nothing is said of it.
    """
    if any(diagnostic.severity == "error" for diagnostic in subject.diagnostics) or subject.dropped:
        return  # what should take it may be what is wrong
    acting = [piece for piece in subject.pieces.values() if piece.task is not None and piece.task.kind == "effect"]
    if not acting and subject.file.output is None:
        return
    taken = {name for piece in subject.every() for name in piece.upstream}
    taken |= {port.step for piece in subject.every() for port, _ in piece.last.values()}
    taken |= {(subject.file.output or "").partition(".")[0]}
    for piece in subject.pieces.values():
        if piece.name not in taken and piece not in acting:
            what = "source" if piece.location[0] == "stream" else "step"
            hint = "take it under `in:`, name it as `output:`, or leave it out"
            message = f"nothing takes what {what} `{piece.name}` yields"
            subject.say_at_key(piece.location, "unused-step", message, hint, severity="note")
