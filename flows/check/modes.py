"""misplaced-key: keys that mean nothing where they stand."""

from __future__ import annotations

from flows.check.subject import Subject

STREAMING = ("every", "max_age")
"""Keys of steps that are about the time between a stream's firings."""

INLINED = {
    "last": "what a run remembers, its own steps ask for",
    "every": "its steps run as what they take changes",
    "max_age": "it is for steps that call a task",
    "retry": "its steps have their own",
    "timeout": "its steps have their own",
}
"""Keys of a step that calls a task, and why one that stands for a whole pipeline can't have them."""


def check(subject: Subject) -> None:
    """Hold the keys of each step, and of the file, against how the pipeline runs."""
    _inlining(subject)
    if subject.is_stream:
        _in_a_stream(subject)
    else:
        _in_a_batch(subject)


def _inlining(subject: Subject) -> None:
    for name, step in subject.file.steps.items():
        for key, hint in INLINED.items():
            if step.pipeline is not None and key in step.model_fields_set:
                message = f"`{key}` can't stand beside `pipeline:`"
                subject.say_at_key(("steps", name, key), "misplaced-key", message, hint)


def _in_a_stream(subject: Subject) -> None:
    if subject.file.runner.dask is not None:
        message = "a pipeline with a `stream:` fires in one process, and has no `runner:`"
        subject.say_at_key(("runner",), "misplaced-key", message, "leave it out")
    places = [("steps", name, "retry") for name, step in subject.file.steps.items() if step.task is not None]
    for location in (*places, ("defaults", "retry")):
        if location in subject.document.spans and not subject.lacks(location):
            message = "`retry` has no say in a stream"
            hint = "a step that fails is tried again at the next firing"
            subject.say_at_key(location, "misplaced-key", message, hint, severity="note")


def _in_a_batch(subject: Subject) -> None:
    """A pipeline that no stream feeds runs each step once: what is about time between firings has no meaning there."""
    for name, step in subject.file.steps.items():
        for key in STREAMING:
            if key in step.model_fields_set and step.pipeline is None:
                subject.say_at_key(
                    ("steps", name, key),
                    "misplaced-key",
                    f"`{key}` is for a pipeline with a `stream:`",
                    "how often this one runs is up to its `schedule:`",
                )
