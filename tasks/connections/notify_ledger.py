"""What has been told to whom, on disk: before it is sent and after, so that a crash in between is known of.

One SQLite file in the desk's data folder, shared by its processes. No address stands in it: a channel's
places are known by their number and kind.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from filelock import FileLock, Timeout

from tasks.connections.notify_message import Severity
from tasks.connections.problems import ConnectionProblem, Problem

FILE = "alerts.sqlite"
BUSY = 10.0
"""Seconds to wait for another process's transaction, which takes milliseconds."""
PATIENCE = 60.0
"""Seconds to wait for another process's digest."""
_KEPT = pd.Timedelta(days=400)

_TABLES = """
create table if not exists deliveries (
  key text not null, place text not null, begun integer not null, done integer,
  primary key (key, place)
) without rowid;
create table if not exists alerts (
  key text primary key, matter text not null, channel text not null, title text not null, body text not null,
  severity text not null, time integer not null, status text not null
) without rowid;
create index if not exists by_matter on alerts (matter, status, time);
create index if not exists by_channel on alerts (channel, status, time);
"""

State = Literal["new", "sent", "unknown"]


@dataclass(frozen=True)
class Waiting:
    """An alert that waits for its channel's digest."""

    key: str
    title: str
    body: str
    """As whoever put it there wrote it down."""
    severity: Severity
    time: pd.Timestamp


class AlertLedger:
    """The file; opened for each question, as there are few.

    Parameters
    ----------
    folder
        The desk's data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def begin(self, key: str, place: str, now: pd.Timestamp) -> State:
        """Write down that an alert is about to be sent to one place of its channel.

        Returns
        -------
        str
            `new`; `sent` where it is known to have been; `unknown` where its sending was begun by someone
            who ended, or lost the connection, before it was known to have arrived.
        """
        with self._writing() as database:
            row = database.execute("select done from deliveries where key = ? and place = ?", (key, place)).fetchone()
            if row is not None:
                return "unknown" if row[0] is None else "sent"
            database.execute("insert into deliveries values (?, ?, ?, null)", (key, place, now.value))
            return "new"

    def arrived(self, key: str, place: str, now: pd.Timestamp) -> None:
        """The other side took it."""
        with self._writing() as database:
            database.execute("update deliveries set done = ? where key = ? and place = ?", (now.value, key, place))

    def refused(self, key: str, place: str) -> None:
        """The other side surely hasn't it: sending it again is no repeat."""
        with self._writing() as database:
            database.execute("delete from deliveries where key = ? and place = ? and done is null", (key, place))

    def last_sent(self, matter: str, now: pd.Timestamp) -> pd.Timestamp | None:
        """When this matter was last told of, not after `now`; None for never."""
        query = "select max(time) from alerts where matter = ? and status = 'sent' and time <= ?"
        with self._reading() as database:
            (found,) = database.execute(query, (matter, now.value)).fetchone()
        return None if found is None else _moment(found)

    def held_since(self, matter: str, last: pd.Timestamp) -> int:
        """How many alerts of this matter were held back since it was last told of."""
        query = "select count(*) from alerts where matter = ? and status = 'held' and time >= ?"
        with self._reading() as database:
            return int(database.execute(query, (matter, last.value)).fetchone()[0])

    def status(self, key: str) -> str | None:
        """What became of an alert: sent, held, waiting or told; None for one that isn't known."""
        with self._reading() as database:
            row = database.execute("select status from alerts where key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def note(
        self,
        key: str,
        status: Literal["sent", "held", "waiting"],
        *,
        matter: str,
        channel: str,
        title: str,
        body: str,
        severity: str,
        time: pd.Timestamp,
    ) -> None:
        """Write down what became of an alert. What is older than 400 days is forgotten."""
        with self._writing() as database:
            row = (key, matter, channel, title, body, severity, time.value, status)
            database.execute("insert or replace into alerts values (?, ?, ?, ?, ?, ?, ?, ?)", row)
            before = ((time - _KEPT).value,)
            database.execute("delete from alerts where time < ? and status != 'waiting'", before)
            database.execute("delete from deliveries where begun < ?", before)

    def waiting(self, channel: str | None = None) -> list[Waiting]:
        """The alerts that wait for a digest, of one channel or of all, the oldest first."""
        if not self._path.exists():
            return []
        query = "select key, title, body, severity, time from alerts where status = 'waiting'"
        query += " and channel = ?" if channel is not None else ""
        values = () if channel is None else (channel,)
        with self._reading() as database:
            rows = database.execute(f"{query} order by time, key", values).fetchall()
        return [Waiting(key, title, body, severity, _moment(at)) for key, title, body, severity, at in rows]

    @contextmanager
    def digesting(self) -> Iterator[None]:
        """Hold off other processes that would send the same digest. Raises `ConnectionProblem` where one takes long."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._path.with_name("alerts.lock"), timeout=PATIENCE):
                yield
        except Timeout:
            raise ConnectionProblem(f"Another process has been sending a digest for {PATIENCE:g} s.") from None

    def told(self, keys: list[str]) -> None:
        """These no longer wait: a digest that holds them has been sent."""
        with self._writing() as database:
            database.executemany("update alerts set status = 'told' where key = ?", [(key,) for key in keys])

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._explained(), closing(self._opened()) as database:
            yield database

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as database:
            database.execute("begin immediate")
            try:
                yield database
            except BaseException:
                database.execute("rollback")
                raise
            database.execute("commit")

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._path, timeout=BUSY, isolation_level=None)
        database.execute("pragma journal_mode = wal")
        # What is written here must outlive a power failure: an alert that is sent can't be taken back.
        database.execute("pragma synchronous = full")
        database.executescript(_TABLES)
        return database

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Problem(
                f"What has been told can't be kept in {self._path.name}: {error}.",
                "See that the desk's data folder can be written to; a damaged file may be moved away: repeats of"
                " alerts are then no longer known.",
            ) from error


def _moment(nanoseconds: int) -> pd.Timestamp:
    return pd.Timestamp(nanoseconds, unit="ns", tz="UTC")
