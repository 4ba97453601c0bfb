"""reserved-name, duplicate-step: what steps and parameters may be called."""

from __future__ import annotations

from flows.check.subject import Subject
from flows.notation import NAME

RESERVED = ("session", "again")
"""Parameters that every run has."""


def check(subject: Subject) -> None:
    """A file's name can be a pipeline's; no id stands for two things, no parameter for what a run has anyway."""
    stem = subject.document.path.replace("\\", "/").rpartition("/")[2].removesuffix(".yaml")
    if not NAME.fullmatch(stem):
        subject.say_at_key(
            (),
            "bad-name",
            f"the file's name is the pipeline's, and `{stem}` can't be one",
            "use small letters, digits and `_`",
        )
    for name in subject.file.steps:
        if name in subject.file.stream:
            line = subject.document.key(("stream", name)).line
            subject.say_at_key(("steps", name), "duplicate-step", f"`{name}` is already a source, at line {line}")
    for name in subject.file.params:
        if name in RESERVED:
            subject.say_at_key(
                ("params", name),
                "reserved-name",
                f"every run has its own `{name}`",
                "call the parameter something else",
            )
