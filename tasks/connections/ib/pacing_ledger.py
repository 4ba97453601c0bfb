"""How often history has been asked for, by all processes of a desk together.

Source: the broker's limits for historical data: no identical request within 15 seconds, fewer than
6 for the same contract, exchange and kind of data within 2 seconds, 60 within 10 minutes for bars of
30 seconds and less and for ticks (bids and asks count twice), 50 under way. The broker counts by
login, whichever process asks.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.connections.ib.pacing import SLICE, Slots
from tasks.connections.problems import Problem
from tasks.connections.scope import current

REPEAT = 15.0
"""Seconds within which an identical request is a violation."""
CROWD, CROWD_SECONDS = 5, 2.0
BUDGET, BUDGET_SECONDS = 60, 600.0
UNDER_WAY = 50
LONGEST = 180.0
"""Seconds after which a request is no longer taken to be under way, whatever became of who asked."""

PATIENCE = 5.0
"""Seconds to wait for another process's transaction; one takes a tenth of a millisecond."""

_TABLES = """
CREATE TABLE IF NOT EXISTS asked (
    gateway TEXT NOT NULL, time REAL NOT NULL, identity TEXT NOT NULL, crowd TEXT NOT NULL, weight INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS asked_by_identity ON asked (gateway, identity, time);
CREATE INDEX IF NOT EXISTS asked_by_crowd ON asked (gateway, crowd, time);
CREATE INDEX IF NOT EXISTS asked_by_time ON asked (gateway, time);
CREATE TABLE IF NOT EXISTS under_way (
    gateway TEXT NOT NULL, owner INTEGER NOT NULL, number INTEGER NOT NULL, time REAL NOT NULL,
    PRIMARY KEY (gateway, owner, number)
) STRICT, WITHOUT ROWID;
"""


