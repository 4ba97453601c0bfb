"""A stream as a run: what batch runs are to their nodes, this is to a graph that fires all day."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd

from flows.context import RunContext
from flows.idempotency import digest
from flows.outcome import Outcome
from flows.schedule import slots_of
from flows.stream.firing import Graph
from flows.stream.layout import Place
from flows.stream.runner import Stream
from tasks.connections.problems import Refused


def run_stream(context: RunContext) -> Mapping[str, Outcome]:
    """Run a plan with a `stream:` to its end, and journal how each step ended.

    It ends at its schedule's `until`, when every source has ended, when `context.stop` is called, and at
    the first SIGINT or SIGTERM where it has the main thread: what waits is taken then, and the state kept.

    Parameters
    ----------
    context
        The run.

    Returns
    -------
    mapping of str to Outcome
        Of each step: the frames of its last firing.

    Raises
    ------
    Refused
        A past session: it can be replayed, not run.
    """
    if context.past:
        raise Refused(
            f"{context.plan.name} is a stream, and {context.session} is over.",
            f"Replay what was captured: `hedgerow replay {context.plan.name} --session {context.session}`.",
        )
    stream = Stream(context, context.onlookers, _until(context))
    context.on_stop.append(stream.stop)
    with _stopped_by_signals(stream) as received:
        ended = stream.run()
    if ended.how == "cancelled":
        context.stopped.set()
    outcomes = {place.name: journalled(place, ended.graph, context) for place in stream.layout.places}
    received.pass_on()
    return outcomes


class _Received:
    """A signal that ended the stream, for whoever would have handled it."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.handlers: dict[int, Any] = {}

    def pass_on(self) -> None:
        """Prefect turns SIGTERM into a cancelled run: let it, now that nothing is under way."""
        if self.number == signal.SIGTERM and callable(handler := self.handlers.get(signal.SIGTERM)):
            handler(self.number, None)


@contextmanager
def _stopped_by_signals(stream: Stream) -> Iterator[_Received]:
    received = _Received()
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def stop(number: int, _: Any) -> None:
        if received.number is not None:  # the second time somebody means it
            signal.signal(number, received.handlers[number])
            signal.raise_signal(number)
        received.number = number
        stream.stop()

    for number in (int(signal.SIGINT), int(signal.SIGTERM)):
        received.handlers[number] = signal.signal(number, stop)
    try:
        yield received
    finally:
        for number, handler in received.handlers.items():
            signal.signal(number, handler)


def _until(context: RunContext) -> pd.Timestamp | None:
    schedule = context.plan.file.schedule
    if schedule is None or schedule.until is None:
        return None
    until = slots_of(schedule, context.session)[0].until
    # By hand after its span it runs until it is stopped.
    return until if until is not None and until > context.clock.now() else None


def journalled(place: Place, graph: Graph, context: RunContext) -> Outcome:
    """A step as it stands at the end, in the journal: its last frames, and what it has done."""
    held, meter = graph.held[place.name], graph.meters[place.name]
    node, task = place.node, place.node.step.task
    frames = held.frames or {}
    status = "failed" if held.failed else "completed" if held.firing else "skipped"
    reason = held.failed or ("" if held.firing else "it never had what it needs")
    journal = context.journal
    journal.begin_step(
        run=context.id,
        step=node.name,
        task=task.name if task and node.gathers is None else "gather",
        item=node.item,
        source_hash=digest(task.source) if task and node.gathers is None else "",
        arguments=node.arguments,
        inputs={name: (port.step, port.field) for name, port in place.inputs.items() if port.step in graph.meters},
    )
    refs = {
        name: journal.put_frame(frame, schema.__name__ if (schema := node.step.outputs.get(name)) else "")
        for name, frame in frames.items()
    }
    note = f"{meter.firings} firings, {meter.rows} rows" + (f", {meter.errors} errors" if meter.errors else "")
    journal.end_step(
        context.id,
        node.name,
        status,
        seconds=meter.seconds,
        attempts=meter.firings + meter.errors,
        error=reason or None,
        outputs=refs,
        notes=[note],
    )
    notes = (note,)
    outcome: Outcome
    if held.failed:
        outcome = Outcome("failed", frames, meter.seconds, meter.firings, held.failed, notes=notes)
    elif held.firing:
        outcome = Outcome("completed", frames, meter.seconds, meter.firings, notes=notes)
    else:
        outcome = Outcome("skipped", frames, meter.seconds, 0, reason, notes=notes)
    context.watcher.step_ended(node, outcome)
    return outcome
