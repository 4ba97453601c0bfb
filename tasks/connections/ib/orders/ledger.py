"""Every order that the desk has meant to send, on disk before its first byte: so that none is sent twice."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from tasks.connections.clock import WallClock
from tasks.connections.ib.orders.database import OrderDatabase
from tasks.connections.ib.orders.values import Order
from tasks.connections.problems import Refused
from tasks.connections.scope import current

State = Literal["waiting", "approved", "rejected", "expired", "sending", "placed", "refused"]
"""What is known of an intent.

waiting: a person is to approve it.  approved: one has.  rejected: one said no.  expired: nobody said anything in
time.  sending: its bytes may have gone out, and no answer is recorded.  placed: the broker has it, or had.
refused: the broker said no.
"""

STRIPES = 64
"""Locks that references share."""
LARGEST = 999_999
"""Order ids end where request ids begin: errors name both in one field."""
_WALL = WallClock()
_SLICE = 0.2


@dataclass(frozen=True, slots=True)
class Intent:
    """An order that was meant, and what is known of it."""

    reference: str
    gateway: str
    client_id: int
    order_id: int
    """0 until it is about to be sent."""
    session: date
    order: Order
    notional: float
    run: str
    step: str
    state: State
    reason: str
    created: int
    expires: int | None
    """When waiting ends, in nanoseconds of the wall clock since 1970."""
    sent: int | None
    perm_id: int
    status: str
    filled: float
    average_price: float | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What all of the desk's runs together may send."""

    notional_per_day: float | None
    orders_per_minute: int | None


