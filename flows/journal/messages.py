"""Raw messages of connections in the journal."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence

import pandas as pd

from flows.journal.database import JournalDatabase
from flows.journal.records import RawMessage
from tasks.connections.scope import Message


def insert(database: sqlite3.Connection, run: str, step: str, held: Sequence[Message]) -> None:
    """Add messages of a step, in order."""
    if not held:
        return
    database.executemany(
        "INSERT INTO messages (run, step, connection, request, kind, con_id, direction, time, payload)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (run, step, one.connection, one.request, one.kind, one.con_id, one.direction, one.time_ns, _packed(one))
            for one in held
        ],
    )


def read(database: JournalDatabase, run: str, step: str, con_ids: Sequence[int] | None) -> list[RawMessage]:
    """The messages of a step, in order; with `con_ids`, those of these contracts and those of none."""
    rows = database.rows("SELECT * FROM messages WHERE run = ? AND step = ? ORDER BY time, position", [run, step])
    wanted = None if con_ids is None else {None, *con_ids}
    return [
        RawMessage(
            row["connection"],
            row["request"],
            row["kind"],
            row["con_id"],
            row["direction"],
            pd.Timestamp(row["time"], unit="ns", tz="UTC"),
            zlib.decompress(row["payload"]).decode("utf-8", "surrogateescape"),
        )
        for row in rows
        if wanted is None or row["con_id"] in wanted
    ]


def _packed(message: Message) -> bytes:
    # A year of daily bars is 20 kB of text that packs to a third; level 1 costs next to nothing.
    return zlib.compress(message.payload.encode("utf-8", "surrogateescape"), 1)
