"""A firing: everything that new rows touch, once, in order, at one instant; then the effects."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import pandas as pd

from flows.context import RunContext
from flows.execute import describe
from flows.gather import stacked
from flows.idempotency import effect_key
from flows.plan import Port
from flows.stream.clock import FiringClock
from flows.stream.held import Attempt, Frames, Held, may_be_done
from flows.stream.layout import Layout, Place, SourcePlace
from flows.stream.meters import Meter
from flows.stream.step import LiveStep
from flows.stream.table import LatestTable
from schemas.frame import Frame, empty
from tasks.connections.scope import Message
from tasks.connections.scrubbing import scrubbed

World = Callable[[Place, str, Callable[[], Frames]], Frames | None]
"""Asks the world, or acts on it: the step, an effect's key, and what would do it.

A replay answers with what was recorded; None: nothing was asked then.
"""

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds before a step that asks the world is tried again after it failed: at first, and at most."""

ATTEMPTS = 8
"""How often in a row a step may fail before a stream that is over no longer waits for it."""

PENDING = 5_000_000
"""Rows of a log that wait at most for a step that fails; older ones are set aside."""


@dataclass(frozen=True)
class Fired:
    """What a firing did."""

    number: int
    time: pd.Timestamp
    ran: tuple[str, ...]
    acted: tuple[str, ...]
    """Effects among them."""
    failed: tuple[str, ...]
    sequences: Mapping[str, int] = field(default_factory=dict)
    """Of each source: the last of its rows that is in it."""


