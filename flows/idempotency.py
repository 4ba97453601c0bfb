"""What makes an effect the same one, and which steps a past session forbids."""

from __future__ import annotations

import hashlib
import json

from flows.context import RunContext
from flows.graph import Node
from tasks.connections.problems import Refused


def effect_key(node: Node, context: RunContext, firing: int | None = None) -> str:
    """The idempotency key of an effect.

    A hash of desk, profile, pipeline, parameters, session, slot, step with its item, and the step's own
    arguments, and in a stream the number of the firing; never of the run: repeating a run repeats no effect,
    unless it is asked for `again`.
    """
    identity = {
        "desk": [context.desk.name, context.desk.profile],
        "pipeline": context.plan.name,
        "parameters": dict(context.parameters),
        "session": context.session,
        "slot": context.slot,
        "step": node.name,
        "arguments": dict(node.arguments),
        "again": context.again,
        **({} if firing is None else {"firing": firing}),
    }
    return digest(json.dumps(identity, sort_keys=True, default=str))[:32]


def digest(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def check_past(nodes: list[Node], context: RunContext) -> None:
    """Refuse a past session before anything runs, where a step can only be asked how things are now.

    Raises
    ------
    Refused
        Names the steps that no run of that session has recorded.
    """
    if not context.past:
        return
    unknown = [
        node.name
        for node in nodes
        if node.step.task is not None
        and node.step.task.kind == "now"
        and node.gathers is None
        and any(
            context.journal.session_output(context.plan.name, node.name, name, context.session) is None
            for name in node.step.outputs
        )
    ]
    if unknown:
        names = ", ".join(f"`{name}`" for name in unknown)
        raise Refused(
            f"{context.plan.name} can't run for the past session {context.session}: {names} can only be asked how"
            " things are now, and no run of that session has recorded them.",
            "Run it in the session itself; its recorded runs can then be repeated.",
        )
