"""One connection to a gateway, shared by everything in this process that uses it."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tasks.connections.ib.addressee import ROUTES, request_number
from tasks.connections.ib.codes import Meaning, failure, meaning
from tasks.connections.ib.condition import BROKER, Condition
from tasks.connections.ib.hot import HotPath
from tasks.connections.ib.latest import LatestTable
from tasks.connections.ib.messages import BrokerMessage
from tasks.connections.ib.pacing import TokenBucket
from tasks.connections.ib.recipients import Recipient, Recipients, Routes
from tasks.connections.ib.requests import FIRST_ID, Request
from tasks.connections.ib.subscriptions import Subscription
from tasks.connections.ib.unreadable import Unreadable
from tasks.connections.ib.watchers import Watchers
from tasks.connections.problems import ConnectionProblem, DataProblem, Problem, Refused
from tasks.connections.scope import current

log = logging.getLogger("hedgerow.ib")

SIMULATED_FARM = ":simulated"
"""How the simulated gateway names its data farms."""

TICK_SIZE = b"2"
"""Kind of a message that nobody asked for: old clients can't read the fractions that it may hold."""

POSITIONS = "positions"


class Bridge:
    """Sends requests, and completes them as their answers come in.

    Every request has an id of its own and a time to be answered in. A message that can't be read
    fails the request that it names and nothing else, and a size of a quote not even that. When the
    connection ends, everything under way fails with `ConnectionProblem`; a new bridge has to be
    made for another try. When the gateway says that it has lost the broker (1100), every request
    under way fails at once: most gateways never answer those, and nobody can tell which.

    Parameters
    ----------
    host, port, client_id
        Whom to connect to, and as whom.
    is_reconnect
        Whether a connection of this process was dropped just before: its client id may then still
        be held by the other side, which passes.
    watchers
        Who is told what comes unasked, and that the connection dropped.
    routes
        Who wants rows that carry no request number.
    bucket
        How fast messages may go out.
    table
        Where the ticks of `Latest` subscriptions go.
    numbers
        Of requests; those of the connection before go on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        client_id: int,
        is_reconnect: bool = False,
        watchers: Watchers | None = None,
        routes: Routes | None = None,
        bucket: TokenBucket | None = None,
        table: LatestTable | None = None,
        numbers: Iterator[int] | None = None,
    ) -> None:
        self.host, self.port, self.client_id = host, port, client_id
        self.accounts: list[str] = []
        self.is_simulated = False
        self.next_order_id: int | None = None
        self.condition = Condition()
        self.unreadable = Unreadable()
        self.received_ns = 0
        """When the message that is being read came, nanoseconds since 1970."""
        self.heard_at = time.monotonic()
        """When anything came last, by the monotonic clock."""
        self._has_accounts = False
        self._is_reconnect = is_reconnect
        self._watchers = watchers or Watchers()
        self._recipients = Recipients(routes or Routes())
        self._table = table or LatestTable()
        self._hot: HotPath | None = None
        self._client: Any = None
        self._bucket = bucket or TokenBucket()
        self._numbers = numbers or itertools.count(FIRST_ID)
        self._asking: dict[str, threading.Lock] = {}
        self._time: int | None = None
        self._time_told = threading.Event()
        self._asking_time = threading.Lock()
        self._started = threading.Event()
        self._has_started = False
        self._problem: Problem | None = None
        self._is_closing = False

    @property
    def alive(self) -> bool:
        """Whether requests can be sent."""
        return self._client is not None and self._client.isConnected() and self._problem is None

    @property
    def may_trade(self) -> bool:
        """Whether orders may be sent: the connection is alive, and the gateway lacks nothing."""
        return self.alive and self._has_started and self.condition.is_whole

    @property
    def server_version(self) -> int:
        """What the two sides have agreed on."""
        version: int = self._client.serverVersion()
        return version

    @property
    def zone(self) -> str:
        """The time zone that the gateway writes in, as it names it; empty where it doesn't."""
        said: str = self._client.connTime
        return said.strip().partition(" ")[2].lstrip().partition(" ")[2].strip()

    def connect(self, timeout: float, market_data_type: int) -> None:
        """Connect and wait until the gateway has let us in.

        Raises `Refused` for a client id in use, `ConnectionProblem` for everything else, within
        `timeout` seconds.
        """
        from tasks.connections.ib.client import Client
        from tasks.connections.ib.receiver import Receiver

        until = time.monotonic() + timeout
        self._client = Client(Receiver(self), self._on_messages, self._on_closed)
        self._client.start(self.host, self.port, self.client_id, timeout)
        let_in = self._started.wait(max(0.0, until - time.monotonic()))
        if self._problem is not None:
            self.close()
            raise self._problem
        if not let_in:
            self.close()
            raise ConnectionProblem(
                f"{self.host}:{self.port} shook hands but doesn't start the session within {timeout:g} s.",
                "Look at the gateway for a question it asks (a login, a new client's address), then try again.",
            )
        self._has_started = True
        self.send("The kind of market data", lambda client: client.reqMarketDataType(market_data_type))

    def close(self) -> None:
        """End the connection; what is under way fails."""
        self._is_closing = True
        self._end(ConnectionProblem(f"The connection to {self.host}:{self.port} was closed."))

    def declare_dead(self, problem: Problem) -> None:
        """End a connection over which nothing comes any more."""
        self._end(problem)

    def ask(
        self,
        kind: str,
        what: str,
        send: Callable[[Any, int], None],
        *,
        connection: str,
        con_id: int | None = None,
        timeout: float = 30.0,
    ) -> Request:
        """Send a request. Raises `DeadlinePassed` when the step has no time left, `ConnectionProblem` when it
        can't go out.

        Parameters
        ----------
        kind, what
            What is asked, in words: in general (`daily history`), and in particular, for errors.
        send
            Calls the client's method with the request's id.
        """
        self._bucket.take(what)
        request = Request(next(self._numbers), kind, what, con_id, connection, timeout)
        self._recipients.enter(request.number, request)
        try:
            self._send_now(what, lambda client: send(client, request.number), request)
        except BaseException:
            self.forget(request)
            raise
        return request

    def ask_route(
        self,
        route: str,
        kind: str,
        what: str,
        send: Callable[[Any], None],
        cancel: Callable[[Any], None] | None = None,
        *,
        connection: str,
        timeout: float = 30.0,
    ) -> list[Any]:
        """Ask what is answered without a request number, one call at a time, and wait for its rows.

        `route` is that of the answer's messages (see `addressee.ROUTES`). `cancel` is sent once the
        answer has come, unless somebody subscribes to the same. Raises as `ask` and `Request.wait` do.
        """
        scope = current()
        asking = self._asking.setdefault(route, threading.Lock())
        while not asking.acquire(timeout=0.2):
            scope.deadline.check(what)
        try:
            self._bucket.take(what)
            request = Request(next(self._numbers), kind, what, None, connection, timeout, route)
            routes = self._recipients.routes
            self._recipients.enter(request.number, request)
            routes.enter(route, request)
            try:
                self._send_now(what, send, request)
                return request.wait(scope)
            finally:
                routes.leave(route, request)
                self.forget(request)
                if cancel is not None and not routes.is_subscribed(route):
                    self.cancel(request, cancel)
        finally:
            asking.release()

    def subscribe(self, subscription: Subscription) -> None:
        """Send a subscription under a new number. Raises as `ask` does."""
        number = next(self._numbers)
        if subscription.send is None:
            return
        self._bucket.take(subscription.what)
        subscription.number = number
        if not subscription.route:
            self._recipients.enter(number, subscription)
        try:
            self._send_now(subscription.what, lambda client: subscription.send and subscription.send(client, number))
        except BaseException:
            self._recipients.leave(number)
            subscription.number = None
            raise

    def unsubscribe(self, subscription: Subscription) -> None:
        """Cancel a subscription, if the gateway can still be told and nobody else wants the same."""
        number, subscription.number = subscription.number, None
        cancel = subscription.cancel
        if number is None:
            return
        self._recipients.leave(number)
        shared = subscription.route and self._recipients.routes.is_subscribed(subscription.route)
        if cancel is not None and not shared:
            self._cancel_now(subscription.what, lambda client: cancel(client, number))

    def forget(self, request: Request) -> None:
        """Answers to this request no longer matter."""
        self._recipients.leave(request.number)

    def cancel(self, request: Request, send: Callable[[Any], None]) -> None:
        """Tell the gateway that the answer is no longer wanted, if it can still be told."""
        self.forget(request)
        self._cancel_now(request.what, send)

    def positions(self, connection: str, timeout: float) -> list[Any]:
        """Positions of every account."""
        return self.ask_route(
            POSITIONS,
            "positions",
            "Positions",
            lambda client: client.reqPositions(),
            lambda client: client.cancelPositions(),
            connection=connection,
            timeout=timeout,
        )

    def current_time(self, timeout: float) -> int:
        """The gateway's time, in seconds since 1970."""
        with self._asking_time:
            self._time_told.clear()
            self.send("The gateway's time", lambda client: client.reqCurrentTime())
            if not self._time_told.wait(timeout) or self._time is None:
                raise self._problem or ConnectionProblem(
                    f"The gateway at {self.host}:{self.port} doesn't tell its time within {timeout:g} s."
                )
            return self._time

    def send(self, what: str, send: Callable[[Any], None]) -> None:
        """Send what is answered by no row, or by events. Raises as `ask` does."""
        self._bucket.take(what)
        self._send_now(what, send)

    def act(
        self, what: str, send: Callable[[Any], None], check: Callable[[], None], keep: Callable[[bytes], None]
    ) -> None:
        """Send an order or a cancel, where `check` raises nothing right before its bytes go out.

        `keep` is given the message at that moment: where this raises and `keep` wasn't called, not a byte
        of it has gone out. Raises what `check` does, and `ConnectionProblem`.
        """
        self._bucket.take(what)
        if self._problem is not None:
            raise self._problem
        kept = False

        def witness(frame: bytes) -> None:
            nonlocal kept
            kept = True
            keep(frame)

        try:
            with self._client.conn.permitted(check), self._client.conn.watched(witness):
                send(self._client)
        except OSError as error:
            raise self._problem or ConnectionProblem(f"{what}: sending failed ({error}).") from error
        if not kept:
            # The client tells its callback instead of raising.
            raise self._problem or ConnectionProblem(f"{what} was not sent: the client can't send or write it.")

    def _send_now(self, what: str, send: Callable[[Any], None], request: Request | None = None) -> None:
        if self._problem is not None:
            raise self._problem
        current().deadline.check(what)
        self._write(what, send, request)

    def _cancel_now(self, what: str, send: Callable[[Any], None]) -> None:
        """Also for a step whose time is up: it takes load off the gateway."""
        if not self.alive:
            return
        self._bucket.take_anyhow()
        try:
            self._write(f"cancelling {what}", send)
        except ConnectionProblem as problem:
            log.debug("%s", problem)

    def _write(self, what: str, send: Callable[[Any], None], request: Request | None = None) -> None:
        def keep(frame: bytes) -> None:
            if request is not None:
                request.record("sent", frame[4:])

        try:
            with self._client.conn.watched(keep):
                send(self._client)
        except OSError as error:
            raise self._problem or ConnectionProblem(
                f"{what} could not be sent: {error}.", "Look at the gateway."
            ) from error

    # From here on: what the reader's thread calls.

    def _on_messages(self, payloads: list[bytes]) -> None:
        self.received_ns, self.heard_at = time.time_ns(), time.monotonic()
        if self._hot is None:
            sizes = self._client.has_whole_sizes
            self._hot = HotPath(self._recipients.numbered, self._table, self._on_message, self.server_version, sizes)
        self._hot.read(payloads, self.received_ns)

    def _on_message(self, fields: list[bytes]) -> None:
        recipient: Recipient | None = None
        try:
            recipient = self._addressee(fields)
            if isinstance(recipient, Request):
                recipient.record("received", b"\0".join(fields))
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

    def _end(self, problem: Problem) -> None:
        """The connection can't be used any more; only the first time counts."""
        first = self._problem is None
        self._problem = self._problem or problem
        self._fail_all(self._problem)
        self._recipients.forget_numbers()
        self._started.set()
        self._time_told.set()
        if self._client is not None:
            self._client.stop()
        if first and self._has_started and not self._is_closing:
            self._watchers.lost(self._problem)

    def _fail_all(self, problem: Problem) -> None:
        for request in self._recipients.requests():
            request.complete(type(problem)(f"{request.what}: {problem.reason}", problem.instruction))

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
        found = self._recipients.get(request)
        sense = meaning(code)
        what = found.what if isinstance(found, Request | Subscription) else ""
        message = BrokerMessage(self.received_ns, request, code, text, sense, what)
        if text.endswith(SIMULATED_FARM):
            self.is_simulated = True
        has_changed = self.condition.hear(code, text)
        if found is not None and sense in (Meaning.FAILED, Meaning.CONNECTION):
            self._recipients.leave(request)
            found.complete(failure(code, text, what))
        elif code == 326:
            self._end(self._id_in_use())
        elif sense is Meaning.CONNECTION:
            self._end(ConnectionProblem(f"The gateway at {self.host}:{self.port} says {code}: {text}"))
        elif code == 1100:
            self._fail_all(ConnectionProblem(f"The gateway at {self.host}:{self.port} has lost {BROKER}: {text}"))
        elif request < 0 and code in (320, 321, 505):
            self._fail_routed(code, text)
        self._log(message, has_changed, found is not None)
        self._recipients.routes.publish("errors", message, message.time_ns)
        if found is None:
            self.event(message)

    def _fail_routed(self, code: int, text: str) -> None:
        """What was refused carried no number: it is what was asked without one."""
        for other in self._recipients.requests():
            if other.route:
                other.complete(failure(code, text, other.what))

    def _log(self, message: BrokerMessage, has_changed: bool, has_recipient: bool) -> None:
        quiet = message.meaning is Meaning.INFO or (has_recipient and message.meaning is Meaning.FAILED)
        if message.meaning in (Meaning.DEGRADED, Meaning.RESTORED):
            quiet = not has_changed
        log.log(logging.DEBUG if quiet else logging.WARNING, "%s %s", message.code, message.text)

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
