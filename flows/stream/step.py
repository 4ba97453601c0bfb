"""A step prepared for being called many times: only its frames change from firing to firing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from flows.call import run_of, values_of, who
from flows.context import RunContext
from flows.gather import stacked
from flows.patience import in_time
from flows.plan import Edge
from flows.stream.clock import FiringClock
from flows.stream.layout import Place
from schemas.frame import Frame, schema_of
from tasks.connections.scope import Deadline, Listener, Scope, entered
from tasks.guard import guard_of
from tasks.run import Run
from tasks.validate import FrameBroken, validated


class LiveStep:
    """Calls one step's task.

    Parameters
    ----------
    place
        The step.
    context
        The run.
    clock
        The firing's.
    listener
        Told of the task's notes.
    """

    def __init__(self, place: Place, context: RunContext, clock: FiringClock, listener: Listener) -> None:
        self.place = place
        self._node = place.node
        self._context = context
        self._clock = clock
        self._listener = listener
        self._who = who(place.node)
        self._edges = {edge.parameter: edge for edge in place.node.step.edges}
        self._projections: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {}
        self._values: dict[str, Any] | None = None
        self._run_parameters: tuple[str, ...] = ()

    def call(self, inputs: Mapping[str, pd.DataFrame | None], key: str) -> dict[str | None, pd.DataFrame]:
        """The frames that it yields, validated.

        Parameters
        ----------
        inputs
            Its frames by parameter.
        key
            An effect's idempotency key; empty for others.

        Raises
        ------
        Exception
            Whatever the task raised; `FrameBroken` where an input or an output isn't of its schema.
        """
        if self._node.gathers is not None:
            return self._gathered(inputs)
        task = self._node.step.task
        assert task is not None  # noqa: S101  # an inlined pipeline's steps are nodes of their own
        if self._values is None:
            self._values = values_of(self._node, task, self._context)
            self._run_parameters = tuple(name for name, kind in task.injected.items() if kind is Run)
        values = dict(self._values)
        for name in self._run_parameters:
            values[name] = run_of(self._node, self._context, key, self._clock)
        for parameter, frame in inputs.items():
            values[parameter] = (
                frame if frame is None or parameter not in self._edges else self._input(parameter, frame)
            )
        return self._checked(task.outputs, self._timed(task.function, values))

    def _timed(self, function: Callable[..., Any], values: dict[str, Any]) -> Any:
        timeout = self._node.step.timeout
        seconds = None if timeout is None else timeout.total_seconds()
        deadline = Deadline(seconds)
        scope = Scope(self._context.id, self._node.name, deadline, self._listener, self.place.is_effect)
        if seconds is not None and self.place.is_effect:
            # What only computes is never waited for in a thread of its own: that costs more than it does.
            return in_time(function, values, scope, seconds)
        with entered(scope):
            return function(**values)

    def _input(self, parameter: str, frame: pd.DataFrame) -> pd.DataFrame:
        """The consumer's columns, in a shallow copy; projected and checked once while the frame is the same."""
        kept = self._projections.get(parameter)
        if kept is None or kept[0] is not frame:
            edge = self._edges[parameter]
            narrow = _projected(frame, edge)
            if edge.unproven and edge.schema is not None:
                _check(narrow, edge.schema, f"{self._who}: input `{parameter}` from `{edge.source}`")
            kept = self._projections[parameter] = (frame, narrow)
        return kept[1].copy(deep=False)

    def _gathered(self, inputs: Mapping[str, pd.DataFrame | None]) -> dict[str | None, pd.DataFrame]:
        frames: dict[str | None, pd.DataFrame] = {}
        number = 0
        for name, ports in (self._node.gathers or {}).items():
            parts = [inputs.get(str(number + at)) for at in range(len(ports))]
            number += len(ports)
            if found := [part for part in parts if part is not None]:
                frames[name] = _check(stacked(found), self._node.step.outputs.get(name), self._who)
        return frames

    def _checked(self, outputs: Mapping[str | None, Any], result: Any) -> dict[str | None, pd.DataFrame]:
        schemas = self._node.step.outputs
        if not outputs:
            return {}
        if None in outputs:
            return {None: _check(result, schemas.get(None), self._who)}
        missing = [name for name in outputs if not hasattr(result, str(name))]
        if missing:
            raise FrameBroken(f"{self._who} returned {type(result).__name__} with no `{missing[0]}`.")
        return {
            name: _check(getattr(result, str(name)), schemas.get(name), f"{self._who}, `{name}`") for name in outputs
        }


def _projected(frame: pd.DataFrame, edge: Edge) -> pd.DataFrame:
    if edge.schema is None:
        return frame
    wanted = [column for column in schema_of(edge.schema).columns if column in frame]
    return frame if len(wanted) == len(frame.columns) else frame[wanted]


def _check(frame: Any, model: type[Frame] | None, who: str) -> pd.DataFrame:
    """By the guard; what it refuses, pandera says in words."""
    if model is None or not isinstance(frame, pd.DataFrame):
        return validated(frame, model, who)
    rows: pd.DataFrame = frame
    if not isinstance(rows.index, pd.RangeIndex) or rows.index.start != 0 or rows.index.step != 1:
        rows = rows.reset_index(drop=True)
    if guard_of(model).faults(rows) == []:
        return rows
    return validated(rows, model, who)
