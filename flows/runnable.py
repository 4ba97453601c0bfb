"""What a file may say that this version can't run yet: refused in a sentence, never ignored."""

from __future__ import annotations

from flows.plan import Plan
from tasks.connections.problems import Refused


def require_runnable(plan: Plan) -> None:
    """Refuse a plan, or one that it inlines, that needs a runner which there isn't.

    Raises
    ------
    Refused
        Names the file, the key, and what to do.
    """
    if plan.file.stream:
        raise Refused(
            f"{plan.path.name} has a `stream:`, and this version has no runner for streams.",
            "Run a pipeline without one.",
        )
    for step in plan.steps:
        if step.pipeline is not None:
            require_runnable(step.pipeline)