class Graph:
    """The state of a stream between firings, and the firing itself.

    Parameters
    ----------
    layout
        The graph.
    context
        The run.
    world
        Performs what isn't pure.
    tell
        Called with a step's name and a sentence that a person should read.
    """

    def __init__(self, layout: Layout, context: RunContext, world: World, tell: Callable[[str, str], None]) -> None:
        self.layout = layout
        self.number = 0
        self.clock = FiringClock(context.clock.now())
        self.held: dict[str, Held] = {name: Held() for name in layout.sources}
        self.held |= {place.name: Held() for place in layout.places}
        self.sequences: dict[str, int] = {}
        self.meters: dict[str, Meter] = {name: Meter() for name in self.held}
        self._context = context
        self._world = world
        self._is_replay = False
        self._received: float | None = None
        self._tell = tell
        self._tables = {
            name: LatestTable(source.model)
            for name, source in layout.sources.items()
            if not source.is_log and source.span is None
        }
        self._steps = {
            place.name: LiveStep(place, context, self.clock, _Notes(place.name, tell)) for place in layout.places
        }
        self._places = {place.name: place for place in layout.places}

    def fire(
        self,
        rows: Mapping[str, pd.DataFrame],
        now: pd.Timestamp,
        stale: Mapping[str, str],
        sequences: Mapping[str, int] | None = None,
        whole: Collection[str] = (),
        received: float | None = None,
    ) -> Fired:
        """Take rows in and run what they touch.

        Parameters
        ----------
        rows
            New rows by source, valid.
        now
            The instant of the firing, by the run's clock.
        stale
            Why a source isn't up to date, for those that aren't.
        sequences
            Of each source that has new rows: the number of its last one.
        whole
            Sources whose rows are all that there is: what their tables held before is let go of.
        received
            When the oldest of the rows came, by the monotonic clock.
        """
        self._received = received
        self.number += 1
        self.sequences |= sequences or {}
        self.clock.move_to(now)
        touched = {name for name in rows if self._enter(name, rows[name], now, name in whole)}
        for name in self.layout.sources:
            self.held[name].stale = stale.get(name, "")
        ran: list[str] = []
        failed: list[str] = []
        for place in self.layout.places:
            held = self.held[place.name]
            held.stale = self._staleness(place, now)
            if held.attempt is not None and any(name in touched for name in place.node.upstream):
                held.attempt.is_behind = True
            if not self._is_touched(place, held, touched) or self._is_put_off(place, held, now):
                continue
            ended = self._run(place, held, now)
            if ended is None:
                continue
            (ran if ended else failed).append(place.name)
            if ended:
                touched.add(place.name)
        acted = tuple(name for name in ran if self._places[name].is_effect)
        return Fired(self.number, now, tuple(ran), acted, tuple(failed), dict(self.sequences))

    def replay(
        self,
        rows: Mapping[str, pd.DataFrame],
        now: pd.Timestamp,
        stale: Mapping[str, str],
        world: World,
        whole: Collection[str] = (),
    ) -> Fired:
        """Fire again what was fired then: asked again is whoever answered then, and no other."""
        live, self._world = self._world, world
        self._is_replay = True
        try:
            return self.fire(rows, now, stale, whole=whole)
        finally:
            self._world, self._is_replay = live, False

    def next_due(self, now: pd.Timestamp) -> float | None:
        """Seconds until a step is due by its `every` or to be tried again; None where none is."""
        dues = []
        for place in self.layout.places:
            held = self.held[place.name]
            if held.not_before and held.owed:
                dues.append(held.not_before - time.monotonic())
            elif place.every is not None and held.at is not None and (held.owed or not place.is_fed):
                dues.append((held.at + place.every - now).total_seconds())
        return max(0.0, min(dues)) if dues else None

    @property
    def context(self) -> RunContext:
        """The run that it is of."""
        return self._context

    @property
    def owes(self) -> bool:
        """Whether a step that failed has still to take rows, and may yet succeed."""
        return any(held.owed and held.not_before and held.failures < ATTEMPTS for held in self.held.values())

    def restore_tables(self) -> None:
        """Fill the tables from what the sources hold, after that was put back."""
        for name, table in self._tables.items():
            frame = self.held[name].frame(None)
            table.clear()
            if frame is not None:
                table.update(frame)
                self.held[name].frames = {None: table.frame}

    def output(self, port: Port) -> pd.DataFrame | None:
        """The frame of a step or a source now."""
        return self.held[port.step].frame(port.field)

    def _enter(self, name: str, rows: pd.DataFrame, now: pd.Timestamp, is_all: bool) -> bool:
        source, held = self.layout.sources[name], self.held[name]
        held.firing, held.at = self.number, now
        self.meters[name].ran(len(rows), 0.0)
        if (table := self._tables.get(name)) is not None:
            if is_all:
                table.clear()
            table.update(rows)
            held.frames = {None: table.frame}
        elif source.span is not None:
            held.frames = {None: self._slid(source, held, rows, now)}
        else:
            held.frames = {None: rows}
            self._hand_on(name, held.frames)
        return is_all or len(rows) > 0

    def _slid(self, source: SourcePlace, held: Held, rows: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
        """The rows of the last span of time, by when they entered."""
        assert source.span is not None  # noqa: S101
        parts = held.waiting.setdefault("", [])
        parts.append(rows)
        held.entered.append(now)
        while parts and now - held.entered[0] > source.span:
            parts.pop(0)
            held.entered.pop(0)
        return stacked(parts) if parts else empty(source.model)

    def _hand_on(self, name: str, frames: Frames) -> None:
        """A log's rows wait at each consumer until it takes them."""
        for consumer, parameter, port in self.layout.consumers.get(name, ()):
            frame = frames.get(port.field)
            if frame is not None and len(frame):
                self.held[consumer].waiting.setdefault(parameter, []).append(frame)

    def _is_touched(self, place: Place, held: Held, touched: set[str]) -> bool:
        if place.log_inputs:
            return bool(held.waiting) or held.attempt is not None
        if held.owed or held.firing == 0:
            return True
        if not place.is_fed and place.every is not None:
            return True  # it refreshes at its interval
        return any(name in touched for name in place.node.upstream)

    def _is_put_off(self, place: Place, held: Held, now: pd.Timestamp) -> bool:
        """Whether it ran or failed too short a time ago; it is owed then."""
        if held.not_before and not self._is_replay and time.monotonic() < held.not_before:
            return True
        if place.every is None or held.at is None or now - held.at >= place.every:
            return False
        if place.is_fed:
            held.owed = True
        return True

    def _staleness(self, place: Place, now: pd.Timestamp) -> str:
        for name in place.node.upstream:
            other = self.held[name]
            if other.stale:
                return other.stale
            if other.failed:
                return f"`{name}` failed: {other.failed}"
            if place.max_age is not None and other.at is not None and now - other.at > place.max_age:
                return f"`{name}` is {(now - other.at).total_seconds():.0f} s old"
        return ""

    def _run(self, place: Place, held: Held, now: pd.Timestamp) -> bool | None:
        """True: it ran; False: it failed; None: it had nothing to run on."""
        attempt = held.attempt
        if attempt is None and not self._is_wanted(place):
            held.owed = False
            held.waiting.clear()
            return None
        inputs = self._inputs(place, held) if attempt is None else attempt.inputs
        if inputs is None:
            return None
        number = self.number if attempt is None else attempt.firing
        if place.trades and held.stale:
            if not held.owed:
                self._tell(place.name, f"held back: {held.stale}")
            held.owed = True
            return None
        begun = time.perf_counter()
        try:
            frames = self._called(place, inputs, number)
        except Exception as error:
            self._fail(place, held, error, time.perf_counter() - begun)
            if place.is_effect and attempt is None and may_be_done(place.trades, error):
                held.attempt = Attempt(number, inputs)
                held.waiting.clear()
            return False
        if frames is None:
            return None
        held.before, held.frames = held.frames, frames
        held.firing, held.at, held.failures, held.attempt = self.number, now, 0, None
        if attempt is None:
            held.waiting.clear()
        held.owed = attempt is not None and (attempt.is_behind or bool(held.waiting))
        held.not_before = time.monotonic() if held.owed else 0.0
        if held.failed:
            self._tell(place.name, "works again")
            held.failed = ""
        self.meters[place.name].ran(sum(len(frame) for frame in frames.values()), time.perf_counter() - begun)
        if self._received is not None:
            self.meters[place.name].latency.add(time.monotonic() - self._received)
        if place.is_log:
            self._hand_on(place.name, frames)
        return True

    def _is_wanted(self, place: Place) -> bool:
        """Whether its `when` holds."""
        for condition in place.node.when:
            frame = self._seen(condition.source)
            if (frame is not None and len(frame) > 0) != condition.has_rows:
                return False
        return True

    def _called(self, place: Place, inputs: dict[str, pd.DataFrame | None], number: int) -> Frames | None:
        step = self._steps[place.name]
        task = place.node.step.task
        if place.node.gathers is not None or task is None or task.kind == "pure":
            return step.call(inputs, "")
        key = effect_key(place.node, self._context, number) if place.is_effect else ""
        return self._world(place, key, lambda: step.call(inputs, key))

    def _fail(self, place: Place, held: Held, error: Exception, seconds: float) -> None:
        """Its last good frames stay; its rows wait for the next firing."""
        said = describe(error)
        self.meters[place.name].failed(seconds)
        if held.failed != said:
            self._tell(place.name, said)
        held.failed, held.failures = said, held.failures + 1
        if not place.is_pure:
            held.owed = True
            held.not_before = time.monotonic() + min(FIRST_WAIT * 2.0 ** (held.failures - 1), LONGEST_WAIT)
        for parameter, parts in held.waiting.items():
            while sum(len(part) for part in parts) > PENDING:
                lost = parts.pop(0)
                self.meters[place.name].lost += len(lost)
                self._tell(place.name, f"{len(lost)} rows of `{parameter}` given up: it has failed for too long")

    def _inputs(self, place: Place, held: Held) -> dict[str, pd.DataFrame | None] | None:
        """Its frames by parameter; None where one that it needs isn't there."""
        required = {edge.parameter for edge in place.node.step.edges if edge.required}
        inputs: dict[str, pd.DataFrame | None] = {}
        for parameter, port in place.inputs.items():
            if parameter in place.log_inputs:
                parts = held.waiting.get(parameter)
                frame = stacked(parts) if parts else self._no_rows(port)
            else:
                frame = self.held[port.step].frame(port.field)
            if frame is None and parameter in required:
                return None
            inputs[parameter] = frame
        for parameter, port in place.node.step.last.items():
            name = place.node.prefix + port.step
            other = self.held[name]
            is_done = other.firing == self.number and name != place.name
            frames = other.before if is_done else other.frames
            inputs[parameter] = None if frames is None else frames.get(port.field)
        return inputs

    def _seen(self, port: Port) -> pd.DataFrame | None:
        """A frame as `when` sees it: a table as it is, a log's only in the firing that it came in."""
        held = self.held[port.step]
        source = self.layout.sources.get(port.step)
        is_log = source.is_log if source is not None else self._places[port.step].is_log
        return None if is_log and held.firing != self.number else held.frame(port.field)

    def _no_rows(self, port: Port) -> pd.DataFrame | None:
        model: type[Frame] | None
        if (source := self.layout.sources.get(port.step)) is not None:
            model = source.model
        else:
            model = self._places[port.step].node.step.outputs.get(port.field)
        return None if model is None else empty(model)


class _Notes:
    """What a step says while it runs; said again only when it says something else."""

    def __init__(self, name: str, tell: Callable[[str, str], None]) -> None:
        self._name, self._tell = name, tell

    def note(self, text: str) -> None:
        self._tell(self._name, scrubbed(text))

    def progress(self, done: int, total: int, what: str) -> None:
        """Firings are too short to tell how far they have come."""

    def message(self, message: Message) -> None:
        """Raw messages of a stream are its source rows."""
