"""The journal's database: SQLite in WAL mode, shared by threads and processes, written in short transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.connections.shared_file import Kind, SharedFile

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


_KIND = Kind(
    name="The journal",
    formats=_SINCE,
    newer="Use the version that wrote it, or give the desk another folder by `data:`.",
    unusable="",
    damaged="Move it away; a new one is begun at the next run.",
)


class JournalDatabase(SharedFile):
    """The journal's database.

    Parameters
    ----------
    folder
        The journal's.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "journal.db", _KIND)


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows by few statements: at each, other threads get a turn, and a busy one keeps it for 5 ms."""
    for begin in range(0, len(rows), _AT_ONCE):
        some = rows[begin : begin + _AT_ONCE]
        places = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
        connection.execute(f"{into} VALUES {places}", [value for row in some for value in row])
