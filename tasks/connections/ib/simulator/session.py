"""One client's conversation with the simulated gateway."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pandas as pd

from tasks.connections.ib.simulator.outlet import Outlet
from tasks.connections.ib.simulator.pace import MessagePace
from tasks.connections.ib.simulator.wire import Fields, MalformedError, encode

if TYPE_CHECKING:
    from tasks.connections.ib.simulator.gateway import SimulatedGateway

log = logging.getLogger("hedgerow.gateway")

OLDEST, NEWEST = 157, 178
"""Server versions spoken: ibapi 9.81 is the oldest; from 201 on the encoding is another one."""

START_API = 71
NO_REQUEST = -1
LARGEST = 1 << 24

Handler = Callable[["Session", Fields], None]
"""Reads a request to its end and answers it."""


class Session:
    """Handshake, then one request after the other until the client leaves."""

    def __init__(
        self,
        gateway: SimulatedGateway,
        handlers: dict[int, Handler],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.gateway = gateway
        self.version = 0
        self.client_id: int | None = None
        self.market_data_type = 1
        self.wants_bulletins = False
        self.outlet = Outlet(writer, gateway.faults)
        self._handlers = handlers
        self._reader = reader
        self._streams: dict[tuple[str, int], asyncio.Task[None] | None] = {}
        self._pace = MessagePace()
        self._hanging_up = False

    def send(self, *fields: Any) -> None:
        """Queue a message; all queued ones go out in order."""
        self.outlet.put(encode(*fields))

    async def flush(self) -> None:
        """Wait until the client has caught up, where it is far behind; what is queued goes out by itself."""
        await self.outlet.room()

    def error(self, request: int, code: int, text: str) -> None:
        """Queue an error or a notice; `NO_REQUEST` for one that belongs to no request."""
        json = [""] if self.version >= 166 else []
        self.send(4, 2, request, code, text, *json)

    def stream(self, kind: str, request: int, updates: Coroutine[Any, Any, None]) -> None:
        """Run a subscription until it is cancelled or the client leaves; it is held when its updates have ended."""
        self.cancel(kind, request)
        self._streams[kind, request] = asyncio.create_task(_guarded(kind, updates))

    def cancel(self, kind: str, request: int) -> bool:
        """End a subscription; whether there was one."""
        task = self._streams.pop((kind, request), None)
        if task is not None:
            task.cancel()
        return task is not None

    def cancel_all(self, *kinds: str) -> None:
        """End the subscriptions of these kinds."""
        for kind, request in list(self._streams):
            if kind in kinds:
                self.cancel(kind, request)

    def requests(self, kind: str) -> list[int]:
        """The running subscriptions of a kind."""
        return [request for of, request in self._streams if of == kind]

    def hang_up(self) -> None:
        """Close the connection once what is queued has gone out."""
        self._hanging_up = True
        self.outlet.finish()

    async def run(self) -> None:
        """Converse until the client leaves or is sent away."""
        writing = asyncio.create_task(self.outlet.run())
        try:
            if await self._shake_hands():
                while not self._hanging_up:
                    await self._serve(await self._read())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for kind, request in list(self._streams):
                self.cancel(kind, request)
            self.gateway.leave(self)
            self.outlet.finish()
            await writing

    def abort(self) -> None:
        """Close the connection without a word."""
        self._hanging_up = True
        self.gateway.leave(self)  # its id is free at once: the client may be back before the socket is known to be gone
        self.outlet.abort()

    async def _shake_hands(self) -> bool:
        if await self._reader.readexactly(4) != b"API\0":
            return False
        offer = (await self._read()).decode("ascii", "replace").split()[0].removeprefix("v")
        lowest, _, highest = offer.partition("..")
        if self.gateway.faults.mute_handshake:
            await self._reader.read()
            return False
        try:
            self.version = min(int(highest or lowest), NEWEST)
            spoken = self.version >= max(int(lowest), OLDEST)
        except ValueError:
            return False
        if spoken:
            now = pd.Timestamp(self.gateway.clock.now()).tz_convert("America/New_York")
            self.send(self.version, now.strftime("%Y%m%d %H:%M:%S %Z"))
        return spoken

    async def _read(self) -> bytes:
        (length,) = struct.unpack(">I", await self._reader.readexactly(4))
        if length > LARGEST:
            raise ConnectionError(f"a message of {length} bytes")
        slow = self.gateway.faults.reads_per_second
        if slow:
            await asyncio.sleep((length + 4) / slow)
        return await self._reader.readexactly(length)

    async def _serve(self, payload: bytes) -> None:
        faults = self.gateway.faults
        fields = Fields(payload)
        kind: int | None = None
        try:
            kind = fields.whole("message id")
            if self.gateway.pacing and self._is_too_fast():
                return
            if faults.kick_on == kind and self.gateway.kick_once():
                self.abort()
            self.gateway.director.saw(kind)
            if self._hanging_up or kind in faults.unanswered:
                return
            if faults.delay:
                await asyncio.sleep(faults.delay)
            self._handle(kind, fields)
            if self.client_id is not None:
                self.gateway.advance()
        except MalformedError as error:
            self.gateway.malformed += 1
            self.error(NO_REQUEST, 320, f"Error reading request. Message {kind}: {error}.")
        except Exception as error:
            log.exception("the simulated gateway failed at message %s", kind)
            self.error(NO_REQUEST, 320, f"Error reading request. Message {kind}: {type(error).__name__}: {error}.")
        await self.flush()

    def _is_too_fast(self) -> bool:
        rate = self._pace.excess()
        if not rate:
            return False
        text = f"Max rate of messages per second has been exceeded:max=50 rec={rate} ({self._pace.violations})"
        self.error(NO_REQUEST, 100, text)
        if self._pace.is_over:
            self.hang_up()
        return True

    def _handle(self, kind: int, fields: Fields) -> None:
        handler = self._handlers.get(kind)
        if kind != START_API and self.client_id is None:
            self.error(NO_REQUEST, 504, "Not connected")
        elif handler is None:
            self.error(NO_REQUEST, 505, f"Fatal Error: Unknown message id. The simulated gateway doesn't serve {kind}.")
        else:
            handler(self, fields)


async def _guarded(kind: str, updates: Coroutine[Any, Any, None]) -> None:
    try:
        await updates
    except Exception:
        log.exception("a subscription to %s has failed", kind)
