"""The simulated gateway: a server in a thread of its own that clients of the broker can connect to."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

import pandas as pd

from tasks.connections.ib.simulator.book import Holding, demo_book
from tasks.connections.ib.simulator.clock import SimulatedClock
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.handlers import HANDLERS
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.market import Market
from tasks.connections.ib.simulator.pace import HistoryPace
from tasks.connections.ib.simulator.recent import Recent
from tasks.connections.ib.simulator.script import Script
from tasks.connections.ib.simulator.session import Session
from tasks.connections.ib.simulator.trading.desk import CASH, Trading
from tasks.connections.problems import ConnectionProblem, Refused

log = logging.getLogger("hedgerow.gateway")

BEFORE_CLOSE = pd.Timedelta(minutes=15)
STARTING = 10.0
FAREWELL = 1.0
BETWEEN_STEPS = 0.05
"""Seconds between two looks at what time has brought; none are taken while simulated time stands still."""


class SimulatedGateway:
    """Speaks the broker's wire protocol over a market of real daily closes.

    Parameters
    ----------
    book
        What the accounts hold; the demo book when absent.
    host, port
        Where to listen; port 0 takes a free one, see `port` once started.
    now
        Simulated time at the start: a moment with a zone. By default 15 minutes before the close
        of the last session of the data.
    speed
        Simulated seconds a second; 0 stands still.
    seed
        Of the prices between closes: the same seed, contract and moment give the same quote.
    instruments
        Contracts beside the listed ones; what the book holds need not be named again.
    faults
        What it does wrong, for tests.
    read_only
        Orders and what is about them are refused.
    pacing
        Requests are limited as the broker limits them.
    lines
        Market-data lines of the login, shared by its clients.
    cash
        What each account starts with, US dollars.
    """

    def __init__(
        self,
        book: Sequence[Holding] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        now: pd.Timestamp | str | None = None,
        speed: float = 0.0,
        seed: int = 7,
        instruments: Iterable[Instrument] = (),
        faults: Faults | None = None,
        read_only: bool = False,
        pacing: bool = False,
        lines: int = 100,
        cash: float = CASH,
    ) -> None:
        self.book = demo_book() if book is None else list(book)
        self.host = host
        self.faults = faults or Faults()
        self.market = Market([*instruments, *(holding.instrument for holding in self.book)], seed)
        self.clock = SimulatedClock(self._start_of_time(now), speed, self.market.span)
        self.read_only = read_only
        self.pacing = pacing
        self.lines = lines
        self.history_pace = HistoryPace()
        self.written_history = Recent(1024)
        self.script = Script()
        self.malformed = 0
        """Messages that were refused because they couldn't be read."""
        self.trading = Trading(self, cash)
        self._requested_port = port
        self._port: int | None = None
        self._sessions: set[Session] = set()
        self._conversations: set[asyncio.Task[None]] = set()
        self._kicked = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._stop: asyncio.Event | None = None
        self._leap: asyncio.Event = asyncio.Event()
        self.clock.moved.append(self._wake)

    @property
    def port(self) -> int:
        """The port it listens on. Raises `RuntimeError` before `start`."""
        if self._port is None:
            raise RuntimeError("the simulated gateway has not been started")
        return self._port

    @property
    def asked(self) -> dict[tuple[object, ...], float]:
        """When each history request was last made, by the monotonic clock; by contract id, end, size and so on."""
        return self.history_pace.asked

    @property
    def clients(self) -> Iterator[Session]:
        """The sessions that have been taken in, each with its `client_id`."""
        return (session for session in list(self._sessions) if session.client_id is not None)

    @property
    def accounts(self) -> list[str]:
        """The accounts of the book, in order of mention."""
        return list(dict.fromkeys(holding.account for holding in self.book))

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
        """Send every client away and stop listening; may be called more than once."""
        if self._loop is not None and self._stop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STARTING)

    def kick(self) -> None:
        """Close every connection without a word."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._abort_all)

    def enter(self, session: Session, client_id: int) -> bool:
        """Take a client in under its id; False when the id is in use."""
        if any(other.client_id == client_id for other in self._sessions):
            return False
        session.client_id = client_id
        return True

    def leave(self, session: Session) -> None:
        """A client has gone."""
        self._sessions.discard(session)

    def advance(self) -> None:
        """Bring the trading side up to the clock; only in the gateway's loop."""
        self.trading.advance(self.clock.nanoseconds())

    async def pass_time(self, seconds: float) -> None:
        """Wait a little while simulated time runs; where it stands still, until it is moved."""
        if self.clock.speed > 0:
            await asyncio.sleep(seconds)
        else:
            await self._leap.wait()

    def kick_once(self) -> bool:
        """True the first time."""
        first, self._kicked = not self._kicked, True
        return first

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_of_time(self, now: pd.Timestamp | str | None) -> pd.Timestamp:
        if now is None:
            return self.market.close_of_last_session() - BEFORE_CLOSE
        moment = pd.Timestamp(now)
        if moment.tzinfo is None:
            raise Refused(f"{now} has no time zone.", "Say which moment is meant, as in 2022-12-28T20:45Z.")
        if not self.market.covers(moment.tz_convert("UTC").as_unit("ns").value):
            first, last = self.market.sessions[1], self.market.sessions[-1]
            raise Refused(
                f"The simulated market has no prices at {moment}.", f"Its sessions are those from {first} to {last}."
            )
        return moment

    def _serve(self) -> None:
        asyncio.run(self._listen())

    async def _listen(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await asyncio.start_server(self._converse, self.host, self._requested_port)
        except OSError as error:
            self._failure = error
            self._ready.set()
            return
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        steps = asyncio.create_task(self._step()) if self.clock.speed > 0 else None
        await self._stop.wait()
        if steps is not None:
            steps.cancel()
        server.close()
        self._abort_all()
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=FAREWELL)

    async def _step(self) -> None:
        while True:
            await asyncio.sleep(BETWEEN_STEPS)
            try:
                self.advance()
            except Exception:
                log.exception("the simulated gateway failed to go on in time")

    def _wake(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._leapt)

    def _leapt(self) -> None:
        """Simulated time has been moved: wake everybody who waits for that."""
        passed, self._leap = self._leap, asyncio.Event()
        passed.set()
        self.advance()

    def _abort_all(self) -> None:
        for session in list(self._sessions):
            session.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self, HANDLERS, reader, writer)
        conversation = asyncio.current_task()
        assert conversation is not None  # noqa: S101  # a coroutine always runs in one
        self._sessions.add(session)
        self._conversations.add(conversation)
        try:
            await session.run()
        finally:
            self._conversations.discard(conversation)
