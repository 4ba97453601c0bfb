"""The connections of this process: one for each gateway and client id, however many use it."""

from __future__ import annotations

import itertools
import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tasks.connections.ib.bridge import Bridge
from tasks.connections.ib.client_ids import ClientId, is_free
from tasks.connections.ib.events import ConnectionLog
from tasks.connections.ib.histories import Histories
from tasks.connections.ib.keeper import Keeper, Patience
from tasks.connections.ib.latest import Latest, LatestTable
from tasks.connections.ib.orders.book import OrderBook
from tasks.connections.ib.outages import Outages
from tasks.connections.ib.pacing import Slots, TokenBucket
from tasks.connections.ib.pacing_ledger import PacingLedger
from tasks.connections.ib.recipients import Routes
from tasks.connections.ib.records import REQUESTS, Records
from tasks.connections.ib.requests import FIRST_ID
from tasks.connections.ib.subscriptions import Send, Subscription
from tasks.connections.ib.watchers import Watchers


@dataclass(frozen=True)
class Address:
    """Whom to connect to, as whom at least, and what to ask for: 1 live market data, 3 delayed where there is none."""

    host: str
    port: int
    client_id: int
    market_data_type: int


class Shared:
    """A bridge that is replaced when it has died, and what outlives it.

    That is pacing, bars just received, watchers, subscriptions and the events of the connection.
    While something is subscribed to, or `keep_connected` is set, a dropped connection is made again.
    """

    def __init__(
        self, address: Address, folder: Path | None, patience: Patience | None = None, paced: bool = True
    ) -> None:
        self.address = address
        self.users = 0
        self.keep_connected = False
        """Whether to connect again although nothing is subscribed to."""
        self.timeout = 10.0
        """Seconds for an attempt to connect."""
        self._ledger = None if folder is None else _ledger(folder, address)
        self.histories = Histories(self._ledger)
        self.lines = Slots(50)
        """Quotes asked for at once: half of the 100 lines that an account has by default."""
        self.watchers = Watchers()
        self.routes = Routes()
        self.records = Records(self.routes)
        self.latest = LatestTable()
        """The latest prices and sizes of whatever is subscribed to with `subscribe_latest`."""
        self.events = ConnectionLog(address.host, address.port, address.client_id, self.routes)
        self.book = OrderBook(self.routes.publish)
        self._folder = folder
        self._client_id: ClientId | None = None
        self._bridge: Bridge | None = None
        self._bucket = TokenBucket() if paced else TokenBucket(rate=math.inf, burst=1)
        self._numbers = itertools.count(FIRST_ID)
        self._connecting = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._listing = threading.Lock()
        self._is_closed = False
        self._keeper = Keeper(
            lambda: self.bridge(self.timeout),
            self._is_wanted,
            lambda: list(self._subscriptions),
            self.watchers,
            self.events,
            patience or Patience(),
            None if folder is None else outages_of(folder, address.host, address.port),
        )
        self.watchers.add(self.book)
        self.watchers.add(self._keeper)
        self.watchers.add(self.events)

    def bridge(self, timeout: float) -> Bridge:
        """A bridge that is connected. Raises `ConnectionProblem` or `Refused` within `timeout` seconds."""
        with self._connecting:
            if self._bridge is None or not self._bridge.alive:
                address = self.address
                number = address.client_id
                if self._folder is not None:
                    if self._client_id is None:
                        self._client_id = ClientId(self._folder, address.host, address.port, number)
                        if self._ledger is not None:
                            self._ledger.belongs_to(self._client_id.number)
                    number = self._client_id.number
                is_reconnect = self._bridge is not None
                bridge = Bridge(
                    address.host,
                    address.port,
                    number,
                    is_reconnect,
                    self.watchers,
                    self.routes,
                    self._bucket,
                    self.latest,
                    self._numbers,
                )
                bridge.connect(timeout, address.market_data_type)
                self._bridge = bridge
                self._keeper.made(bridge)
            return self._bridge

    def subscribe(
        self,
        kind: str,
        what: str,
        send: Send | None = None,
        cancel: Send | None = None,
        *,
        connection: str,
        con_id: int | None = None,
        route: str = "",
        limit: int = 100_000,
    ) -> Subscription:
        """Ask for what keeps coming; see `Subscription`. Close it when it is no longer wanted.

        Without `send`, rows of `route` that come anyhow: `connection` (its events, see
        `ConnectionEvent`) and `errors` (see `BrokerMessage`). Raises as `bridge` and `Bridge.ask` do.
        """
        subscription = Subscription(
            *(kind, what, send, cancel),
            connection=connection,
            con_id=con_id,
            route=route,
            limit=limit,
            on_close=self._forget,
        )
        self._begin(subscription)
        return subscription

    def subscribe_latest(
        self, kind: str, what: str, send: Send, cancel: Send, *, connection: str, con_id: int
    ) -> Latest:
        """Follow a contract's market by its latest prices and sizes alone; see `Latest`.

        However fast its ticks come, none is dropped unseen and nothing piles up. Raises as `subscribe` does.
        """
        subscription = Latest(
            *(self.latest, kind, what, send, cancel), connection=connection, con_id=con_id, on_close=self._forget
        )
        self._begin(subscription)
        return subscription

    def close(self) -> None:
        """End the connection, and what is subscribed to."""
        self._is_closed = True
        self._keeper.stop()
        for subscription in self._subscriptions:
            subscription.close()
        with self._connecting:
            if self._bridge is not None:
                self._bridge.close()
            if self._ledger is not None:
                self._ledger.close()
            if self._client_id is not None:
                self._client_id.give_back()
                self._client_id = None

    def _begin(self, subscription: Subscription) -> None:
        if subscription.route:
            self.routes.enter(subscription.route, subscription)
        with self._listing:
            self._subscriptions = (*self._subscriptions, subscription)
        try:
            if subscription.send is not None:
                self._keeper.subscribe(self.bridge(self.timeout), subscription)
        except BaseException:
            subscription.close()
            raise
        self._keeper.wake()

    def _is_wanted(self) -> bool:
        if self._is_closed:
            return False
        return self.keep_connected or any(
            subscription.send is not None and not subscription.done for subscription in self._subscriptions
        )

    def _forget(self, subscription: Subscription) -> None:
        with self._listing:
            self._subscriptions = tuple(other for other in self._subscriptions if other is not subscription)
        self.routes.publish(REQUESTS, subscription, time.time_ns())
        if subscription.route:
            self.routes.leave(subscription.route, subscription)
        bridge = self._bridge
        if bridge is not None and not self._is_closed:
            bridge.unsubscribe(subscription)


def outages_of(folder: Path, host: str, port: int) -> Outages:
    """Which processes of the desk have lost their connection to a gateway, and want it back."""
    return Outages(folder, host, port, lambda number: is_free(folder, host, port, number))


def _ledger(folder: Path, address: Address) -> PacingLedger:
    host, port = address.host, address.port
    return PacingLedger(folder, host, port, lambda number: is_free(folder, host, port, number))


_pool: dict[Address, Shared] = {}
_lock = threading.Lock()


def borrow(address: Address, folder: Path | None, timeout: float = 10.0, paced: bool = True) -> Shared:
    """The connection to this address, made at its first use; give it back.

    Its client id is the first from the address's on that no other process of the desk has, whose
    data folder this is; the address's own where there is none. `timeout` is for connecting again,
    in seconds; not `paced`, messages go out as fast as they can.
    """
    with _lock:
        shared = _pool.get(address)
        if shared is None:
            shared = _pool[address] = Shared(address, folder, paced=paced)
            shared.timeout = timeout
        shared.users += 1
        return shared


def give_back(shared: Shared) -> None:
    """Close the connection when nobody else uses it."""
    with _lock:
        shared.users -= 1
        if shared.users > 0:
            return
        _pool.pop(shared.address, None)
    shared.close()
