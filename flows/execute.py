"""One step of a run, in every mode: decide, resolve, call, validate, journal.

The modes decide only when and where a step runs, and whether a failed attempt is tried again.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from flows.call import run_of, values_of, who
from flows.context import RunContext
from flows.gather import stacked
from flows.graph import Node
from flows.idempotency import digest, effect_key
from flows.journal import Producer
from flows.outcome import Outcome
from flows.patience import in_time
from flows.plan import Condition, Port
from tasks.connections.problems import Problem, Refused
from tasks.connections.scope import Deadline, Message, Scope, entered
from tasks.connections.scrubbing import scrubbed
from tasks.declare import TaskSpec
from tasks.run import Run
from tasks.validate import FrameBroken, projected, validated

# Programming and data errors give the same again; anything else may be the world's, and pass.
_PERMANENT = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NameError, NotImplementedError, TypeError, ValueError,
)  # fmt: skip


def retryable(error: BaseException) -> bool:
    """Whether another attempt may succeed: never after data errors and refusals."""
    if isinstance(error, Problem):
        return error.retryable
    return isinstance(error, Exception) and not isinstance(error, _PERMANENT)


def execute(node: Node, upstream: Mapping[str, Outcome], context: RunContext, attempt: int = 1) -> Outcome:
    """Run one attempt at a node and journal it.

    Parameters
    ----------
    node
        What to run.
    upstream
        The outcomes of at least the nodes that it names as upstream.
    attempt
        Which attempt this is, from 1.

    Returns
    -------
    Outcome
        completed, skipped or blocked.

    Raises
    ------
    Exception
        Whatever the task raised, after it is journalled; `retryable` tells whether to try again.
    """
    if (held := _held_back(node, upstream)) is not None:
        _journal_unrun(node, held, context)
        return held
    return _Attempt(node, upstream, context, attempt).run()


def failed(node: Node, error: BaseException, attempts: int, seconds: float) -> Outcome:
    """The outcome of a node whose last attempt raised."""
    return Outcome("failed", {}, seconds, attempts, describe(error), error)


def describe(error: BaseException) -> str:
    """An error as a person should read it: no traceback, but the place in the task's own file; no secret."""
    if isinstance(error, Problem):
        return str(error)
    where = ""
    if frames := inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []:
        where = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})"
    return scrubbed(f"{type(error).__name__}: {error}{where}")


def _held_back(node: Node, upstream: Mapping[str, Outcome]) -> Outcome | None:
    """The outcome of a node that is not to run: blocked by a failure, or skipped; None if it is to run."""
    for name in node.upstream:
        if upstream[name].status in ("failed", "blocked"):
            return Outcome("blocked", reason=f"`{name}` {upstream[name].status}")
    for condition in node.when:
        if _has_rows(condition, upstream) != condition.has_rows:
            state = "has no rows" if condition.has_rows else "has rows"
            return Outcome("skipped", reason=f"`{condition.source}` {state}")
    required = {edge.parameter for edge in node.step.edges if edge.required}
    for parameter, port in node.inputs.items():
        if parameter in required and upstream[port.step].frame(port.field) is None:
            # An effect that a past session only imagines yields nothing either.
            state = "was skipped" if upstream[port.step].status == "skipped" else "yielded nothing"
            return Outcome("skipped", reason=f"`{port.step}` {state}")
    return None


def _has_rows(condition: Condition, upstream: Mapping[str, Outcome]) -> bool:
    outcome = upstream[condition.source.step]
    if condition.source.field is None:
        return bool(outcome.rows)
    frame = outcome.frame(condition.source.field)
    return frame is not None and len(frame) > 0


def _journal_unrun(node: Node, outcome: Outcome, context: RunContext) -> None:
    task = node.step.task.name if node.step.task else "gather"
    context.journal.begin_step(
        run=context.id,
        step=node.name,
        task=task,
        item=node.item,
        source_hash="",
        arguments=node.arguments,
        inputs={parameter: (port.step, port.field) for parameter, port in node.inputs.items()},
    )
    context.journal.end_step(
        context.id, node.name, outcome.status, seconds=0.0, attempts=0, error=outcome.reason, outputs={}, notes=()
    )
    context.watcher.step_ended(node, outcome)


