"""The connections of this process: one for each gateway and client id, however many use it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from tasks.connections.ib.bridge import Bridge
from tasks.connections.ib.histories import Histories
from tasks.connections.ib.pacing import Slots


@dataclass(frozen=True)
class Address:
    """Whom to connect to, as whom, and what to ask for: 1 live market data, 3 delayed where there is no live."""

    host: str
    port: int
    client_id: int
    market_data_type: int


class Shared:
    """A bridge that is replaced when it has died, and what outlives it: pacing, and bars just received."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.users = 0
        self.histories = Histories()
        self.lines = Slots(50)
        """Quotes asked for at once: half of the 100 lines that an account has by default."""
        self._bridge: Bridge | None = None
        self._connecting = threading.Lock()

    def bridge(self, timeout: float) -> Bridge:
        """A bridge that is connected. Raises `ConnectionProblem` or `Refused` within `timeout` seconds."""
        with self._connecting:
            if self._bridge is None or not self._bridge.alive:
                address = self.address
                bridge = Bridge(address.host, address.port, address.client_id, is_reconnect=self._bridge is not None)
                bridge.connect(timeout, address.market_data_type)
                self._bridge = bridge
            return self._bridge

    def close(self) -> None:
        """End the connection."""
        with self._connecting:
            if self._bridge is not None:
                self._bridge.close()


_pool: dict[Address, Shared] = {}
_lock = threading.Lock()


def borrow(address: Address) -> Shared:
    """The connection to this address, made at its first use; give it back."""
    with _lock:
        shared = _pool.setdefault(address, Shared(address))
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
