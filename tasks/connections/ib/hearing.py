"""What comes in over a connection: the reader's thread calls all of this, and none of it blocks."""

from __future__ import annotations

import logging
import time
from typing import Any

from tasks.connections.ib.addressee import ROUTES, request_number
from tasks.connections.ib.codes import Meaning, failure, meaning
from tasks.connections.ib.condition import BROKER
from tasks.connections.ib.hot import HotPath
from tasks.connections.ib.line import Line
from tasks.connections.ib.messages import BrokerMessage
from tasks.connections.ib.recipients import Recipient
from tasks.connections.ib.requests import Request
from tasks.connections.ib.subscriptions import Subscription
from tasks.connections.problems import ConnectionProblem, DataProblem, Problem, Refused

log = logging.getLogger("hedgerow.ib")

TICK_SIZE = b"2"
"""Kind of a message that nobody asked for: old clients can't read the fractions that it may hold."""

UNNUMBERED = (320, 321, 503, 505)
"""Codes of a refusal that may be meant for what was asked without a number."""

SIMULATED_FARM = ":simulated"
"""How the simulated gateway names its data farms."""

POSITIONS = "positions"

ABOUT_ORDERS = frozenset({b"3", b"4", b"5", b"11", b"59"})
"""Kinds of messages that tell of orders, or may: statuses, errors, orders, executions, commissions."""


class Hearing(Line):
    """Completes requests as their answers come in, and tells watchers of what belongs to none."""

    def _on_messages(self, payloads: list[bytes]) -> None:
        self.received_ns, self.heard_at = time.time_ns(), time.monotonic()
        if self._hot is None:
            sizes = self._client.has_whole_sizes
            self._hot = HotPath(self._recipients, self._table, self._on_message, self.server_version, sizes)
        self._hot.read(payloads, self.received_ns)

    def _on_message(self, fields: list[bytes]) -> None:
        recipient: Recipient | None = None
        try:
            recipient = self._addressee(fields)
            if isinstance(recipient, Request):
                recipient.record("received", b"\0".join(fields))
            if fields and fields[0] in ABOUT_ORDERS:
                self.about_orders.append((self.received_ns, fields))
            self._client.dispatch(fields)
        except Exception as error:
            self.unreadable.add(fields, error)
            if isinstance(recipient, Request) and fields and fields[0] != TICK_SIZE:
                recipient.complete(DataProblem(f"{recipient.what}: the broker's answer can't be read ({error})."))

    def _addressee(self, fields: list[bytes]) -> Recipient | None:
        """The request that a message belongs to; None where to none that is under way."""
        route = ROUTES.get(int(fields[0])) if fields else None
        if route is not None:
            return self._recipients.routes.request(route)
        number = request_number(fields, self._client.serverVersion()) if fields else None
        return None if number is None else self._recipients.get(number)

    def _on_closed(self, problem: Problem | None) -> None:
        self._end(
            problem
            or ConnectionProblem(
                f"The gateway at {self.host}:{self.port} closed the connection.",
                "It may have restarted, or logged in elsewhere: look at it, then try again.",
            )
        )

    def row(self, request: int | str | None, row: Any) -> None:
        """A row of a request, by its number; by its route where it carries none."""
        for recipient in self._recipients.of(POSITIONS if request is None else request):
            recipient.add(row, self.received_ns)

    def end(self, request: int | str | None) -> None:
        """No more rows will come, or all that there are have come."""
        self._recipients.end(POSITIONS if request is None else request)

    def event(self, row: Any) -> None:
        """A row that belongs to no request."""
        self._watchers.event(row)

    def failed(self, request: int, code: int, text: str) -> None:
        """An error or a notice; a negative id belongs to no request."""
        if self._client is not None and self._client.conn is not None and self._client.conn.error is not None:
            return  # the client's own word for what sending raised, which whoever sends is told
        found = self._recipients.get(request)
        sense = meaning(code)
        what = found.what if isinstance(found, Request | Subscription) else ""
        if text.endswith(SIMULATED_FARM):
            self.is_simulated = True
        has_changed = self.condition.hear(code, text)
        if has_changed and sense is Meaning.INFO:
            sense = Meaning.RESTORED  # a farm that was away
        problem = failure(code, text, what)
        if isinstance(found, Subscription) and found.received and sense is Meaning.FAILED and problem.retryable:
            sense = Meaning.DEACTIVATED  # it has worked, and may again
        message = BrokerMessage(self.received_ns, request, code, text, sense, what)
        if found is not None and sense in (Meaning.FAILED, Meaning.CONNECTION):
            self._recipients.leave(request)
            if isinstance(found, Subscription):
                found.number = None  # there is nothing to cancel
            found.complete(problem)
        elif sense is Meaning.DEACTIVATED and found is not None:
            self._deactivate(request, found, problem)
        elif code == 326:
            self._end(self._id_in_use())
        elif sense is Meaning.CONNECTION:
            self._end(ConnectionProblem(f"The gateway at {self.host}:{self.port} says {code}: {text}"))
        elif code == 1100:
            self._fail_all(ConnectionProblem(f"The gateway at {self.host}:{self.port} has lost {BROKER}: {text}"))
        elif request < 0 and code in UNNUMBERED:
            self._fail_routed(code, text)
        self._log(message, has_changed, found is not None)
        self._recipients.routes.publish("errors", message, message.time_ns)
        if found is None or sense is Meaning.DEACTIVATED:
            self.event(message)

    def _deactivate(self, number: int, found: Recipient, problem: Problem) -> None:
        """A subscription waits to be sent again; a request has failed."""
        self._recipients.leave(number)
        if isinstance(found, Subscription):
            found.interrupt()
        else:
            found.complete(problem)

    def _fail_routed(self, code: int, text: str) -> None:
        """What was refused carried no number: it is what was asked without one."""
        for other in self._recipients.requests():
            if other.route:
                other.complete(failure(code, text, other.what))

    def _log(self, message: BrokerMessage, has_changed: bool, has_recipient: bool) -> None:
        quiet = message.meaning is Meaning.INFO or (has_recipient and message.meaning is Meaning.FAILED)
        if message.code == 162 and not has_recipient and "cancelled" in message.text:
            quiet = True  # the answer to our own cancelling of bars
        if message.meaning in (Meaning.DEGRADED, Meaning.RESTORED):
            quiet = not has_changed
        log.log(logging.DEBUG if quiet else logging.WARNING, "%s", message.sentence)

    def started(self, accounts: list[str] | None, next_id: int | None) -> None:
        """The gateway has let us in, once both are known."""
        if accounts is not None:
            self.accounts = accounts
            self._has_accounts = True
        if next_id is not None:
            self.next_order_id = next_id
        if self._has_accounts and self.next_order_id is not None:
            self._started.set()

    def time(self, seconds: int) -> None:
        """The gateway's time."""
        self._time = seconds
        self._time_told.set()

    def _id_in_use(self) -> Problem:
        reason = f"Client id {self.client_id} is in use at {self.host}:{self.port}."
        if self._is_reconnect:
            return ConnectionProblem(reason, "The dropped connection may still hold it: try again in a moment.")
        return Refused(
            reason,
            "Stop the other program or run that uses it, or give this connection another `client_id` in the desk file.",
        )