class _Attempt:
    """One attempt at a node; also the listener of its scope."""

    def __init__(self, node: Node, upstream: Mapping[str, Outcome], context: RunContext, attempt: int) -> None:
        self.node = node
        self.upstream = upstream
        self.context = context
        self.attempt = attempt
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        text = scrubbed(text)
        self.notes.append(text)
        self.context.watcher.step_note(self.node, text)

    def progress(self, done: int, total: int, what: str) -> None:
        self.context.watcher.step_progress(self.node, done, total, scrubbed(what))

    def message(self, message: Message) -> None:
        self.context.journal.message(self.context.id, self.node.name, message)

    def run(self) -> Outcome:
        node, context = self.node, self.context
        context.watcher.step_started(node, self.attempt)
        begun = time.perf_counter()
        task = node.step.task if node.gathers is None else None
        key = effect_key(node, context) if task is not None and task.kind == "effect" else ""
        context.journal.begin_step(
            run=context.id,
            step=node.name,
            task=task.name if task else "gather",
            item=node.item,
            source_hash=digest(task.source) if task else "",
            arguments={**node.arguments, **({"$key": key} if key else {})},
            inputs=self._journalled_inputs(),
        )
        try:
            frames = self._gathered() if task is None else self._frames(task, key)
            refs = {name: context.journal.put_frame(frame, _schema_name(node, name)) for name, frame in frames.items()}
        except BaseException as error:
            self._end("failed", begun, describe(error), {})
            raise
        if key:
            context.journal.done(key, refs)
        seconds = self._end("completed", begun, None, refs)
        outcome = Outcome("completed", frames, seconds, self.attempt, notes=tuple(self.notes))
        context.watcher.step_ended(node, outcome)
        return outcome

    def _end(self, status: str, begun: float, error: str | None, refs: Mapping[str | None, Any]) -> float:
        seconds = time.perf_counter() - begun
        self.context.journal.end_step(
            self.context.id,
            self.node.name,
            status,
            seconds=seconds,
            attempts=self.attempt,
            error=error,
            outputs=refs,
            notes=self.notes,
        )
        return seconds

    def _journalled_inputs(self) -> dict[str, tuple[str, str | None] | Producer]:
        """Where each input comes from, as the journal names it; what wasn't there is left out."""
        ports = dict(self.node.inputs)
        for name, parts in (self.node.gathers or {}).items():
            ports |= {f"{name or 'frame'}.{number}": port for number, port in enumerate(parts)}
        inputs: dict[str, tuple[str, str | None] | Producer] = {
            parameter: (port.step, port.field)
            for parameter, port in ports.items()
            if self.upstream[port.step].frame(port.field) is not None
        }
        for parameter, port in self.node.step.last.items():
            if (producer := self.context.journal.last_producer(*self._last(port))) is not None:
                inputs[parameter] = producer
        return inputs

    def _last(self, port: Port) -> tuple[str, str, str | None, date]:
        """Whose output `last:` means: of the same step in the latest run of an earlier session."""
        return self.context.plan.name, self.node.prefix + port.step, port.field, self.context.session

    def _gathered(self) -> dict[str | None, pd.DataFrame]:
        gathered: dict[str | None, pd.DataFrame] = {}
        for name, ports in (self.node.gathers or {}).items():
            parts = [frame for port in ports if (frame := self.upstream[port.step].frame(port.field)) is not None]
            if parts:
                gathered[name] = validated(stacked(parts), self.node.step.outputs.get(name), self._who)
        return gathered

    @property
    def _who(self) -> str:
        return who(self.node)

    def _frames(self, task: TaskSpec, key: str) -> dict[str | None, pd.DataFrame]:
        """The frames of the task: recorded ones where it must not run (again), otherwise of a call."""
        context = self.context
        if task.kind == "now" and context.past:
            return self._recorded_of_session()
        if key and (done := context.journal.effect(key)) is not None:
            self.note(f"already done by run {done['run']}: nothing was done again")
            return {name: context.journal.frame(ref) for name, ref in done["outputs"].items()}
        if key and context.past:
            self.note(f"not done: {context.session} is past, and a past session never acts")
            return {}
        inputs = self._inputs(task)
        values = {**values_of(self.node, task, context), **inputs}
        for name, kind in task.injected.items():
            if kind is Run:
                values[name] = run_of(self.node, context, key, context.clock)
        if key:
            context.journal.intend(key, context.id, self.node.name)
        result = self._called(task, values)
        return self._validated_outputs(task, result)

    def _recorded_of_session(self) -> dict[str | None, pd.DataFrame]:
        frames: dict[str | None, pd.DataFrame] = {}
        for name in self.node.step.outputs:
            frame = self.context.journal.session_output(
                self.context.plan.name, self.node.name, name, self.context.session
            )
            if frame is None:
                raise Refused(
                    f"{self._who} can only be asked how things are now, not on {self.context.session},"
                    " and no run of that session has recorded it."
                )
            frames[name] = frame
        self.note(f"as recorded on {self.context.session}")
        return frames

    def _inputs(self, task: TaskSpec) -> dict[str, pd.DataFrame | None]:
        inputs: dict[str, pd.DataFrame | None] = {}
        for edge in self.node.step.edges:
            port = self.node.inputs[edge.parameter]
            frame = self.upstream[port.step].frame(port.field)
            if frame is None:
                inputs[edge.parameter] = None
                continue
            frame = projected(frame, edge.schema)
            if edge.unproven:
                validated(frame, edge.schema, f"{self._who}: input `{edge.parameter}` from `{port}`")
            inputs[edge.parameter] = frame
        for parameter, port in self.node.step.last.items():
            previous = self.context.journal.last_output(*self._last(port))
            inputs[parameter] = None if previous is None else self._still_valid(previous, parameter, task)
        return inputs

    def _still_valid(self, previous: pd.DataFrame, parameter: str, task: TaskSpec) -> pd.DataFrame:
        """A frame of an earlier session as today's schema asks for it: the code may have changed since."""
        schema = task.frames[parameter].schema
        frame = projected(previous, schema)
        return validated(frame, schema, f"{self._who}: input `{parameter}`, of an earlier session,")

    def _called(self, task: TaskSpec, values: dict[str, Any]) -> Any:
        workers = self.context.workers
        if workers is None or not workers.takes(task):
            return self._in_scope(task, task.function, values)
        with workers.slot():
            called = partial(workers.call, task, keys=self.node.inputs, kept=self._kept)
            return self._in_scope(task, lambda **given: called(given), values)

    def _kept(self, parameter: str) -> tuple[Path, str] | None:
        """Where the journal has the large frame of a parameter; None where it hasn't."""
        port = self.node.inputs.get(parameter)
        return None if port is None else self.context.journal.shelved(self.context.id, port.step, port.field)

    def _in_scope(self, task: TaskSpec, function: Callable[..., Any], values: dict[str, Any]) -> Any:
        timeout = self.node.step.timeout
        deadline = Deadline(None if timeout is None else timeout.total_seconds())
        may_act = task.kind == "effect" and not self.context.past
        scope = Scope(self.context.id, self.node.name, deadline, self, may_act)
        self.context.stopping.append(deadline)
        if timeout is None:
            with entered(scope):
                return function(**values)
        return in_time(function, values, scope, timeout.total_seconds())

    def _validated_outputs(self, task: TaskSpec, result: Any) -> dict[str | None, pd.DataFrame]:
        schemas = self.node.step.outputs
        if not task.outputs:
            return {}
        if None in task.outputs:
            return {None: validated(result, schemas.get(None), self._who)}
        missing = [name for name in task.outputs if not hasattr(result, str(name))]
        if missing:
            raise FrameBroken(f"{self._who} returned {type(result).__name__} with no `{missing[0]}`.")
        return {
            name: validated(getattr(result, str(name)), schemas.get(name), f"{self._who}, `{name}`")
            for name in task.outputs
        }


def _schema_name(node: Node, name: str | None) -> str:
    schema = node.step.outputs.get(name)
    return schema.__name__ if schema else ""
