"""One connection to a gateway, shared by everything in this process that uses it."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from tasks.connections.ib.addressee import POSITIONS, request_number
from tasks.connections.ib.codes import Meaning, failure, meaning
from tasks.connections.ib.pacing import TokenBucket
from tasks.connections.ib.requests import FIRST_ID, Request
from tasks.connections.problems import ConnectionProblem, DataProblem, Problem, Refused
from tasks.connections.scope import current

log = logging.getLogger("hedgerow.ib")

SIMULATED_FARM = ":simulated"
"""How the simulated gateway names its data farms."""

TICK_SIZE = b"2"
"""Kind of a message that nobody asked for: old clients can't read the fractions that it may hold."""


class Bridge:
    """Sends requests, and completes them as their answers come in.

    Every request has an id of its own and a time to be answered in. A message that can't be read
    fails the request that it names and nothing else, and a size of a quote not even that. When the
    connection ends, everything under way fails with `ConnectionProblem`; a new bridge has to be
    made for another try.

    Parameters
    ----------
    host, port, client_id
        Whom to connect to, and as whom.
    is_reconnect
        Whether a connection of this process was dropped just before: its client id may then still
        be held by the other side, which passes.
    """

    def __init__(self, host: str, port: int, client_id: int, is_reconnect: bool = False) -> None:
        self.host, self.port, self.client_id = host, port, client_id
        self.accounts: list[str] = []
        self._has_accounts = False
        self.is_simulated = False
        self.next_order_id: int | None = None
        self._is_reconnect = is_reconnect
        self._client: Any = None
        self._bucket = TokenBucket()
        self._numbers = itertools.count(FIRST_ID)
        self._open: dict[int, Request] = {}
        self._lock = threading.Lock()
        self._asking_positions = threading.Lock()
        self._positions: Request | None = None
        self._asking_time = threading.Lock()
        self._time: int | None = None
        self._time_told = threading.Event()
        self._started = threading.Event()
        self._problem: Problem | None = None
        self._is_closing = False

    @property
    def alive(self) -> bool:
        """Whether requests can be sent."""
        return self._client is not None and self._client.isConnected() and self._problem is None

    def connect(self, timeout: float, market_data_type: int) -> None:
        """Connect and wait until the gateway has let us in.

        Raises `Refused` for a client id in use, `ConnectionProblem` for everything else, within
        `timeout` seconds.
        """
        from tasks.connections.ib.client import Client
        from tasks.connections.ib.receiver import Receiver

        until = time.monotonic() + timeout
        self._client = Client(Receiver(self), self._on_message, self._on_closed)
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
        self._send("the kind of market data", lambda client: client.reqMarketDataType(market_data_type))

    def close(self) -> None:
        """End the connection; what is under way fails."""
        self._is_closing = True
        if self._client is not None:
            self._client.stop()
        self._fail_all(ConnectionProblem(f"The connection to {self.host}:{self.port} was closed."))

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
        with self._lock:
            self._open[request.number] = request
        try:
            self._send_now(what, lambda client: send(client, request.number), request)
        except BaseException:
            self.forget(request)
            raise
        return request

    def forget(self, request: Request) -> None:
        """Answers to this request no longer matter."""
        with self._lock:
            self._open.pop(request.number, None)

    def cancel(self, request: Request, send: Callable[[Any], None]) -> None:
        """Tell the gateway that the answer is no longer wanted, if it can still be told."""
        self.forget(request)
        if self.alive:
            try:
                self._send_now(f"cancelling {request.what}", send)
            except ConnectionProblem as problem:
                log.debug("%s", problem)

    def positions(self, connection: str, timeout: float) -> list[Any]:
        """Positions of every account, one call at a time: their messages carry no request id."""
        scope = current()
        while not self._asking_positions.acquire(timeout=0.2):
            scope.deadline.check("Positions")
        try:
            self._bucket.take("Positions")
            request = Request(next(self._numbers), "positions", "Positions", None, connection, timeout)
            self._positions = request
            self._send_now("Positions", lambda client: client.reqPositions(), request)
            try:
                return request.wait(scope)
            finally:
                self._positions = None
                self.cancel(request, lambda client: client.cancelPositions())
        finally:
            self._positions = None
            self._asking_positions.release()

    def current_time(self, timeout: float) -> int:
        """The gateway's time, in seconds since 1970."""
        with self._asking_time:
            self._time_told.clear()
            self._send("The gateway's time", lambda client: client.reqCurrentTime())
            if not self._time_told.wait(timeout) or self._time is None:
                raise self._problem or ConnectionProblem(
                    f"The gateway at {self.host}:{self.port} doesn't tell its time within {timeout:g} s."
                )
            return self._time

    def _send(self, what: str, send: Callable[[Any], None]) -> None:
        self._bucket.take(what)
        self._send_now(what, send)

    def _send_now(self, what: str, send: Callable[[Any], None], request: Request | None = None) -> None:
        if self._problem is not None:
            raise self._problem
        current().deadline.check(what)

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

    def _on_message(self, fields: list[bytes]) -> None:
        request: Request | None = None
        try:
            request = self._addressee(fields)
            if request is not None:
                request.record("received", b"\0".join(fields))
            self._client.dispatch(fields)
        except Exception as error:
            log.warning("unreadable message %r: %s", b"|".join(fields)[:300], error)
            if request is not None and fields[0] != TICK_SIZE:
                request.complete(DataProblem(f"{request.what}: the broker's answer can't be read ({error})."))

    def _addressee(self, fields: list[bytes]) -> Request | None:
        """The request that a message belongs to; None where to none that is under way."""
        if int(fields[0]) in POSITIONS:
            return self._positions
        number = request_number(fields, self._client.serverVersion())
        return None if number is None else self._open.get(number)

    def _on_closed(self, problem: Problem | None) -> None:
        if self._problem is None:
            self._problem = problem or ConnectionProblem(
                f"The gateway at {self.host}:{self.port} closed the connection.",
                "It may have restarted, or logged in elsewhere: look at it, then try again.",
            )
            if not self._is_closing:
                log.warning("%s", self._problem)
        self._fail_all(self._problem)

    def _fail_all(self, problem: Problem) -> None:
        self._problem = self._problem or problem
        with self._lock:
            requests = [*self._open.values(), *([self._positions] if self._positions else [])]
            self._open.clear()
        for request in requests:
            request.complete(type(problem)(f"{request.what}: {problem.reason}", problem.instruction))
        self._started.set()
        self._time_told.set()

    def row(self, request: int | None, row: Any) -> None:
        """A row of a request; None: of the positions under way."""
        found = self._positions if request is None else self._open.get(request)
        if found is not None and not found.done:
            found.rows.append(row)

    def end(self, request: int | None) -> None:
        """No more rows will come."""
        found = self._positions if request is None else self._open.pop(request, None)
        if found is not None:
            found.complete()

    def failed(self, request: int, code: int, text: str) -> None:
        """An error or a notice; a negative id belongs to no request."""
        found = self._open.get(request)
        sense = meaning(code)
        if text.endswith(SIMULATED_FARM):
            self.is_simulated = True
        if sense in (Meaning.INFO, Meaning.WARNING):
            log.log(logging.DEBUG if sense is Meaning.INFO else logging.WARNING, "%s %s", code, text)
        elif sense is Meaning.DEGRADED or sense is Meaning.RESTORED:
            log.warning("%s %s", code, text)
        elif found is not None:
            self._open.pop(request, None)
            found.complete(failure(code, text, found.what))
        elif code == 326:
            self._problem = self._id_in_use()
            self._fail_all(self._problem)
        elif sense is Meaning.CONNECTION:
            self._fail_all(ConnectionProblem(f"The gateway at {self.host}:{self.port} says {code}: {text}"))
        elif request < 0:
            log.warning("%s %s", code, text)
            if self._positions is not None and code in (320, 321, 505):
                self._positions.complete(failure(code, text, self._positions.what))

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
