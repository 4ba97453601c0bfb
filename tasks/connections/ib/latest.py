"""The latest prices and sizes of every contract that is followed, however fast they come."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.connections.ib.rows.ticks import DELAYED, MARKET_DATA_TYPE, TYPES
from tasks.connections.ib.subscriptions import Subscription, Taken
from tasks.connections.problems import Problem


class LatestQuote(NamedTuple):
    """What is known of one contract's market; NaN where nothing has come. Numbers are as the broker sent them:
    -1, or 0, for a price that isn't there."""

    bid: float
    ask: float
    last: float
    bid_size: float
    ask_size: float
    last_size: float
    close: float
    open: float
    high: float
    low: float
    volume: float
    mark_price: float
    last_time: float
    """When it last traded, in seconds since 1970."""
    halted: float
    market_data_type: float
    """1 live, 2 frozen, 3 delayed, 4 delayed and frozen."""
    is_delayed: float
    """1 where the latest of its ticks was of a type that only delayed data has."""


WIDTH = len(LatestQuote._fields)
COLUMN = {name: place for place, name in enumerate(LatestQuote._fields)}
IS_DELAYED = COLUMN["is_delayed"]

TICK_COLUMN = {number: COLUMN[name] for number, (_, name) in TYPES.items() if name in COLUMN}
"""Where a tick of a type goes."""
TICK_IS_DELAYED = {number: float(number in DELAYED) for number in TICK_COLUMN}

SIZE_TYPE = {1: 0, 2: 3, 4: 5, 66: 69, 67: 70, 68: 71}
"""The type of the size that a message with a price of this type has beside it."""


class Snapshot(NamedTuple):
    """The table at one moment: no row is half one message and half another."""

    version: int
    con_ids: NDArray[np.int64]
    values: NDArray[np.float64]
    """A row a contract, a column for each field of `LatestQuote`."""
    received_ns: NDArray[np.int64]
    """When the latest of a row's ticks came, nanoseconds since 1970; 0 where none has."""
    versions: NDArray[np.int64]
    """The version that last changed the row."""


class LatestTable:
    """Numbers by slot and column, written by the reader's thread and read by any.

    Memory stays what it is however many ticks come. The writer holds the lock for the ticks of one
    read from the socket, readers while they copy.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.version = 0
        """Goes up with every read from the socket that changes something."""
        self.values = array("d")
        self.received = array("q")
        self.versions = array("q")
        self._con_ids: list[int] = []
        self._free: list[int] = []
        self._changed = threading.Condition(self.lock)

    def open(self, con_id: int) -> int:
        """A slot for a contract."""
        with self.lock:
            if self._free:
                slot = self._free.pop()
                self._con_ids[slot] = con_id
            else:
                slot = len(self._con_ids)
                self._con_ids.append(con_id)
                self.values.extend([math.nan] * WIDTH)
                self.received.append(0)
                self.versions.append(0)
            return slot

    def close(self, slot: int) -> None:
        """The slot is nobody's any more."""
        with self.lock:
            for place in range(slot * WIDTH, (slot + 1) * WIDTH):
                self.values[place] = math.nan
            self.received[slot] = self.versions[slot] = 0
            self._con_ids[slot] = 0
            self._free.append(slot)

    def put(self, slot: int, column: int, value: float, received: int) -> None:
        """One number, outside of a batch."""
        with self.lock:
            self.version += 1
            self.values[slot * WIDTH + column] = value
            self.received[slot], self.versions[slot] = received, self.version
            self._changed.notify_all()

    def notify(self) -> None:
        """Wake those who wait for a change."""
        with self.lock:
            self._changed.notify_all()

    def row(self, slot: int) -> tuple[int, int, LatestQuote]:
        """(version that changed it, receive time, what is known)."""
        with self.lock:
            quote = LatestQuote(*self.values[slot * WIDTH : (slot + 1) * WIDTH])
            return self.versions[slot], self.received[slot], quote

    def snapshot(self, after: int = -1) -> Snapshot:
        """Every contract's row that changed after a version; all by default."""
        with self.lock:
            con_ids = np.array(self._con_ids, dtype=np.int64)
            values = np.array(self.values, dtype=np.float64).reshape(-1, WIDTH)
            received, versions = np.array(self.received, dtype=np.int64), np.array(self.versions, dtype=np.int64)
            version = self.version
        chosen = (con_ids != 0) & (versions > after)
        return Snapshot(version, con_ids[chosen], values[chosen], received[chosen], versions[chosen])

    def wait(self, after: int, timeout: float) -> int:
        """Wait until the version is later than this one, or for `timeout` seconds; the version."""
        self.wait_until(lambda: self.version > after, timeout)
        return self.version

    def wait_until(self, holds: Callable[[], bool], timeout: float) -> None:
        """Wait until something holds, looking at every change, or for `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(holds, timeout)


class Latest(Subscription):
    """A subscription to a contract's market that keeps the latest of everything and no log: nothing piles up.

    `take` gives one row at most, a `LatestQuote`, when something has changed since the last call; its
    sequence is the table's version.
    """

    def __init__(self, table: LatestTable, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.con_id is None:
            raise ValueError(f"{self.what}: the latest prices are kept by contract id, and it has none")
        self.table = table
        self.slot = table.open(self.con_id)
        self._taken = 0

    @property
    def received(self) -> int:
        """The version of the table at which something last came; 0 where nothing has."""
        return self.table.versions[self.slot]

    def take(self, timeout: float) -> list[Taken]:
        """See the class."""
        self.table.wait_until(lambda: self.table.versions[self.slot] > self._taken or self.done, timeout)
        version, received, quote = self.table.row(self.slot)
        if version <= self._taken or self._is_closed:
            return []
        self._taken = version
        return [(version, received, quote)]

    def add(self, row: Any, received: int) -> None:
        """A tick that the direct path left to the client's decoder."""
        kind, value = row[0], row[1]
        column = COLUMN["market_data_type"] if kind == MARKET_DATA_TYPE else TICK_COLUMN.get(kind)
        if column is None:
            return
        try:
            number = float(value)
        except (TypeError, ValueError):
            return  # a text that is no time
        self.table.put(self.slot, column, number, received)
        if kind in TICK_IS_DELAYED:
            self.table.put(self.slot, IS_DELAYED, TICK_IS_DELAYED[kind], received)
        self.stale = False
        self.bell()

    def complete(self, problem: Problem) -> None:
        """It is refused: no more will come."""
        super().complete(problem)
        self.table.notify()

    def close(self) -> None:
        """Cancel it, and give its slot back."""
        first = not self._is_closed
        super().close()
        self.table.notify()
        if first:
            self.table.close(self.slot)
