"""The simulated gateway: a server in a thread of its own that clients of the broker can connect to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

import pandas as pd

from tasks.connections.ib.simulator.book import Holding, demo_book
from tasks.connections.ib.simulator.clock import SimulatedClock
from tasks.connections.ib.simulator.director import Director
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.handlers import HANDLERS
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.ib.simulator.listener import Listener
from tasks.connections.ib.simulator.market import Market
from tasks.connections.ib.simulator.pace import HistoryPace
from tasks.connections.ib.simulator.recent import Recent
from tasks.connections.ib.simulator.script import ACTIONS, Action, Script
from tasks.connections.ib.simulator.session import Session
from tasks.connections.ib.simulator.trading.desk import CASH, Trading
from tasks.connections.problems import Refused

log = logging.getLogger("hedgerow.gateway")

BEFORE_CLOSE = pd.Timedelta(minutes=15)
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
        What it does wrong from the start, for tests.
    script
        What it does wrong as time goes by; see docs/simulator-faults.md.
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
        script: Script | None = None,
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
        self.director = Director(self, script or Script())
        self.malformed = 0
        """Messages that were refused because they couldn't be read."""
        self.trading = Trading(self, cash)
        self._listener = Listener(host, port, self._converse, self._opened, self._closing)
        self._sessions: set[Session] = set()
        self._kicked = False
        self._steps: asyncio.Task[None] | None = None
        self._leap: asyncio.Event = asyncio.Event()
        self.clock.moved.append(lambda: self._listener.call(self._leapt))

    @property
    def port(self) -> int:
        """The port it listens on. Raises `RuntimeError` before `start`."""
        return self._listener.port

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
        self._listener.start()
        return self

    def stop(self) -> None:
        """Send every client away and stop listening; may be called more than once."""
        self._listener.stop()

    def kick(self) -> None:
        """Close every connection without a word."""
        self._listener.call(self.abort_all)

    def act(self, do: str, **arguments: object) -> None:
        """Have a fault of `script.ACTIONS` happen now, with its arguments as plain values (seconds, numbers)."""
        unknown = set(arguments) - set(ACTIONS[do])
        if unknown:
            raise ValueError(f"{do} takes {sorted(ACTIONS[do])}, not {sorted(unknown)}")
        self._listener.call(self.director.perform, Action(do, arguments))

    async def restart(self, down: float) -> None:
        """Send everybody away, and take nobody for so many real seconds; in the gateway's loop."""
        self.abort_all()
        await self._listener.leave(down)

    def enter(self, session: Session, client_id: int) -> bool:
        """Take a client in under its id; False when the id is in use."""
        if any(other.client_id == client_id for other in self._sessions):
            return False
        session.client_id = client_id
        return True

    def leave(self, session: Session) -> None:
        """A client has gone."""
        self._sessions.discard(session)

    def abort_all(self) -> None:
        """Close every connection without a word; in the gateway's loop."""
        for session in list(self._sessions):
            session.abort()

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

    def _opened(self) -> None:
        self.director.start()
        if self.clock.speed > 0:
            self._steps = asyncio.create_task(self._step())

    def _closing(self) -> None:
        self.director.stop()
        if self._steps is not None:
            self._steps.cancel()
        self.abort_all()

    async def _step(self) -> None:
        while True:
            await asyncio.sleep(BETWEEN_STEPS)
            try:
                self.advance()
            except Exception:
                log.exception("the simulated gateway failed to go on in time")

    def _leapt(self) -> None:
        """Simulated time has been moved: wake everybody who waits for that."""
        passed, self._leap = self._leap, asyncio.Event()
        passed.set()
        self.advance()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self, HANDLERS, reader, writer)
        self._sessions.add(session)
        await session.run()
