"""From a plan and its parameters to the nodes of one run: `each` unrolled, pipelines inlined, `$names` resolved.

A node is named as a person would: `betas`, `betas[AAPL]`, `hedge[QQQ]/positions`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flows.plan import Condition, Plan, Port, StepPlan
from flows.references import resolve
from tasks.connections.problems import DataProblem


@dataclass(frozen=True)
class Node:
    """One thing to do in a run."""

    name: str
    step: StepPlan
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Values for the task, resolved."""
    inputs: Mapping[str, Port] = field(default_factory=dict)
    """Frames by parameter, from the nodes that yield them."""
    item: str | None = None
    """What tells it from its siblings under `each`."""
    prefix: str = ""
    """Of its name, where its step stands in an inlined pipeline: `hedge[QQQ]/`."""
    when: tuple[Condition, ...] = ()
    after: tuple[str, ...] = ()
    gathers: Mapping[str | None, tuple[Port, ...]] | None = None
    """Not None: it calls no task; each of its frames is these, one below the other."""

    @property
    def upstream(self) -> tuple[str, ...]:
        """The nodes that must have ended before this one starts, each once."""
        ports = [*self.inputs.values(), *itertools.chain(*(self.gathers or {}).values())]
        ports += [condition.source for condition in self.when]
        return tuple(dict.fromkeys([*(port.step for port in ports), *self.after]))


def unroll(plan: Plan, names: Mapping[str, Any], prefix: str = "") -> list[Node]:
    """The nodes of a run, in topological order.

    Parameters
    ----------
    plan
        A checked plan.
    names
        What `$names` stand for: the parameters, and `run.session`, `run.pipeline`, `run.id`.
    prefix
        Of the names of all nodes, where the plan is inlined in another.

    Raises
    ------
    DataProblem
        `each` is given something that is no list.
    """
    nodes: list[Node] = []
    for step in plan.steps:
        nodes.extend(_nodes(plan, step, names, prefix))
    return nodes


def _nodes(plan: Plan, step: StepPlan, names: Mapping[str, Any], prefix: str) -> Iterator[Node]:
    name = prefix + step.name
    when = (Condition(_moved(step.when.source, prefix), step.when.has_rows),) if step.when else ()
    after = tuple(prefix + other for other in step.after)
    inputs = {edge.parameter: _moved(edge.source, prefix) for edge in step.edges}
    if step.each is None and step.task is not None:
        yield Node(name, step, resolve(step.arguments, names), inputs, None, prefix, when, after)
        return
    gathers: dict[str | None, tuple[Port, ...]] = {}
    items: list[str] = []
    for item, values in _items(plan, step, names):
        part = f"{name}[{item}]" if item else name
        arguments = {**resolve(step.arguments, names), **values}
        if step.pipeline is not None:
            inner = _inlined(step.pipeline, arguments, names, f"{part}/")
            # An inlined node also waits for what the step that inlines it waits for.
            yield from (replace(node, when=(*when, *node.when), after=(*after, *node.after)) for node in inner)
            parts: dict[str | None, Port] = {None: _moved(_output(step.pipeline), f"{part}/")}
            items += [node.name for node in inner]
        else:
            yield Node(part, step, arguments, inputs, item, prefix, when, after)
            parts = {output: Port(part, output) for output in step.outputs}
            items.append(part)
        for output, port in parts.items():
            gathers[output] = (*gathers.get(output, ()), port)
    yield Node(name, step, prefix=prefix, when=when, after=tuple(items), gathers=gathers)


def _inlined(plan: Plan, arguments: Mapping[str, Any], names: Mapping[str, Any], prefix: str) -> list[Node]:
    run = {name: value for name, value in names.items() if name.startswith("run.")}
    defaults = {name: parameter.default for name, parameter in plan.parameters.items()}
    return unroll(plan, {**run, **defaults, **arguments}, prefix)


def _output(plan: Plan) -> Port:
    if plan.output is None:
        raise DataProblem(f"{plan.path.name} has no `output:`, so no step can inline it.", "Name the step it yields.")
    return plan.output


def _moved(port: Port, prefix: str) -> Port:
    return Port(prefix + port.step, port.field)


def _items(plan: Plan, step: StepPlan, names: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The items of `each`: what to call each one, and its values."""
    if step.each is None:
        yield "", {}
        return
    each = resolve(step.each, names)
    where = f"{plan.path.name}:{step.line}: step `{step.name}`"
    items: Sequence[Mapping[str, Any]]
    if isinstance(each, Mapping):
        for key, values in each.items():
            if not isinstance(values, list | tuple):
                raise DataProblem(f"{where}: `each` needs a list for `{key}`, got {values!r}.")
        items = [dict(zip(each, values, strict=True)) for values in itertools.product(*each.values())]
    else:
        items = each
    if not items:
        raise DataProblem(f"{where}: `each` has no items.", "Give it at least one.")
    for item in items:
        yield ",".join(str(value) for value in item.values()), item
