"""What goes out to one client: in order, as fast as it reads, and never without bound."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from tasks.connections.ib.simulator.faults import Faults

log = logging.getLogger("hedgerow.gateway")

FULL = 1 << 20
"""Bytes waiting for a client from which on it is behind: subscriptions skip updates, requests wait."""

MOST = 1 << 26
"""Bytes waiting at which a client that doesn't read is sent away."""

TURN = 0.05
"""Seconds between two portions while writing is slowed down, and between looks at whether muteness is over."""


class Outlet:
    """A queue of bytes in front of a client's socket, written by `run`."""

    def __init__(self, writer: asyncio.StreamWriter, faults: Faults) -> None:
        self._writer = writer
        self._faults = faults
        self._queue: deque[bytes] = deque()
        self._waiting = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._last = False
        self._cut = False

    @property
    def is_full(self) -> bool:
        """Whether the client is behind."""
        return self._waiting > FULL

    def put(self, data: bytes) -> None:
        """Queue bytes."""
        if self._last:
            return
        self._queue.append(data)
        self._waiting += len(data)
        if self._waiting > MOST:
            log.warning("a client that doesn't read is sent away with %s bytes waiting", self._waiting)
            self.abort()
        elif self.is_full and not self._faults.mute:
            self._room.clear()
        self._wake.set()

    async def room(self) -> None:
        """Wait until the client has caught up; while the gateway is mute, don't."""
        if not self._faults.mute:
            await self._room.wait()

    def finish(self) -> None:
        """Take nothing more; `run` ends when what is queued has gone out."""
        self._last = True
        self._wake.set()

    def cut(self) -> None:
        """Half of the next message goes out, and then the connection breaks."""
        self._cut = True

    def abort(self) -> None:
        """Close the connection without a word."""
        self._last = True
        self._queue.clear()
        self._writer.transport.abort()
        self._room.set()
        self._wake.set()

    async def run(self) -> None:
        """Write what is queued until `finish` or the connection's end."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    if self._faults.mute:
                        await asyncio.sleep(TURN)
                        continue
                    await self._write(self._taken())
                if self._last:
                    return
        except ConnectionError:
            return
        finally:
            self._last = True
            self._room.set()
            self._writer.close()

    def _taken(self) -> bytes:
        if self._cut:
            first = self._queue.popleft()
            self._queue.clear()
            return first[: len(first) // 2]
        data = b"".join(self._queue)
        self._queue.clear()
        return data

    async def _write(self, data: bytes) -> None:
        pace = self._faults.bytes_per_second
        piece = self._faults.piece or (max(1, int(pace * TURN)) if pace else max(len(data), 1))
        for start in range(0, len(data), piece):
            self._writer.write(data[start : start + piece])
            await self._writer.drain()
            if self._faults.piece or pace:
                await asyncio.sleep(TURN if pace else 0.001)
        self._waiting = sum(map(len, self._queue))
        if self._cut:
            self.abort()
        elif not self.is_full:
            self._room.set()
