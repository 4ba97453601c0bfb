"""A server in a thread of its own: it listens, stops, and may go away for a while in between."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Self

from tasks.connections.problems import ConnectionProblem

STARTING = 10.0
FAREWELL = 1.0

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Takes connections in and hands each to `converse`.

    Parameters
    ----------
    host, port
        Where to listen; port 0 takes a free one.
    converse
        Called in the loop with each new connection.
    opened, closing
        Called in the loop when it listens, and before it stops.
    """

    def __init__(
        self, host: str, port: int, converse: Converse, opened: Callable[[], None], closing: Callable[[], None]
    ) -> None:
        self.host = host
        self._requested_port = port
        self._converse = converse
        self._opened = opened
        self._closing = closing
        self._port: int | None = None
        self._conversations: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._stop: asyncio.Event | None = None

    @property
    def port(self) -> int:
        """The port it listens on. Raises `RuntimeError` before `start`."""
        if self._port is None:
            raise RuntimeError("the simulated gateway has not been started")
        return self._port

    def start(self) -> Self:
        """Listen. Raises `ConnectionProblem` where the port can't be had."""
        self._ready.clear()
        self._failure = None
        self._thread = threading.Thread(target=self._serve, name="simulated gateway", daemon=True)
        self._thread.start()
        self._ready.wait(STARTING)
        if self._failure is not None:
            raise ConnectionProblem(
                f"The simulated gateway can't listen on {self.host}:{self._requested_port}: {self._failure.strerror}.",
                "Give another port, or 0 for a free one.",
            )
        return self

    def stop(self) -> None:
        """Stop listening; may be called more than once."""
        if self._loop is not None and self._stop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STARTING)

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Have something called in the loop, from any thread; nothing happens while there is none."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    async def leave(self, seconds: float) -> None:
        """Take no connections for a while; in the loop."""
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(seconds)
        self._server = await asyncio.start_server(self._meet, self.host, self.port)

    def _serve(self) -> None:
        asyncio.run(self._listen())

    async def _listen(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            self._server = await asyncio.start_server(self._meet, self.host, self._requested_port)
        except OSError as error:
            self._failure = error
            self._ready.set()
            return
        self._port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._opened()
        await self._stop.wait()
        self._server.close()
        self._closing()
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=FAREWELL)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.current_task()
        assert conversation is not None  # noqa: S101  # a coroutine always runs in one
        self._conversations.add(conversation)
        try:
            await self._converse(reader, writer)
        finally:
            self._conversations.discard(conversation)
