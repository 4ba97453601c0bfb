"""What goes out over a connection: requests, subscriptions, cancels, orders."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from tasks.connections.ib.line import Line
from tasks.connections.ib.records import REQUESTS
from tasks.connections.ib.requests import Request
from tasks.connections.ib.subscriptions import Subscription
from tasks.connections.problems import ConnectionProblem
from tasks.connections.scope import current

log = logging.getLogger("hedgerow.ib")

POSITIONS = "positions"


class Asking(Line):
    """Sends, in the thread of whoever asks; everything waits for its turn in the bucket."""

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
        sent = time.time_ns()
        try:
            self._send_now(what, lambda client: send(client, request.number), request)
        except BaseException:
            self.forget(request)
            raise
        self._tell(request, sent)
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
                sent = time.time_ns()
                self._send_now(what, send, request)
                self._tell(request, sent)
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
        self._tell(subscription, time.time_ns())

    def _tell(self, asked: Request | Subscription, sent: int) -> None:
        self._recipients.routes.publish(REQUESTS, asked, sent)

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
