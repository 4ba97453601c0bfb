"""What a task is called with, beside its frames."""

from __future__ import annotations

from typing import Any

from flows.context import RunContext
from flows.graph import Node
from flows.values import Unfit, convert
from tasks.connections.clock import Clock
from tasks.connections.problems import DataProblem
from tasks.declare import TaskSpec
from tasks.run import OrderPolicy, Run


def who(node: Node) -> str:
    """A step as errors name it."""
    task = node.step.task
    return f"step `{node.name}`" + (f" (task `{task.name}`)" if task else "")


def values_of(node: Node, task: TaskSpec, context: RunContext) -> dict[str, Any]:
    """Its values by parameter: defaults, the file's as their types have them, connections, the order policy.

    Raises
    ------
    DataProblem
        A value isn't of its parameter's type.
    Problem
        A connection can't be opened.
    """
    values: dict[str, Any] = {frame.name: None for frame in task.frames.values() if frame.optional}
    values |= {name: argument.default for name, argument in task.arguments.items() if not argument.required}
    for name, value in node.arguments.items():
        try:
            values[name] = convert(value, task.arguments[name].annotation)
        except Unfit as unfit:
            raise DataProblem(f"{who(node)}: `{name}`: {unfit}.") from None
    values |= {parameter: context.connections.opened(name) for parameter, name in node.step.connections.items()}
    return values | {name: context.desk.orders for name, kind in task.injected.items() if kind is OrderPolicy}


def run_of(node: Node, context: RunContext, key: str, clock: Clock) -> Run:
    """What a task that asks for its run is given.

    Parameters
    ----------
    key
        An effect's idempotency key; empty for others.
    clock
        Whose time it keeps.
    """
    return Run(
        id=context.id,
        pipeline=context.plan.name,
        session=context.session,
        step=node.name,
        key=key,
        clock=clock,
        past=context.past,
        root=context.desk.root,
        schema=node.step.outputs.get(None),
        frames={edge.parameter: edge.schema or edge.kind for edge in node.step.edges},
        profile=context.desk.profile,
        failures=context.failures,
    )
