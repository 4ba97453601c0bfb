"""A stream as a run: what batch runs are to their nodes, this is to a graph that fires all day."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import pandas as pd

from flows.context import RunContext
from flows.idempotency import digest
from flows.outcome import Outcome
from flows.schedule import slots_of
from flows.stream.alarms import alarms_of
from flows.stream.firing import Graph
from flows.stream.layout import Place
from flows.stream.runner import Ended, Stream
from tasks.connections.problems import Refused


def run_stream(context: RunContext) -> Mapping[str, Outcome]:
    """Run a plan with a `stream:` to its end, and journal how each step ended.

    It ends at its schedule's `until`, when every source has ended, when `context.stop` is called, and when
    the main thread is interrupted (Ctrl-C, SIGTERM, a cancelled flow run): what waits is taken then, and the
    state kept.

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
    if (alarms := alarms_of(context, stream.tell)) is not None:
        stream.watch(alarms)
    context.on_stop.append(stream.stop)
    interrupted: BaseException | None = None
    with _terminable():
        firing = _InThread(stream.run)
        try:
            firing.wait()
        except Exception:
            raise
        except BaseException as error:  # Ctrl-C, or Prefect cancels the flow run
            interrupted = error
            stream.stop()
            firing.wait()
    ended: Ended = firing.result
    if ended.how == "cancelled":
        context.stopped.set()
    outcomes = {place.name: journalled(place, ended.graph, context) for place in stream.layout.places}
    if interrupted is not None and not isinstance(interrupted, KeyboardInterrupt | _Terminated):
        raise interrupted
    return outcomes


class _Terminated(BaseException):
    """SIGTERM, where nobody else takes it."""


class _InThread:
    """A call in a thread of its own, so that what interrupts the main thread doesn't interrupt a firing."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.result: Any = None
        self._error: BaseException | None = None
        # Not Thread.join: interrupted by a signal, it may take a thread that runs for one that has ended.
        self._ended = threading.Event()
        threading.Thread(target=copy_context().run, args=(self._call, function), name="stream", daemon=True).start()

    def _call(self, function: Callable[[], Any]) -> None:
        try:
            self.result = function()
        except BaseException as error:
            self._error = error
        finally:
            self._ended.set()

    def wait(self) -> None:
        """Until it has returned. Raises what it raised, or what interrupts the waiting."""
        while not self._ended.wait(0.5):
            continue
        if self._error is not None:
            raise self._error


@contextmanager
def _terminable() -> Iterator[None]:
    """Have SIGTERM end the stream as Ctrl-C does, unless somebody (Prefect) takes it already."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def terminate(*_: object) -> None:
        raise _Terminated

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


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
