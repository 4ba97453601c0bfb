"""What one connection to a gateway has, and how it ends."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from tasks.connections.ib.condition import Condition
from tasks.connections.ib.hot import HotPath
from tasks.connections.ib.latest import LatestTable
from tasks.connections.ib.pacing import TokenBucket
from tasks.connections.ib.recipients import Recipients, Routes
from tasks.connections.ib.requests import FIRST_ID
from tasks.connections.ib.unreadable import Unreadable
from tasks.connections.ib.watchers import Watchers
from tasks.connections.problems import Problem


class Line:
    """A connection's state, which `Asking` and `Hearing` share. See `Bridge` for the parameters."""

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
        self.about_orders: deque[tuple[int, list[bytes]]] = deque(maxlen=10_000)
        """The latest messages that tell of orders as they came, and when, nanoseconds since 1970."""
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
