"""One connection to a gateway, shared by everything in this process that uses it."""

from __future__ import annotations

import time

from tasks.connections.ib.asking import Asking
from tasks.connections.ib.hearing import Hearing
from tasks.connections.problems import ConnectionProblem, Problem


class Bridge(Asking, Hearing):
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
