"""The connections of this process: one for each gateway and client id, however many use it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from tasks.connections.ib.bridge import Bridge
from tasks.connections.ib.client_ids import ClientId
from tasks.connections.ib.histories import Histories
from tasks.connections.ib.pacing import Slots


@dataclass(frozen=True)
class Address:
    """Whom to connect to, as whom at least, and what to ask for: 1 live market data, 3 delayed where there is none."""

    host: str
    port: int
    client_id: int
    market_data_type: int


class Shared:
    """A bridge that is replaced when it has died, and what outlives it: pacing, and bars just received."""

    def __init__(self, address: Address, folder: Path | None) -> None:
        self.address = address
        self._folder = folder
        self._client_id: ClientId | None = None
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
                number = address.client_id
                if self._folder is not None:
                    if self._client_id is None:
                        self._client_id = ClientId(self._folder, address.host, address.port, number)
                    number = self._client_id.number
                bridge = Bridge(address.host, address.port, number, is_reconnect=self._bridge is not None)
                bridge.connect(timeout, address.market_data_type)
                self._bridge = bridge
            return self._bridge

    def close(self) -> None:
        """End the connection."""
        with self._connecting:
            if self._bridge is not None:
                self._bridge.close()
            if self._client_id is not None:
                self._client_id.give_back()
                self._client_id = None


_pool: dict[Address, Shared] = {}
_lock = threading.Lock()


def borrow(address: Address, folder: Path | None) -> Shared:
    """The connection to this address, made at its first use; give it back.

    Its client id is the first from the address's on that no other process of the desk has, whose
    data folder this is; the address's own where there is none.
    """
    with _lock:
        shared = _pool.setdefault(address, Shared(address, folder))
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
