"""misplaced-key: keys that mean something only in a stream."""

from __future__ import annotations

from flows.check.subject import Subject

STREAMING = ("every", "max_age")


def check(subject: Subject) -> None:
    """A pipeline that no stream feeds runs each step once: what is about time between firings has no meaning there."""
    if subject.document.value.get("stream"):
        return
    for name, step in subject.file.steps.items():
        for key in STREAMING:
            if key in step.model_fields_set:
                subject.say_at_key(
                    ("steps", name, key),
                    "misplaced-key",
                    f"`{key}` is for a pipeline with a `stream:`",
                    "how often this one runs is up to its `schedule:`",
                )