class PacingLedger:
    """Who asked when, in a file that the desk's processes share.

    Nothing in it outlives its use: what is older than ten minutes is deleted, and what a process
    had under way when it was killed counts no more as soon as its client id is free.

    Parameters
    ----------
    folder
        The desk's data folder; None keeps the ledger in memory, for this process alone.
    host, port
        The gateway, whose login the limits are of.
    owner_is_gone
        Whether the process that had this client id has ended.
    now, sleep
        The system's clock since it was started, which all processes have in common; and waiting.
    """

    def __init__(
        self,
        folder: Path | None,
        host: str,
        port: int,
        owner_is_gone: Callable[[int], bool] = lambda owner: False,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.owner = 0
        """The client id of this process."""
        self._path = None if folder is None else folder / "pacing" / "history.sqlite"
        self._gateway = f"{host}:{port}"
        self._owner_is_gone, self._now, self._sleep = owner_is_gone, now, sleep
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._next = 0
        self._ended: deque[int] = deque()

    def belongs_to(self, owner: int) -> None:
        """This process has this client id from now on: what its last holder had under way is over."""
        self.owner = owner
        with self._transaction() as database:
            database.execute("DELETE FROM under_way WHERE gateway = ? AND owner = ?", (self._gateway, owner))

    def enter(self, identity: str, crowd: str, weight: int, what: str) -> None:
        """Wait until a request may be sent, and count it.

        Parameters
        ----------
        identity
            The request in full.
        crowd
            Its contract, exchange and kind of data.
        weight
            What it takes of the ten minutes' budget: 0 for bars of more than 30 seconds, 2 for bids and asks.
        what
            For errors.

        Raises `DeadlinePassed` when the step's time is up first.
        """
        while True:
            current().deadline.check(what)
            missing = self._try(identity, crowd, weight)
            if missing <= 0:
                return
            self._sleep(min(missing, SLICE))

    def forget(self, identity: str) -> None:
        """The request never reached the broker, or its connection was lost: it may be made again at once."""
        with self._transaction() as database:
            database.execute("DELETE FROM asked WHERE gateway = ? AND identity = ?", (self._gateway, identity))

    def begin(self) -> int | None:
        """Count a request as under way; its number, or None where there are too many."""
        with self._transaction() as database:
            now = self._now()
            self._settle(database)
            if self._under_way(database, now) >= UNDER_WAY:
                self._bury(database)
                if self._under_way(database, now) >= UNDER_WAY:
                    return None
            self._next += 1
            row = (self._gateway, self.owner, self._next, now)
            database.execute("INSERT INTO under_way VALUES (?, ?, ?, ?)", row)
            return self._next

    def end(self, number: int) -> None:
        """A request is no longer under way. Never blocks: `settle` writes it down."""
        self._ended.append(number)

    def settle(self) -> None:
        """Write down what has ended."""
        if self._ended:
            with self._transaction() as database:
                self._settle(database)

    def close(self) -> None:
        """Let go of the file; it is opened again when need be."""
        with contextlib.suppress(Problem):
            self.settle()
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _try(self, identity: str, crowd: str, weight: int) -> float:
        """Count the request, or say in how many seconds it may be made."""
        gateway = self._gateway
        with self._transaction() as database:
            now = self._now()
            database.execute(
                "DELETE FROM asked WHERE gateway = ? AND (time < ? OR time > ?)", (gateway, now - BUDGET_SECONDS, now)
            )  # later than now: from before the system was started
            (last,) = database.execute(
                "SELECT max(time) FROM asked WHERE gateway = ? AND identity = ?", (gateway, identity)
            ).fetchone()
            waits = [0.0 if last is None else last + REPEAT - now]
            fifth = database.execute(
                "SELECT time FROM asked WHERE gateway = ? AND crowd = ? ORDER BY time DESC LIMIT 1 OFFSET ?",
                (gateway, crowd, CROWD - 1),
            ).fetchone()
            waits.append(0.0 if fifth is None else fifth[0] + CROWD_SECONDS - now)
            if weight:
                waits.append(self._over_budget(database, weight, now))
            if max(waits) > 0:
                return max(waits)
            database.execute("INSERT INTO asked VALUES (?, ?, ?, ?, ?)", (gateway, now, identity, crowd, weight))
            return 0.0

    def _over_budget(self, database: sqlite3.Connection, weight: int, now: float) -> float:
        """Seconds until the ten minutes' budget has room for this weight."""
        rows = database.execute(
            "SELECT time, weight FROM asked WHERE gateway = ? AND weight > 0 ORDER BY time", (self._gateway,)
        ).fetchall()
        excess = sum(each for _, each in rows) + weight - BUDGET
        for moment, each in rows:
            if excess <= 0:
                break
            excess -= each
            free = moment + BUDGET_SECONDS - now
            if excess <= 0:
                return float(free)
        return 0.0

    def _under_way(self, database: sqlite3.Connection, now: float) -> int:
        (count,) = database.execute(
            "SELECT count(*) FROM under_way WHERE gateway = ? AND time BETWEEN ? AND ?",
            (self._gateway, now - LONGEST, now),
        ).fetchone()
        return int(count)

    def _bury(self, database: sqlite3.Connection) -> None:
        """Nothing is under way of processes that have ended."""
        owners = database.execute("SELECT DISTINCT owner FROM under_way WHERE gateway = ?", (self._gateway,))
        for (owner,) in owners.fetchall():
            if owner != self.owner and self._owner_is_gone(owner):
                database.execute("DELETE FROM under_way WHERE gateway = ? AND owner = ?", (self._gateway, owner))
        database.execute("DELETE FROM under_way WHERE time < ?", (self._now() - LONGEST,))

    def _settle(self, database: sqlite3.Connection) -> None:
        while self._ended:
            number = self._ended.popleft()
            key = (self._gateway, self.owner, number)
            database.execute("DELETE FROM under_way WHERE gateway = ? AND owner = ? AND number = ?", key)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                database = self._opened()
                database.execute("BEGIN IMMEDIATE")
                try:
                    yield database
                except BaseException:
                    database.execute("ROLLBACK")
                    raise
                database.execute("COMMIT")
            except sqlite3.Error as error:
                raise Problem(
                    f"The ledger of what has been asked of {self._gateway} can't be used: {self._path}: {error}.",
                    "Mend the permissions of the desk's data folder; the file itself may be deleted.",
                ) from error

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            if self._path is not None:
                try:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise Problem(
                        f"The desk's data folder can't be written: {self._path.parent}: {error.strerror or error}.",
                        "Mend its permissions, or name another folder with `data:` in pipelines/_desk.yaml.",
                    ) from error
            database = sqlite3.connect(
                self._path or ":memory:", timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = OFF")  # it needn't outlive the system
            database.executescript(_TABLES)
            self._database = database
        return self._database


class HistorySlots(Slots):
    """Requests for history under way: at most 50 of this process, and of the desk's processes together."""

    def __init__(self, ledger: PacingLedger | None) -> None:
        super().__init__(UNDER_WAY)
        self._ledger = ledger
        self._numbers: deque[int] = deque()

    def take(self, what: str, meanwhile: Callable[[], None]) -> None:
        """See `Slots.take`."""
        super().take(what, meanwhile)
        if self._ledger is None:
            return
        try:
            while (number := self._ledger.begin()) is None:
                current().deadline.check(what)
                meanwhile()
                time.sleep(SLICE)
        except BaseException:
            super().give()
            raise
        self._numbers.append(number)

    def give(self) -> None:
        """See `Slots.give`; the reader's thread may call it."""
        if self._ledger is not None:
            self._ledger.end(self._numbers.popleft())
        super().give()

    def settle(self) -> None:
        """Write down what has ended, in a thread that may wait."""
        if self._ledger is not None:
            self._ledger.settle()
