"""How the steps of a run are run: on threads, as Prefect task runs, or as a stream."""

from __future__ import annotations

from collections.abc import Mapping

from flows import threads
from flows.context import RunContext
from flows.graph import Node
from flows.outcome import Outcome


def run_steps(nodes: list[Node], context: RunContext, tracked: bool) -> Mapping[str, Outcome]:
    """Run all steps; each one's outcome by its name.

    Parameters
    ----------
    nodes
        In topological order.
    context
        The run.
    tracked
        Whether it is the body of a Prefect flow run: its steps are task runs then, but for a stream's, which
        are called directly.
    """
    if context.plan.file.stream:
        from flows.stream.session import run_stream

        return run_stream(context)
    if tracked:
        from flows.tracked import run_nodes

        return run_nodes(nodes, context)
    return threads.run_nodes(nodes, context)
