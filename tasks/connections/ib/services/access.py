"""Getting at the bridge: connecting, and connecting again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.connections.base import Connection
from tasks.connections.problems import ConnectionProblem
from tasks.connections.scope import current

if TYPE_CHECKING:
    from tasks.connections.ib.bridge import Bridge
    from tasks.connections.ib.pool import Shared
    from tasks.connections.ib.simulator.gateway import SimulatedGateway

MARKET_DATA_TYPE = {"live": 1, "delayed": 3}


class Access(Connection):
    """A connection to a gateway, made at first use and again after it was dropped."""

    def __init__(self, name: str, settings: Any, folder: Path) -> None:
        super().__init__(name, settings, folder)
        self._simulated: SimulatedGateway | None = None
        self._shared: Shared | None = None

    @property
    def _timeout(self) -> float:
        seconds: float = self.settings.timeout.total_seconds()
        return seconds

    def _gateway(self) -> SimulatedGateway:
        from tasks.connections.ib.simulator.gateway import SimulatedGateway
        from tasks.connections.ib.simulator.script import read_script

        if self._simulated is None:
            settings = self.settings
            script = None if settings.faults is None else read_script(Path(settings.faults))
            self._simulated = SimulatedGateway(now=settings.at, speed=settings.speed, seed=settings.seed, script=script)
        return self._simulated

    def _open(self) -> None:
        from tasks.connections.ib.package import check_package

        check_package()
        from tasks.connections.ib.pool import Address, borrow

        settings = self.settings
        host, port = settings.host, settings.port
        if settings.simulated:
            gateway = self._gateway().start()
            host, port = gateway.host, gateway.port
        address = Address(host, port, settings.client_id, MARKET_DATA_TYPE[settings.market_data])
        # A simulated gateway of one's own is nobody's to spare.
        folder, is_paced = (None, False) if settings.simulated else (self.folder, True)
        self._shared = borrow(address, folder, self._timeout, is_paced)
        try:
            self._shared.bridge(self._timeout)
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        from tasks.connections.ib.pool import give_back

        if self._shared is not None:
            shared, self._shared = self._shared, None
            give_back(shared)
        if self._simulated is not None:
            self._simulated.stop()

    def _borrowed(self) -> Shared:
        shared = self._shared
        if shared is None:
            raise ConnectionProblem(f"The connection `{self.name}` was closed while it was used.")
        return shared

    def _bridge(self) -> Bridge:
        current().deadline.check(f"A request to `{self.name}`")
        self.open()
        return self._borrowed().bridge(self._timeout)
