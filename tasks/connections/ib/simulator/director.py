"""Carries out a script of faults in the gateway's loop."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from tasks.connections.ib.simulator.noise import whole
from tasks.connections.ib.simulator.permissions import KEPT, LINES, QUOTES
from tasks.connections.ib.simulator.script import Action, Cue, Script
from tasks.connections.ib.simulator.session import NO_REQUEST, Session
from tasks.connections.ib.simulator.wire import encode

if TYPE_CHECKING:
    from tasks.connections.ib.simulator.gateway import SimulatedGateway

log = logging.getLogger("hedgerow.gateway")

FARM = "simulated"
LOST = "Connectivity between IB and Trader Workstation has been lost."
RESTORED = "Connectivity between IB and Trader Workstation has been restored - data "
PORTION = 500
"""Ticks of a burst that go out together."""

BETWEEN_LOOKS = 0.02
"""Seconds between two looks at the market's time where a fault waits for a moment of it."""


class Director:
    """Watches the clock and the messages, and acts.

    Everything but `act` is to be called in the gateway's loop.
    """

    def __init__(self, gateway: SimulatedGateway, script: Script) -> None:
        self._gateway = gateway
        self._script = script
        self._seen: Counter[int] = Counter()
        self._running: set[asyncio.Task[None]] = set()
        self._held: Counter[str] = Counter()
        """How many faults that last for a while hold each farm closed, and each setting changed."""
        self.done: list[Action] = []
        """What has been done so far, in order."""

    def start(self) -> None:
        """The gateway listens: from now on offsets and chance count."""
        for cue in self._script.cues:
            if cue.on is None:
                self._run(self._wait(cue))
        if self._script.chance is not None:
            self._run(self._at_random())

    def stop(self) -> None:
        """Nothing more happens, and what was wrong for a while stays so."""
        for task in list(self._running):
            task.cancel()

    def saw(self, kind: int) -> None:
        """A client has sent a message; what waits for it happens before it is answered."""
        self._seen[kind] += 1
        for cue in self._script.cues:
            if cue.on == kind and cue.nth == self._seen[kind]:
                self.perform(cue.action)

    def perform(self, action: Action) -> None:
        """Do it now."""
        log.info("fault: %s %s", action.do, dict(action.arguments))
        self.done.append(action)
        _DEEDS[action.do](self, action)

    def kick(self, action: Action) -> None:
        """Close every connection without a word."""
        self._gateway.abort_all()

    def restart(self, action: Action) -> None:
        """Stop listening, and come back."""
        self._run(self._gateway.restart(action["down"]))

    def connectivity_lost(self, action: Action) -> None:
        """Say that the broker is away, and that it is back; where data is lost, subscriptions end."""
        self._tell(1100, LOST)
        self._close({"market", "history"})

        def restore() -> None:
            self._open({"market", "history"})
            if action["data"] == "lost":
                for client in self._gateway.clients:
                    client.cancel_all(*LINES, KEPT)
                self._tell(1101, RESTORED + "lost.")
            else:
                self._tell(1102, RESTORED + "maintained.")

        self._later(action["for"], restore)

    def farm_down(self, action: Action) -> None:
        """One of the data farms is away for a while."""
        farm = action["farm"]
        broken, fine, name = (2103, 2104, "Market") if farm == "market" else (2105, 2106, "HMDS")
        self._tell(broken, f"{name} data farm connection is broken:{FARM}")
        self._close({farm})

        def restore() -> None:
            self._open({farm})
            self._tell(fine, f"{name} data farm connection is OK:{FARM}")

        self._later(action["for"], restore)

    def half_message(self, action: Action) -> None:
        """Half of a notice goes out to every client, and the connection breaks."""
        for client in self._gateway.clients:
            client.outlet.cut()
        self._tell(2158, f"Sec-def data farm connection is OK:{FARM}")

    def burst(self, action: Action) -> None:
        """Send prices to every client with a quote, as fast as it takes them."""
        for client in self._gateway.clients:
            if client.requests(QUOTES):
                self._run(_burst(client, action["ticks"]))

    def set_for(self, name: str, value: Any, seconds: float) -> None:
        """Change a fault for a while; of several at once the last to end ends it."""
        faults = self._gateway.faults
        self._held[name] += 1
        setattr(faults, name, value)

        def restore() -> None:
            self._held[name] -= 1
            if not self._held[name]:
                setattr(faults, name, getattr(type(faults)(), name))

        self._later(seconds, restore)

    def add(self, name: str, number: int) -> None:
        """Count a fault up."""
        faults = self._gateway.faults
        setattr(faults, name, getattr(faults, name) + number)
        self._gateway.advance()

    def _close(self, farms: set[str]) -> None:
        self._held.update(farms)
        self._gateway.faults.closed_farms |= farms

    def _open(self, farms: set[str]) -> None:
        self._held.subtract(farms)
        self._gateway.faults.closed_farms -= {farm for farm in farms if not self._held[farm]}

    def _tell(self, code: int, text: str) -> None:
        for client in self._gateway.clients:
            client.error(NO_REQUEST, code, text)

    def _later(self, seconds: float, then: Callable[[], None]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            then()

        self._run(wait())

    async def _wait(self, cue: Cue) -> None:
        if cue.after is not None:
            await asyncio.sleep(cue.after)
        while cue.at is not None and self._gateway.clock.nanoseconds() < cue.at:
            await self._gateway.pass_time(BETWEEN_LOOKS)
        self.perform(cue.action)

    async def _at_random(self) -> None:
        chance = self._script.chance
        assert chance is not None  # noqa: S101  # it is started for one
        turn = 0
        while True:
            turn += 1
            await asyncio.sleep(chance.every * (0.5 + whole(chance.seed, 1, turn, 0, 1000) / 1000))
            self.perform(chance.actions[whole(chance.seed, 2, turn, 0, len(chance.actions))])

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(_guarded(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("a fault of the script failed")


async def _burst(session: Session, ticks: int) -> None:
    """Bids, asks and last prices around 100 for each of a client's quotes in turn, written before they are sent."""
    requests = session.requests(QUOTES)
    written = []
    for place in range(max(PORTION, len(requests) * 3)):
        kind = (1, 2, 4)[place // len(requests) % 3]
        price = 100 + (place * 7 % 100) / 100
        written.append(encode(1, 6, requests[place % len(requests)], kind, price, 100 + place % 900, 0))
    sent = 0
    while sent < ticks:
        portion = [written[(sent + place) % len(written)] for place in range(min(PORTION, ticks - sent))]
        session.outlet.put(b"".join(portion))
        sent += len(portion)
        await session.flush()
        await asyncio.sleep(0)


_DEEDS: dict[str, Callable[[Director, Action], None]] = {
    "kick": Director.kick,
    "restart": Director.restart,
    "connectivity_lost": Director.connectivity_lost,
    "farm_down": Director.farm_down,
    "half_message": Director.half_message,
    "burst": Director.burst,
    "mute": lambda director, action: director.set_for("mute", True, action["for"]),
    "slow_reader": lambda director, action: director.set_for("reads_per_second", action["rate"], action["for"]),
    "slow_writer": lambda director, action: director.set_for("bytes_per_second", action["rate"], action["for"]),
    "duplicate_callbacks": lambda director, action: director.set_for("duplicate_callbacks", True, action["for"]),
    "reorder_callbacks": lambda director, action: director.set_for("reordered_callbacks", True, action["for"]),
    "late_commission": lambda director, action: director.set_for("late_commission", action["seconds"], action["for"]),
    "drop_orders": lambda director, action: director.add("dropped_orders", action["n"]),
    "correction": lambda director, action: director.add("correction", action["n"]),
    "bust": lambda director, action: director.add("bust", action["n"]),
}
"""How each fault is done."""