class Ledger:
    """The desk's record of orders, shared by its threads and processes.

    Parameters
    ----------
    folder
        The desk's data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._database = OrderDatabase(folder)

    def close(self) -> None:
        """Close; the next use opens it again."""
        self._database.close()

    @contextmanager
    def exclusive(self, references: Collection[str]) -> Iterator[None]:
        """Be the only one, among the desk's threads and processes, that places these.

        Raises `DeadlinePassed` when the step's time is up first.
        """
        from filelock import FileLock, Timeout

        self._database.rows("SELECT 1")  # its folder is there
        stripes = sorted({int(hashlib.sha256(each.encode()).hexdigest()[:8], 16) % STRIPES for each in references})
        with ExitStack() as held:
            for stripe in stripes:  # in order, so that nobody waits for one who waits for him
                lock = FileLock(self._database.folder / f"placing-{stripe}.lock", thread_local=False)
                while True:
                    current().deadline.check("An order")
                    try:
                        held.enter_context(lock.acquire(timeout=_SLICE, poll_interval=0.01))
                        break
                    except Timeout:
                        continue
            yield

    def find(self, reference: str) -> Intent | None:
        """What is known of an intent; None where it isn't known at all."""
        rows = self._database.rows("SELECT * FROM intents WHERE reference = ?", [reference])
        return _intent(rows[0]) if rows else None

    def intents(self, *, state: str | None = None, run: str | None = None) -> list[Intent]:
        """Those in a state, or of a run, in the order they were made."""
        query = "SELECT * FROM intents WHERE 1"
        values: list[str] = []
        for column, wanted in (("state", state), ("run", run)):
            if wanted is not None:
                query += f" AND {column} = ?"
                values.append(wanted)
        return [_intent(row) for row in self._database.rows(f"{query} ORDER BY created, rowid", values)]

    def wait(self, orders: Sequence[Order], session: date, notionals: Sequence[float], expires: int) -> None:
        """Orders that a person is to approve until `expires`; those known already stay as they are."""
        with self._database.transaction() as database:
            for order, notional in zip(orders, notionals, strict=True):
                _insert(database, order, session, notional, "waiting", expires)

    def decide(self, references: Collection[str], state: Literal["approved", "rejected"], reason: str) -> list[str]:
        """A person's answer; the references that were still waiting for one."""
        now = _WALL.now().value
        decided = []
        with self._database.transaction() as database:
            for reference in references:
                done = database.execute(
                    "UPDATE intents SET state = ?, reason = ?"
                    " WHERE reference = ? AND state = 'waiting' AND expires > ?",
                    (state, reason, reference, now),
                )
                if done.rowcount:
                    decided.append(reference)
        return decided

    def expire(self, references: Collection[str], reason: str, *, always: bool = False) -> None:
        """Those whose time to be approved is up, or all of them, are never sent."""
        now = _WALL.now().value
        with self._database.transaction() as database:
            for reference in references:
                database.execute(
                    "UPDATE intents SET state = 'expired', reason = ? WHERE reference = ?"
                    " AND state IN ('waiting', 'approved') AND (? OR expires <= ?)",
                    (reason, reference, always, now),
                )

    def begin(
        self, orders: Sequence[Order], session: date, notionals: Sequence[float], gateway: str, client_id: int,
        next_id: int, limits: Limits,
    ) -> list[Intent]:  # fmt: skip
        """Orders are about to be sent: their ids, and what they use of the day, are on disk when it returns.

        All of them, or none: raises `Refused` naming the limit that they would pass together.

        Parameters
        ----------
        notionals
            What each uses of its account's day.
        next_id
            The least id that the gateway takes.
        """
        now = _WALL.now().value
        with self._database.transaction() as database:
            _check_day(database, orders, session, notionals, limits)
            _check_minute(database, len(orders), now, limits)
            (last,) = database.execute(
                "SELECT coalesce(max(last), 0) FROM order_ids WHERE gateway = ? AND client_id = ?", (gateway, client_id)
            ).fetchone()
            first = max(next_id, last + 1)
            last = first + len(orders) - 1
            _check_id(last)
            database.execute("INSERT OR REPLACE INTO order_ids VALUES (?, ?, ?)", (gateway, client_id, last))
            for order_id, (order, notional) in enumerate(zip(orders, notionals, strict=True), start=first):
                _insert(database, order, session, notional, "sending", None)
                # Where it was waiting for approval, it is known already.
                database.execute(
                    "UPDATE intents SET state = 'sending', reason = '', gateway = ?, client_id = ?, order_id = ?,"
                    " terms = ?, notional = ?, sent = ? WHERE reference = ?",
                    (gateway, client_id, order_id, order.to_json(), notional, now, order.reference),
                )
                use = (order.reference, order.account, session.isoformat(), notional)
                database.execute("INSERT OR REPLACE INTO uses VALUES (?, ?, ?, ?)", use)
                database.execute("INSERT INTO sends (time, reference) VALUES (?, ?)", (now, order.reference))
        return [intent for order in orders if (intent := self.find(order.reference)) is not None]

    def change(self, order: Order, added: float, limits: Limits) -> None:
        """A placed order is about to be changed to this: what that adds to the day's use is on disk when it returns.

        Raises `Refused` naming the limit that it would pass.
        """
        now = _WALL.now().value
        intent = self.find(order.reference)
        if intent is None:
            raise Refused(f"{order.reference} is no order of this desk.")
        with self._database.transaction() as database:
            _check_day(database, [order], intent.session, [max(added, 0.0)], limits)
            _check_minute(database, 1, now, limits)
            database.execute(
                "UPDATE intents SET terms = ?, notional = notional + ?, sent = ? WHERE reference = ?",
                (order.to_json(), max(added, 0.0), now, order.reference),
            )
            database.execute(
                "UPDATE uses SET notional = notional + ? WHERE reference = ?", (max(added, 0.0), order.reference)
            )
            database.execute("INSERT INTO sends (time, reference) VALUES (?, ?)", (now, order.reference))

    def reserve_id(self, gateway: str, client_id: int, next_id: int) -> int:
        """An order id that is used for nothing else, ever: for asking what an order would do."""
        with self._database.transaction() as database:
            (last,) = database.execute(
                "SELECT coalesce(max(last), 0) FROM order_ids WHERE gateway = ? AND client_id = ?", (gateway, client_id)
            ).fetchone()
            taken = max(next_id, last + 1)
            _check_id(taken)
            database.execute("INSERT OR REPLACE INTO order_ids VALUES (?, ?, ?)", (gateway, client_id, taken))
        return int(taken)

    def placed(self, reference: str, *, perm_id: int, status: str, filled: float, average_price: float | None) -> None:
        """The broker has it; or had: this is how far it has come."""
        with self._database.transaction() as database:
            database.execute(
                "UPDATE intents SET state = 'placed', perm_id = max(perm_id, ?), status = ?, filled = ?,"
                " average_price = ? WHERE reference = ?",
                (perm_id, status, filled, average_price, reference),
            )

    def refused(self, reference: str, reason: str) -> None:
        """The broker surely has it not: what it used of the day is given back."""
        with self._database.transaction() as database:
            database.execute(
                "UPDATE intents SET state = 'refused', status = '', reason = ? WHERE reference = ?", (reason, reference)
            )
            database.execute("DELETE FROM uses WHERE reference = ?", (reference,))

    def unsent(self, reference: str) -> None:
        """Not a byte of it has gone out: it is as if it had never been meant. Its id stays used."""
        with self._database.transaction() as database:
            database.execute("DELETE FROM intents WHERE reference = ? AND state = 'sending'", (reference,))
            database.execute("DELETE FROM uses WHERE reference = ?", (reference,))

    def used(self, account: str, session: date) -> float:
        """The notional of an account's orders of a session."""
        (row,) = self._database.rows(
            "SELECT coalesce(sum(notional), 0) AS total FROM uses WHERE account = ? AND session = ?",
            [account, session.isoformat()],
        )
        return float(row["total"])


