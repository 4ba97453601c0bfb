"""The file that the desk's orders are kept in: SQLite in WAL mode, shared by threads and processes."""

from __future__ import annotations

from pathlib import Path

from tasks.connections.shared_file import Kind, SharedFile

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


_KIND = Kind(
    name="The record of orders",
    formats=(_TABLES,),
    newer="Use the version that wrote it. Without it nobody knows which orders were sent: don't remove it.",
    unusable=" Without it no order is sent.",
    damaged="Compare the broker's orders with what was meant, then move it away; a new one is begun.",
)


class OrderDatabase(SharedFile):
    """The record of orders.

    Parameters
    ----------
    folder
        The desk's data folder; the file is in `orders/` there.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "orders" / "orders.db", _KIND)
