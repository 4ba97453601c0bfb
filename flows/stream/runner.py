"""A stream from its beginning to its end: one process, one graph, for as long as the session lasts."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from flows.context import RunContext
from flows.stream.clock import SteadyClock
from flows.stream.feed import Feed
from flows.stream.firing import Fired, Graph
from flows.stream.inbox import Doorbell, Taken
from flows.stream.layout import lay_out
from flows.stream.recovery import checkpoint, restore
from flows.stream.replay import Recording
from flows.stream.spool import Spool
from flows.stream.world import LiveWorld
from flows.watch import Onlooker
from tasks.connections.clock import WallClock

log = logging.getLogger("hedgerow.stream")

CHECKPOINT_EVERY = 5.0
IDLE = 1.0
"""Seconds after which staleness is looked at again where nothing comes."""
QUIET = 300.0
"""Seconds in which the same sentence isn't told again."""
MANY = 1000

End = Literal["completed", "cancelled"]


@dataclass(frozen=True)
class Ended:
    """A stream that has ended."""

    how: End
    firings: int
    graph: Graph


class Stream:
    """Runs a plan with a `stream:`.

    Parameters
    ----------
    context
        The run.
    onlookers
        Who is told how it goes.
    until
        When it ends by the run's clock; None: when every source has ended, or it is stopped.
    """

    def __init__(
        self, context: RunContext, onlookers: tuple[Onlooker, ...] = (), until: pd.Timestamp | None = None
    ) -> None:
        self.context = context
        self.stopping = threading.Event()
        self.layout = lay_out(context.plan, context.names)
        self.path = spool_path(context)
        self._onlookers = onlookers
        self._until = until
        self._bell = Doorbell()
        self._said: dict[str, dict[str, float]] = {}
        """When each sentence was last told, by whom it is of."""
        self._number = 0
        self._clock = SteadyClock(context.clock, lambda text: self.tell("", text))
        self._feeds_now: Mapping[str, Feed] = {}

    @property
    def waiting(self) -> dict[str, int]:
        """Rows by source that no firing has taken yet."""
        return {name: feed.inbox.waiting for name, feed in self._feeds_now.items()}

    def watch(self, onlooker: Onlooker) -> None:
        """Tell this one too."""
        self._onlookers = (*self._onlookers, onlooker)

    def stop(self) -> None:
        """End after the firing under way; may be called from any thread, and from a signal's handler."""
        self.stopping.set()
        # Not the bell's lock: a signal's handler may interrupt the very thread that holds it.
        threading.Thread(target=self._bell.ring, daemon=True).start()

    def run(self) -> Ended:
        """Fire until it ends. Raises `Problem` where it can't go on."""
        with Spool(self.path) as spool:
            world = LiveWorld(self.context, spool)
            graph = Graph(self.layout, self.context, world, self.tell)
            self._resume(graph, spool, world)
            spool.begin(self.context.id, graph.number, _about(self.context))
            feeds = self._feeds_now = self._feeds(spool, graph)
            try:
                how = self._fire_on(graph, feeds, spool, world)
            finally:
                for feed in feeds.values():
                    feed.close()
                spool.checkpoint(checkpoint(graph))
                spool.flush()
        return Ended(how, graph.number, graph)

    def _feeds(self, spool: Spool, graph: Graph) -> dict[str, Feed]:
        def set_aside(name: str, reason: str, rows: pd.DataFrame) -> None:
            graph.meters[name].quarantined += len(rows)
            self.tell(name, f"{len(rows)} rows set aside, {reason}")
            spool.quarantined(self._number, name, reason, rows)

        return {
            name: Feed(place, self.context, self._bell, self.tell, set_aside)
            for name, place in self.layout.sources.items()
        }

    def _fire_on(self, graph: Graph, feeds: Mapping[str, Feed], spool: Spool, world: LiveWorld) -> End:
        kept = time.monotonic()
        taken: dict[str, Taken] | None = {}
        while taken is not None:
            fired = self._fire(graph, feeds, spool, world, taken)
            for feed in feeds.values():
                if not fired.number or self._concerns(feed, fired, taken):
                    self._offer(graph, feed)
            if time.monotonic() - kept >= CHECKPOINT_EVERY:
                spool.checkpoint(checkpoint(graph))
                kept = time.monotonic()
            taken = self._await(graph, feeds)
        for feed in feeds.values():
            feed.close()
        if rest := self._rest(feeds):
            self._fire(graph, feeds, spool, world, rest)
        return "cancelled" if self.stopping.is_set() else "completed"

    def _rest(self, feeds: Mapping[str, Feed]) -> dict[str, Taken]:
        """What still waits, whether it is due or not."""
        with self._bell.condition:
            return {name: taken for name, feed in feeds.items() if (taken := feed.inbox.take()) is not None}

    def _fire(
        self,
        graph: Graph,
        feeds: Mapping[str, Feed],
        spool: Spool,
        world: LiveWorld,
        taken: Mapping[str, Taken],
    ) -> Fired:
        rows = {name: each.rows for name, each in taken.items()}
        now = self._clock.now()
        stale = {name: reason for name, feed in feeds.items() if (reason := self._staleness(feed, graph, now))}
        for name, reason in stale.items():
            # A problem the feed has told itself; that nothing has come yet is how it begins.
            if not feeds[name].problem and feeds[name].has_told:
                self.tell(name, reason)
        self._number = world.number = graph.number + 1
        whole = frozenset(name for name, each in taken.items() if each.is_all)
        spool.fired(world.number, now, stale, rows, whole)
        sequences = {name: each.sequence for name, each in taken.items()}
        received = min((each.received for each in taken.values()), default=None)
        fired = graph.fire(rows, now, stale, sequences, whole, received)
        for name, feed in feeds.items():
            graph.meters[name].lost = feed.dropped
        spool.finished(fired.number)
        for onlooker in self._onlookers:
            onlooker.fired(graph, fired)
        return fired

    def _offer(self, graph: Graph, feed: Feed) -> None:
        place = feed.place
        inputs = {parameter: graph.output(port) for parameter, port in place.node.inputs.items()}
        begin = None if place.begin is None else graph.output(place.begin)
        feed.offer(inputs, begin, has_begun=graph.held[place.name].firing > 0)

    def _concerns(self, feed: Feed, fired: Fired, taken: Mapping[str, Taken]) -> bool:
        """Whether the frames that it is opened on may be others than before."""
        needs = {port.step for port in feed.place.node.inputs.values()}
        return feed.is_unopened or bool(needs & {*fired.ran, *taken})

    def _staleness(self, feed: Feed, graph: Graph, now: pd.Timestamp) -> str:
        name, place = feed.place.name, feed.place
        if feed.problem:
            return f"`{name}`: {feed.problem}"
        if place.is_table and not feed.has_told and not feed.ended:
            # What a run before this one has left may be true no longer.
            return f"`{name}` has told nothing yet"
        if feed.is_stale:
            return f"`{name}` has had nothing since its connection was dropped"
        at = graph.held[name].at
        if feed.is_confirmed:  # positions that don't change are no older for it
            return ""
        if place.max_age is not None and at is not None and now - at > place.max_age:
            return f"`{name}` is older than {place.max_age.total_seconds():g} s"
        return ""

    def _await(self, graph: Graph, feeds: Mapping[str, Feed]) -> dict[str, Taken] | None:
        """New rows by source, all taken at one instant; empty when a step is due; None when it is over."""
        while not self.stopping.is_set():
            now = self._clock.now()
            if self._until is not None and now >= self._until:
                return None
            wait = graph.next_due(now)
            with self._bell.condition:
                self._bell.rung = False
                moment = time.monotonic()
                if any(feed.inbox.is_due(moment) for feed in feeds.values()):
                    return {
                        name: taken
                        for name, feed in feeds.items()
                        if feed.inbox.is_due(moment) and (taken := feed.inbox.take()) is not None
                    }
                if wait == 0.0:
                    return {}
                if all(feed.ended and not feed.inbox.waiting for feed in feeds.values()) and not graph.owes:
                    return None
                windows = [due for feed in feeds.values() if (due := feed.inbox.due_in(moment)) is not None]
                waits = [IDLE, *windows, *([] if wait is None else [wait])]
                self._bell.condition.wait(min(waits))
            if self._has_turned(graph, feeds):
                return {}
        return None

    def _has_turned(self, graph: Graph, feeds: Mapping[str, Feed]) -> bool:
        """Whether a source has become stale, or is so no longer."""
        now = self._clock.now()
        return any(
            bool(self._staleness(feed, graph, now)) != bool(graph.held[name].stale) for name, feed in feeds.items()
        )

    def _resume(self, graph: Graph, spool: Spool, world: LiveWorld) -> None:
        """Go on where the last run of this slot ended: its checkpoint, and the firings since, again."""
        kept = spool.latest_checkpoint()
        if kept is not None:
            restore(graph, kept)
        since = list(spool.recorded(graph.number))
        if not since and kept is None:
            return
        for firing in since:
            recording = Recording(firing, world)
            world.number = firing.number
            graph.replay(firing.rows, firing.time, firing.stale, recording, firing.whole)
        self.tell("", f"goes on after firing {graph.number}, {len(since)} of them taken again since the checkpoint")

    def tell(self, name: str, text: str) -> None:
        """Say something to a person; the same sentence not again for a while."""
        now = time.monotonic()
        said = self._said.setdefault(name, {})
        if now - said.get(text, -QUIET) < QUIET:
            return
        if len(said) > MANY:
            said.clear()
        said[text] = now
        log.info("%s: %s", name or self.context.plan.name, text)
        for onlooker in self._onlookers:
            onlooker.told(name, text)


def spool_path(context: RunContext) -> Path:
    """The file of a slot: of a pipeline, its parameters, a session and a slot."""
    identity = json.dumps([dict(context.parameters), context.slot, context.again], sort_keys=True, default=str)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return context.desk.data / "streams" / context.plan.name / f"{context.session}-{digest}.db"


def _about(context: RunContext) -> dict[str, Any]:
    return {
        "pipeline": context.plan.name,
        "session": str(context.session),
        "slot": context.slot,
        "parameters": dict(context.parameters),
        "text": context.plan.text,
        "begun": WallClock().now().isoformat(),
    }