def _check_day(
    database: sqlite3.Connection, orders: Sequence[Order], session: date, notionals: Sequence[float], limits: Limits
) -> None:
    if limits.notional_per_day is None:
        return
    for account in dict.fromkeys(order.account for order in orders):
        (used,) = database.execute(
            "SELECT coalesce(sum(notional), 0) FROM uses WHERE account = ? AND session = ?",
            (account, session.isoformat()),
        ).fetchone()
        asked = sum(notional for order, notional in zip(orders, notionals, strict=True) if order.account == account)
        if asked > 0 and used + asked > limits.notional_per_day:
            raise Refused(
                f"{used + asked:,.10g} of notional in {account} on {session}, {used:,.10g} of it sent before;"
                f" {limits.notional_per_day:,.10g} a day allowed"
            )


def _check_minute(database: sqlite3.Connection, count: int, now: int, limits: Limits) -> None:
    if limits.orders_per_minute is None:
        return
    (sent,) = database.execute("SELECT count(*) FROM sends WHERE time > ?", (now - 60_000_000_000,)).fetchone()
    if sent + count > limits.orders_per_minute:
        raise Refused(f"{sent} orders were sent in the last minute, {limits.orders_per_minute} a minute allowed")


def _check_id(last: int) -> None:
    if last > LARGEST:
        raise Refused(
            f"The gateway's order ids have reached {last}, and errors could no longer be told from those of requests.",
            "Reset the order id sequence in TWS (Configure > API > Settings), then start again.",
        )


def _insert(
    database: sqlite3.Connection, order: Order, session: date, notional: float, state: State, expires: int | None
) -> None:
    scope = current()
    values: tuple[Any, ...] = (
        *(order.reference, "", 0, 0, order.account, order.contract.con_id, order.contract.symbol),
        *(session.isoformat(), order.to_json(), notional, scope.run, scope.step, state, "", _WALL.now().value, expires),
    )
    database.execute(
        "INSERT OR IGNORE INTO intents (reference, gateway, client_id, order_id, account, con_id, symbol, session,"
        " terms, notional, run, step, state, reason, created, expires)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )


def _intent(row: sqlite3.Row) -> Intent:
    names = ("reference", "gateway", "client_id", "order_id", "notional", "run", "step", "state", "reason", "created")
    more = ("expires", "sent", "perm_id", "status", "filled", "average_price")
    return Intent(
        **{name: row[name] for name in (*names, *more)},
        session=date.fromisoformat(row["session"]),
        order=Order.from_json(row["terms"]),
    )
