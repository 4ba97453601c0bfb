"""The file that the desk's orders are kept in: SQLite in WAL mode, shared by threads and processes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.connections.lmdb import make_folder
from tasks.connections.problems import ConnectionProblem, Problem

VERSION = 1
PATIENCE = 30.0
"""Seconds to wait for another process's transaction."""

_TABLES = """
CREATE TABLE intents (
    reference TEXT PRIMARY KEY, gateway TEXT NOT NULL, client_id INTEGER NOT NULL, order_id INTEGER NOT NULL,
    account TEXT NOT NULL, con_id INTEGER NOT NULL, symbol TEXT NOT NULL, session TEXT NOT NULL, terms TEXT NOT NULL,
    notional REAL NOT NULL, run TEXT NOT NULL, step TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
    created INTEGER NOT NULL, expires INTEGER, sent INTEGER,
    perm_id INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL DEFAULT '', filled REAL NOT NULL DEFAULT 0,
    average_price REAL
) STRICT;
CREATE INDEX intents_by_state ON intents (state);
CREATE INDEX intents_by_run ON intents (run);

CREATE TABLE order_ids (
    gateway TEXT NOT NULL, client_id INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (gateway, client_id)
) STRICT;

CREATE TABLE uses (
    reference TEXT PRIMARY KEY, account TEXT NOT NULL, session TEXT NOT NULL, notional REAL NOT NULL
) STRICT;
CREATE INDEX uses_by_day ON uses (account, session);

CREATE TABLE sends (position INTEGER PRIMARY KEY, time INTEGER NOT NULL, reference TEXT NOT NULL) STRICT;
CREATE INDEX sends_by_time ON sends (time);
"""


class OrderDatabase:
    """One connection for all threads of a process; opened at first use.

    Parameters
    ----------
    folder
        The desk's data folder; the file is in `orders/` there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "orders"
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

        make_folder(self.folder, "The record of orders")
        path = self.folder / "orders.db"
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        # Two processes that both turn a new file to WAL can meet "locked" with no waiting.
        with FileLock(self.folder / "orders.lock"):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
            elif version != VERSION:
                connection.close()
                raise Problem(
                    f"The record of orders {path} has format {version}, and this version knows format {VERSION}.",
                    "Use the version that wrote it. Without it nobody knows which orders were sent: don't remove it.",
                )
        return connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        path = self.folder / "orders.db"
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise ConnectionProblem(
                    f"The record of orders {path} was held by another run for {PATIENCE:.0f} s."
                ) from error
            raise Problem(
                f"The record of orders {path} can't be used: {error}. Without it no order is sent.",
                "See that its disk has room and may be written to.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise Problem(
                f"The record of orders {path} is damaged: {error}. Without it no order is sent.",
                "Compare the broker's orders with what was meant, then move it away; a new one is begun.",
            ) from error
