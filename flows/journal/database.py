"""The journal's database: SQLite in WAL mode, shared by threads and processes, written in short transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.connections.lmdb import make_folder
from tasks.connections.problems import ConnectionProblem, Problem

VERSION = 3
_PATIENCE = 30.0
"""Seconds to wait for another process's transaction."""
_AT_ONCE = 100
"""Rows of one statement: SQLite's limit is 32,766 values."""

_TABLES = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, text TEXT NOT NULL, params TEXT NOT NULL, desk TEXT NOT NULL,
    session TEXT NOT NULL, slot TEXT NOT NULL, clock TEXT NOT NULL, trigger TEXT NOT NULL, versions TEXT NOT NULL,
    started INTEGER NOT NULL, host TEXT NOT NULL, process INTEGER NOT NULL,
    status TEXT NOT NULL, error TEXT, ended INTEGER
) STRICT;
CREATE INDEX runs_by_pipeline ON runs (pipeline, session, started);

CREATE TABLE steps (
    position INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs, step TEXT NOT NULL, item TEXT, task TEXT NOT NULL,
    source_hash TEXT NOT NULL, arguments TEXT NOT NULL, status TEXT NOT NULL, seconds REAL, attempts INTEGER NOT NULL,
    error TEXT, notes TEXT NOT NULL, UNIQUE (run, step)
) STRICT;

CREATE TABLE frames (id TEXT PRIMARY KEY, rows INTEGER NOT NULL, origin TEXT) STRICT;

CREATE TABLE outputs (
    run TEXT NOT NULL, step TEXT NOT NULL, field TEXT NOT NULL, frame TEXT NOT NULL REFERENCES frames,
    schema TEXT NOT NULL, origin TEXT, PRIMARY KEY (run, step, field),
    FOREIGN KEY (run, step) REFERENCES steps (run, step)
) STRICT;

CREATE TABLE inputs (
    run TEXT NOT NULL, step TEXT NOT NULL, parameter TEXT NOT NULL,
    from_run TEXT NOT NULL, from_step TEXT NOT NULL, from_field TEXT NOT NULL,
    PRIMARY KEY (run, step, parameter), FOREIGN KEY (run, step) REFERENCES steps (run, step)
) STRICT;

CREATE TABLE messages (
    position INTEGER PRIMARY KEY, run TEXT NOT NULL, step TEXT NOT NULL, connection TEXT NOT NULL,
    request INTEGER NOT NULL, kind TEXT NOT NULL, con_id INTEGER, direction TEXT NOT NULL, time INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE INDEX messages_by_step ON messages (run, step, con_id);

CREATE TABLE writes (
    store TEXT NOT NULL, library TEXT NOT NULL, symbol TEXT NOT NULL, version INTEGER NOT NULL,
    run TEXT NOT NULL, step TEXT NOT NULL, PRIMARY KEY (store, library, symbol, version)
) STRICT;

CREATE TABLE effects (
    key TEXT PRIMARY KEY, run TEXT NOT NULL, step TEXT NOT NULL, outputs TEXT, done INTEGER NOT NULL DEFAULT 0
) STRICT;
"""

_SINCE_1 = """
CREATE TABLE contents (frame TEXT PRIMARY KEY REFERENCES frames, packed BLOB NOT NULL) STRICT;
"""
_SINCE_2 = """
CREATE TABLE expired (frame TEXT PRIMARY KEY REFERENCES frames, at INTEGER NOT NULL) STRICT;
CREATE INDEX outputs_by_frame ON outputs (frame);
"""
_SINCE = (_TABLES, _SINCE_1, _SINCE_2)
"""What each format adds to the one before."""


class JournalDatabase:
    """One connection for all threads of a process; opened at first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write: all or nothing, on disk when it returns. Raises `Problem`."""
        with self._lock, self._explained():
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def rows(self, query: str, values: Iterable[Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query. Raises `Problem`."""
        with self._lock, self._explained():
            return self._opened().execute(query, tuple(values)).fetchall()

    def close(self) -> None:
        """Close; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        from filelock import FileLock

        make_folder(self.folder, "The journal")
        path = self.folder / "journal.db"
        connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        # Two processes that both turn a new file to WAL can meet "locked" with no waiting.
        with FileLock(self.folder / "journal.lock"):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version < VERSION:
                _change(connection, "".join(_SINCE[version:]))
            elif version > VERSION:
                connection.close()
                raise Problem(
                    f"The journal {path} has format {version}, and this version knows format {VERSION}.",
                    "Use the version that wrote it, or give the desk another folder by `data:`.",
                )
        return connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        path = self.folder / "journal.db"
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise ConnectionProblem(f"The journal {path} was held by another run for {_PATIENCE:.0f} s.") from error
            raise Problem(
                f"The journal {path} can't be used: {error}.", "See that its disk has room and may be written to."
            ) from error
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise
            raise Problem(
                f"The journal {path} is damaged: {error}.", "Move it away; a new one is begun at the next run."
            ) from error


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows by few statements: at each, other threads get a turn, and a busy one keeps it for 5 ms."""
    for begin in range(0, len(rows), _AT_ONCE):
        some = rows[begin : begin + _AT_ONCE]
        places = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
        connection.execute(f"{into} VALUES {places}", [value for row in some for value in row])


def _change(connection: sqlite3.Connection, tables: str) -> None:
    connection.executescript(f"BEGIN IMMEDIATE; {tables} PRAGMA user_version = {VERSION}; COMMIT;")
