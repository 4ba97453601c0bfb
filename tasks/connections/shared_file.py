"""A SQLite file that the desk's threads and processes share: what they keep there is on disk when they go on."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.connections.lmdb import make_folder
from tasks.connections.problems import ConnectionProblem, Problem

PATIENCE = 30.0
"""Seconds to wait for another process's transaction."""


@dataclass(frozen=True)
class Kind:
    """What such a file holds, and what to tell a person when it can't be used."""

    name: str
    """As errors begin: `The journal`."""
    formats: Sequence[str]
    """The statements by which each format came out of the one before; their number is the newest format's."""
    newer: str
    """What to do where a newer version has written it."""
    unusable: str
    """What it means that it can't be used; may be empty."""
    damaged: str
    """What to do where it is damaged."""


class SharedFile:
    """One connection for all threads of a process; opened at first use.

    Parameters
    ----------
    path
        The file; its folder is made when need be.
    kind
        What it holds.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        self.path = path
        self._kind = kind
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @property
    def folder(self) -> Path:
        """Where the file is."""
        return self.path.parent

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

        make_folder(self.folder, self._kind.name)
        connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        # Two processes that both turn a new file to WAL can meet "locked" with no waiting.
        with FileLock(self.path.with_suffix(".lock")):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._bring_up_to_date(connection)
        return connection

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        newest = len(self._kind.formats)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version < newest:
            statements = "".join(self._kind.formats[version:])
            connection.executescript(f"BEGIN IMMEDIATE; {statements} PRAGMA user_version = {newest}; COMMIT;")
        elif version > newest:
            connection.close()
            raise Problem(
                f"{self._kind.name} {self.path} has format {version}, and this version knows format {newest}.",
                self._kind.newer,
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        kind = self._kind
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise ConnectionProblem(
                    f"{kind.name} {self.path} was held by another run for {PATIENCE:.0f} s."
                ) from error
            raise Problem(
                f"{kind.name} {self.path} can't be used: {error}.{kind.unusable}",
                "See that its disk has room and may be written to.",
            ) from error
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise
            raise Problem(f"{kind.name} {self.path} is damaged: {error}.{kind.unusable}", kind.damaged) from error
