"""A source while the stream runs: opened when its inputs are there, read in a thread of its own, opened again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from flows.call import run_of, values_of, who
from flows.context import RunContext
from flows.execute import describe
from flows.stream.inbox import Doorbell, Inbox
from flows.stream.layout import SourcePlace
from schemas.frame import schema_of
from tasks.connections.problems import Problem
from tasks.connections.scope import Message, Scope, entered
from tasks.connections.scrubbing import scrubbed
from tasks.guard import Fault, bad_rows, guard_of
from tasks.run import Run
from tasks.validate import FrameBroken, validated

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before a source that failed is opened again: at first, and at most."""

ARRIVING = 0.5
"""Seconds in which what a source has received has long reached the graph."""

SetAside = Callable[[str, str, pd.DataFrame], None]
"""Keeps rows that no firing may see: source, reason, rows."""


class Feed:
    """Reads one source into its inbox until it ends or is closed.

    Parameters
    ----------
    place
        The source.
    context
        The run.
    bell
        Rung when rows have come, or the source has ended.
    tell
        Called with the source's name and a sentence that a person should read.
    set_aside
        Keeps bad rows.
    """

    def __init__(
        self,
        place: SourcePlace,
        context: RunContext,
        bell: Doorbell,
        tell: Callable[[str, str], None],
        set_aside: SetAside,
    ) -> None:
        self.place = place
        self.inbox = Inbox(place.name, place.model, place.terms, bell)
        self.quarantined = 0
        self.has_told = False
        """It has given something since it was first opened."""
        self.ended = False
        """It has told all that it will."""
        self.problem = ""
        """Why it gives nothing now; empty where it does, or has nothing to give."""
        self._context = context
        self._bell = bell
        self._tell = tell
        self._set_aside = set_aside
        self._inputs: dict[str, pd.DataFrame | None] | None = None
        self._stream: Any = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._generation = 0
        self._swapping = threading.Lock()
        self._was_stale = -ARRIVING
        self._begun: set[tuple[Any, ...]] | None = None if place.begin is not None else set()
        """Keys of the rows that it began with; None: it has not begun."""

    def offer(
        self, inputs: Mapping[str, pd.DataFrame | None], begin: pd.DataFrame | None = None, *, has_begun: bool = False
    ) -> None:
        """Open it on these frames; open it anew where they are others than before.

        Parameters
        ----------
        inputs
            By parameter; it stays shut until those that it needs are there.
        begin
            Rows that enter first, where the file names a step for them: it stays shut until they are there.
        has_begun
            They entered in the run that this one goes on from.
        """
        required = {edge.parameter for edge in self.place.node.step.edges if edge.required}
        if self.ended or any(inputs.get(parameter) is None for parameter in required):
            return
        if self._begun is None:
            if begin is None:
                return
            first = self._good(self._columns(begin))
            self._begun = self._keys(first)
            if not has_begun:
                self.inbox.put(first, 0)
        narrow = {parameter: self._narrow(parameter, frame) for parameter, frame in inputs.items()}
        if self._inputs is not None and _same(self._inputs, narrow):
            return
        with self._swapping:
            self._inputs = narrow
            self._generation += 1
            generation = self._generation
            stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        self._thread = threading.Thread(
            target=self._read, args=(narrow, generation), name=f"source {self.place.name}", daemon=True
        )
        self._thread.start()

    def _columns(self, rows: pd.DataFrame) -> pd.DataFrame:
        """A frame that may know more than the source's schema does."""
        return rows[[column for column in schema_of(self.place.model).columns if column in rows]]

    def _keys(self, rows: pd.DataFrame) -> set[tuple[Any, ...]]:
        key = list(self.place.model.__key__)
        return set(rows[key].astype(object).itertuples(index=False, name=None)) if key else set()

    def _not_begun_with(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What overlaps with the rows that it began with counts once: a log would have it twice."""
        if not self._begun or not self.place.terms.keeps_all:
            return rows
        key = list(self.place.model.__key__)
        known = np.fromiter(
            (row in self._begun for row in rows[key].astype(object).itertuples(index=False, name=None)), bool, len(rows)
        )
        return rows[~known].reset_index(drop=True) if known.any() else rows

    def close(self) -> None:
        """Stop reading; may be called more than once."""
        self._closing.set()
        with self._swapping:
            self._generation += 1
            stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        self.inbox.close()

    @property
    def is_unopened(self) -> bool:
        """Whether it waits for the frames that it needs."""
        return self._inputs is None

    @property
    def is_stale(self) -> bool:
        """Whether the source itself says that it isn't up to date."""
        now = time.monotonic()
        if self.problem or getattr(self._stream, "stale", False):
            self._was_stale = now
        # What ended it is still on its way to the graph.
        return now - self._was_stale < ARRIVING

    @property
    def is_confirmed(self) -> bool:
        """Whether the source knows that what it told last still holds, though it has told nothing since."""
        return bool(getattr(self._stream, "confirmed", False))

    @property
    def dropped(self) -> int:
        """Rows lost at the source or on the way, because they came faster than they were taken."""
        return self.inbox.dropped + int(getattr(self._stream, "dropped", 0) or 0)

    def _read(self, inputs: Mapping[str, pd.DataFrame | None], generation: int) -> None:
        wait = FIRST_WAIT
        while generation == self._generation:
            try:
                stream = self._opened(inputs)
                with self._swapping:
                    if generation != self._generation:
                        stream.close()
                        return
                    self._stream = stream
                for batch in stream:
                    if self.problem:
                        self.problem = ""
                        self._tell(self.place.name, "works again")
                    wait = FIRST_WAIT
                    rows = self._not_begun_with(self._good(batch.rows))
                    self.inbox.put(rows, batch.sequence, getattr(batch, "is_all", False))
                    self.has_told = True
                if generation == self._generation:
                    self.ended = True
                    self.inbox.finish()
                return
            except Exception as error:
                said = describe(error)
                if isinstance(error, Problem) and not error.retryable:
                    self.ended, self.problem = True, said
                    self._tell(self.place.name, said)
                    self.inbox.finish()
                    return
                if said != self.problem and generation == self._generation:
                    self.problem = said
                    self._tell(self.place.name, f"{said} It is opened again.")
                    self._bell.ring()
                self._closing.wait(wait * random.uniform(0.8, 1.2))  # noqa: S311 - guards nothing
                wait = min(2 * wait, LONGEST_WAIT)

    def _opened(self, inputs: Mapping[str, pd.DataFrame | None]) -> Any:
        node = self.place.node
        task = node.step.task
        assert task is not None  # noqa: S101  # a source is a task
        values = values_of(node, task, self._context)
        values |= {
            name: run_of(node, self._context, "", self._context.clock)
            for name, kind in task.injected.items()
            if kind is Run
        }
        values |= {name: None if frame is None else frame.copy(deep=False) for name, frame in inputs.items()}
        with entered(Scope(self._context.id, node.name, listener=self, may_act=False)):
            return task.function(**values)

    def note(self, text: str) -> None:
        """What the source says."""
        self._tell(self.place.name, scrubbed(text))

    def progress(self, done: int, total: int, what: str) -> None:
        """A stream is never done."""

    def message(self, message: Message) -> None:
        """The rows are what is kept of the messages."""

    def _narrow(self, parameter: str, frame: pd.DataFrame | None) -> pd.DataFrame | None:
        edge = next(edge for edge in self.place.node.step.edges if edge.parameter == parameter)
        if frame is None or edge.schema is None:
            return frame
        return frame[[column for column in schema_of(edge.schema).columns if column in frame]]

    def _good(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows that are of the schema; the others are set aside."""
        if not isinstance(rows.index, pd.RangeIndex) or rows.index.start != 0 or rows.index.step != 1:
            rows = rows.reset_index(drop=True)
        faults = guard_of(self.place.model).faults(rows)
        if faults is None:
            return self._whole(rows)
        if not faults:
            return rows
        if not self.place.terms.keeps_all:
            # Of several rows of one key in a batch the last counts: that is no fault of a table.
            faults = [fault for fault in faults if fault.check != "unique_key"]
        bad = bad_rows(faults, len(rows))
        if bad.any():
            self._quarantine(rows, faults, bad)
        return rows[~bad].reset_index(drop=True) if bad.any() else rows

    def _whole(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows that aren't of the schema's columns and types: none of them can be used."""
        try:
            return validated(rows, self.place.model, who(self.place.node))
        except FrameBroken as broken:
            self.quarantined += len(rows)
            self._set_aside(self.place.name, broken.reason, rows)
            return rows.iloc[:0]

    def _quarantine(self, rows: pd.DataFrame, faults: list[Fault], bad: np.ndarray[Any, Any]) -> None:
        self.quarantined += int(bad.sum())
        for fault in faults:
            reason = f"{fault.column or 'key'}: {fault.check}"
            self._set_aside(self.place.name, reason, rows[fault.rows].reset_index(drop=True))


def _same(one: Mapping[str, pd.DataFrame | None], other: Mapping[str, pd.DataFrame | None]) -> bool:
    for parameter, frame in one.items():
        second = other.get(parameter)
        if (frame is None) != (second is None) or (
            frame is not None and second is not None and not frame.equals(second)
        ):
            return False
    return True
