"""unknown-pipeline, broken-pipeline, cycle: pipelines inside pipelines."""

from __future__ import annotations

from collections.abc import Callable

from flows.check.subject import Subject
from flows.diagnostics import close_to
from flows.grammar import Step
from flows.plan import Plan

Inline = Callable[[str], tuple[Plan | None, int, tuple[str, ...]]]
"""From a pipeline's name to (its plan, how many errors it has, the way back to itself where it has one)."""


def check(subject: Subject, inline: Inline) -> None:
    """Find the plan of every pipeline that a step inlines."""
    for piece in subject.pieces.values():
        if not isinstance(piece.keys, Step) or piece.keys.pipeline is None:
            continue
        name, location = piece.keys.pipeline, (*piece.location, "pipeline")
        known = {path.stem for path in subject.folder.glob("*.yaml") if not path.name.startswith("_")}
        if name not in known:
            subject.say(location, "unknown-pipeline", f"no pipeline `{name}`", close_to(name, known))
            continue
        plan, errors, chain = inline(name)
        if chain:
            subject.say(location, "cycle", "a pipeline can't inline itself: " + " → ".join(f"`{one}`" for one in chain))
        elif plan is None:
            told = "an error" if errors == 1 else f"{errors} errors"
            subject.say(location, "broken-pipeline", f"pipeline `{name}` has {told}", f"see `hedgerow check {name}`")
        elif plan.file.stream:
            subject.say(location, "broken-pipeline", f"pipeline `{name}` is fed by a stream, and can't be inlined")
        elif plan.output is None:
            hint = f"give {name}.yaml an `output:`, the step that it yields"
            subject.say(location, "no-output", f"pipeline `{name}` yields nothing", hint)
        else:
            piece.inlined = plan
