"""unknown-pipeline, broken-pipeline, cycle: pipelines inside pipelines."""

from __future__ import annotations

from collections.abc import Callable

from flows.check.subject import Subject
from flows.diagnostics import close_to
from flows.document import Document
from flows.grammar import Step
from flows.plan import Plan


def check(subject: Subject, own_name: str, inline: Callable[[str], Plan | None]) -> None:
    """Find the plan of every pipeline that a step inlines.

    Parameters
    ----------
    subject
        The file.
    own_name
        Its name as a pipeline.
    inline
        From another pipeline's name to its plan; None where it has errors.
    """
    for piece in subject.pieces.values():
        if not isinstance(piece.keys, Step) or piece.keys.pipeline is None:
            continue
        name, location = piece.keys.pipeline, (*piece.location, "pipeline")
        known = {path.stem for path in subject.folder.glob("*.yaml") if not path.name.startswith("_")}
        if name not in known:
            subject.say(location, "unknown-pipeline", f"no pipeline `{name}`", close_to(name, known - {own_name}))
            continue
        if way := _way(subject, name, own_name):
            told = " → ".join(f"`{one}`" for one in (own_name, *way))
            subject.say(location, "cycle", f"a pipeline can't inline itself: {told}")
            continue
        plan = inline(name)
        if plan is None:
            subject.say(location, "broken-pipeline", f"pipeline `{name}` has errors", f"see `hedgerow check {name}`")
        elif plan.file.stream:
            subject.say(location, "broken-pipeline", f"pipeline `{name}` is fed by a stream, and can't be inlined")
        elif plan.output is None:
            hint = f"give {name}.yaml an `output:`, the step that it yields"
            subject.say(location, "no-output", f"pipeline `{name}` yields nothing", hint)
        else:
            piece.inlined = plan


def _way(subject: Subject, start: str, goal: str) -> list[str]:
    """The shortest way from one pipeline to another by what they inline; empty where there is none."""
    ways = {start: [start]}
    queue = [start]
    for name in queue:
        if name == goal:
            return ways[name]
        for inner in _inlines(subject.reader(subject.folder / f"{name}.yaml")):
            if inner not in ways:
                ways[inner] = [*ways[name], inner]
                queue.append(inner)
    return []


def _inlines(document: Document) -> list[str]:
    """The pipelines that a file inlines, as far as it can be read."""
    value = document.value
    steps = value.get("steps") if isinstance(value, dict) else None
    names = (
        [step.get("pipeline") for step in steps.values() if isinstance(step, dict)] if isinstance(steps, dict) else []
    )
    return [name for name in names if isinstance(name, str)]
