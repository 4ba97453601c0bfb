"""What a source gives: batches of rows as they come, until it is closed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, Self, TypeVar

import pandas as pd

from schemas.frame import Frame
from tasks.connections.clock import Clock, WallClock
from tasks.connections.ib.broker import GatewayClock
from tasks.connections.ib.subscriptions import Subscription
from tasks.connections.problems import Problem
from tasks.connections.scope import note
from tasks.guard import bad_rows, guard_of
from tasks.validate import validated
from tasks.wording import listed

F = TypeVar("F")

LOOK = 0.02
"""Seconds between two looks at whether all that there is at the beginning has come."""

TICK = 1.0
"""Seconds between two looks at a gateway's clock, which tells no finer."""


class Batch(NamedTuple):
    """Rows that came together."""

    rows: pd.DataFrame
    sequence: int
    """Of the last message that is in it or in one before: it goes up from batch to batch."""
    time: pd.Timestamp
    """When it was made, by the run's clock."""
    is_all: bool = False
    """It holds all that there is: what was told before and isn't in it is no more. It may have no rows."""


class Arrival(NamedTuple):
    """One message of a subscription."""

    key: Any
    """Which subscription: what the stream's maker calls it by."""
    time: int
    """When it came, by the run's clock: nanoseconds since 1970."""
    row: Any


Read = Callable[[list[Arrival]], pd.DataFrame]
"""Makes a frame of what has arrived; it may keep in mind what came before, and may have nothing to tell yet."""


class Stream(Generic[F]):
    """An iterator of `Batch`: each holds whatever has arrived since the one before.

    A subscription that is refused is noted, and the others go on; when all are, its problem is
    raised. Rows that break the schema are left out and counted. The stream goes on when
    the connection is dropped: its subscriptions are made again.

    Parameters
    ----------
    subscriptions
        Where rows come from, each by a key that arrivals name; or why nothing comes from there.
    read
        Makes a frame of arrivals, in the order in which they came.
    model
        The schema of its frames.
    clock
        The run's.
    limit
        Most messages in one batch; what is over goes into the next, at once.
    wake
        Seconds after which `read` is called with nothing, where nothing has come: for what ends by the clock.
    refused
        Called with the key and the problem of a subscription that is refused, before the next `read`.
    is_whole
        Whether all that there is at the beginning has come, for a source that tells it: the first batch holds
        it all and says so. None: each batch is what has come.
    """

    def __init__(
        self,
        subscriptions: Mapping[Any, Subscription | Problem],
        read: Read,
        model: type[Frame],
        clock: Clock,
        *,
        limit: int = 20_000,
        wake: float | None = None,
        refused: Callable[[Any, Problem], None] | None = None,
        is_whole: Callable[[], bool] | None = None,
    ) -> None:
        self.bad = 0
        """Rows left out because they break the schema; each way in which they do is noted once."""
        self._subscriptions = {key: each for key, each in subscriptions.items() if isinstance(each, Subscription)}
        self._problems = {key: each for key, each in subscriptions.items() if isinstance(each, Problem)}
        self._read, self._model, self._limit, self._refused = read, model, limit, refused
        self._time, self._wake = _Time(clock), wake
        self._pending: deque[Arrival] = deque()
        self._sequence = 0
        self._told: set[Hashable] = set()
        self._known_faults: set[str] = set()
        self._is_closed = False
        self._is_whole = is_whole
        """None once the beginning has been told."""
        self._bell = threading.Event()
        for subscription in self._subscriptions.values():
            subscription.bell = self._bell.set

    @property
    def dropped(self) -> int:
        """Messages lost because they came faster than they were taken."""
        return sum(subscription.dropped for subscription in self._subscriptions.values())

    @property
    def stale(self) -> bool:
        """Whether part of it has had no data since the connection was dropped."""
        return any(subscription.stale for subscription in self._subscriptions.values() if not subscription.done)

    @property
    def confirmed(self) -> bool:
        """Whether what it told last still holds: every subscription is answered and the connection stands, so that
        a change would have been told."""
        subscriptions = self._subscriptions.values()
        return not self._is_closed and not self.stale and not any(s.problem or s.doubtful for s in subscriptions)

    def close(self) -> None:
        """End it; a waiting `next` ends too. May be called from any thread, more than once."""
        self._is_closed = True
        self._bell.set()
        for subscription in self._subscriptions.values():
            subscription.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        """The next batch, once there is one. Raises the problem that every subscription ended with."""
        wakes = False
        while not self._is_closed:
            has_begun = self._is_whole is None or self._is_whole()  # asked before collecting: no row comes between
            news = self._collect() or wakes
            if self._is_whole is not None and not self._is_refused():
                if has_begun:
                    self._is_whole = None
                    if (batch := self._batch(is_all=True)) is not None:
                        return batch
                self._bell.wait(LOOK)
            elif self._pending or news:
                wakes = False
                if (batch := self._batch()) is not None:
                    return batch
            elif self._is_refused():
                raise next(iter(self._problems.values()))
            else:
                wakes = not self._bell.wait(self._wake)
        raise StopIteration

    def _collect(self) -> bool:
        """Take what has come, unless some is left; whether a subscription was refused."""
        if self._pending and self._is_whole is None:
            return False
        self._bell.clear()  # before taking, so that what comes meanwhile rings again
        taken = [
            (received, sequence, key, row)
            for key, subscription in self._subscriptions.items()
            for sequence, received, row in subscription.take(0)
        ]
        taken.sort(key=lambda item: item[:1])  # stable: a subscription's own order stands
        self._pending.extend(
            Arrival(key, moment, row)
            for (_, _, key, row), moment in zip(taken, self._time.of([item[0] for item in taken]), strict=True)
        )
        return self._tell_refused()

    def _batch(self, is_all: bool = False) -> Batch | None:
        """What has arrived, as a frame; None where it comes to nothing."""
        count = len(self._pending) if is_all else min(self._limit, len(self._pending))
        arrivals = [self._pending.popleft() for _ in range(count)]
        self._sequence += len(arrivals)
        rows = self._valid(self._read(arrivals))
        if not len(rows) and not is_all:
            return None  # nobody's time is asked for that
        now = pd.Timestamp(arrivals[-1].time if arrivals else self._time.now(), unit="ns", tz="UTC")
        return Batch(rows, self._sequence, now, is_all)

    def _valid(self, frame: pd.DataFrame) -> pd.DataFrame:
        rows = frame.reset_index(drop=True)
        faults = guard_of(self._model).faults(rows)
        if faults is None:
            return validated(rows, self._model, "the broker's stream")  # it says what is wrong
        if not faults:
            return rows
        wrong = bad_rows(faults, len(rows))
        self.bad += int(wrong.sum())
        for fault in faults:
            what = f"{fault.column or 'its key'} fails {fault.check}"
            if what not in self._known_faults:  # once: the count goes on
                self._known_faults.add(what)
                first = rows[fault.rows].iloc[0].to_dict()
                note(f"Rows of a stream are left out: {what}, in {first}.")
        return rows[~wrong].reset_index(drop=True)

    def _tell_refused(self) -> bool:
        for key, subscription in self._subscriptions.items():
            if subscription.problem is not None:
                self._problems.setdefault(key, subscription.problem)
        found = {key: problem for key, problem in self._problems.items() if key not in self._told}
        self._told |= found.keys()
        if self._refused is not None:
            for key, problem in found.items():
                self._refused(key, problem)
        if found and not self._is_refused():
            note(f"Not covered: {listed(found.values(), shown=3, separator=' ')}")
        return bool(found)

    def _is_refused(self) -> bool:
        return len(self._problems) > 0 and self._problems.keys() >= self._subscriptions.keys()


class _Time:
    """When messages came, by the run's clock: where that is the wall's, to the nanosecond."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: tuple[float, int] | None = None

    def of(self, received: list[int]) -> list[int]:
        """The moments of messages that came at these by the wall's clock."""
        return received if isinstance(self._clock, WallClock) or not received else [self.now()] * len(received)

    def now(self) -> int:
        """The moment, in nanoseconds since 1970."""
        if not isinstance(self._clock, GatewayClock):
            return self._clock.now().value
        asked = time.monotonic()
        if self._told is None or asked - self._told[0] >= TICK:
            try:
                self._told = (asked, self._clock.now().value)
            except Problem:
                if self._told is None:
                    raise
                self._told = (asked, self._told[1])  # the gateway is away: its last word stands
        return self._told[1]
