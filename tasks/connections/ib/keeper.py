"""Keeps a connection that something depends on: makes it again, and asks again for what was lost with it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tasks.connections.ib.bridge import Bridge
from tasks.connections.ib.codes import Meaning
from tasks.connections.ib.events import ConnectionLog
from tasks.connections.ib.messages import BrokerMessage
from tasks.connections.ib.outages import Outage, Outages
from tasks.connections.ib.subscriptions import Subscription
from tasks.connections.ib.watchers import Watchers
from tasks.connections.problems import ConnectionProblem, Problem, Refused

log = logging.getLogger("hedgerow.ib")

BROKER_LOST, DATA_LOST, DATA_KEPT = 1100, 1101, 1102
TIRED_OF_ITS_ID = 4
"""Attempts in a row at which the client id may be in use: it is then no longer the dropped connection's own."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for what."""

    first: float = 5.0
    """Seconds before the first attempt to connect again; each wait after is twice the one before."""
    longest: float = 300.0
    jitter: float = 0.2
    """Share of a wait that chance may add or take away, so that a desk's processes don't come back all at once."""
    quiet: float = 30.0
    """Seconds without a message after which a connection that is depended on is asked for the time."""
    answer: float = 10.0
    """Seconds that it has to tell it, before it is declared dead."""

    def waits(self, chance: random.Random) -> Iterable[float]:
        """The waits, one after the other, without end."""
        wait = self.first
        while True:
            yield wait * (1 + self.jitter * (2 * chance.random() - 1))
            wait = min(self.longest, wait * 2)


class Keeper:
    """A watcher with a thread that does what the reader's must not: connecting, asking, waiting.

    Parameters
    ----------
    connect
        Gives the bridge that is connected, or connects; it calls `connected`.
    is_wanted
        Whether the connection is to be kept.
    subscriptions
        Those to send again.
    outages
        Where to write down that the connection is lost, for other processes.
    """

    def __init__(
        self,
        connect: Callable[[], Bridge],
        is_wanted: Callable[[], bool],
        subscriptions: Callable[[], list[Subscription]],
        watchers: Watchers,
        events: ConnectionLog,
        patience: Patience,
        outages: Outages | None = None,
    ) -> None:
        self._connect, self._is_wanted, self._subscriptions = connect, is_wanted, subscriptions
        self._watchers, self._events, self._patience = watchers, events, patience
        self._outages = outages
        self.refused: Problem | None = None
        """Why no more attempts are made."""
        self._bridge: Bridge | None = None
        self._to_tell: Bridge | None = None
        self._send_at: float | None = None
        """When to send subscriptions that have stopped, by the monotonic clock."""
        self._is_stopped = False
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._thread: threading.Thread | None = None
        self._chance = random.Random()  # noqa: S311  # guards nothing
        self._waits = iter(patience.waits(self._chance))
        self._next_attempt = 0.0
        self._ids_in_use = 0

    def connected(self, bridge: Bridge) -> None:
        """Nothing: it is this that tells the watchers."""

    def made(self, bridge: Bridge) -> None:
        """A new bridge is connected."""
        self._events.made(bridge.client_id)
        self._write_outage(None)
        with self._changed:
            self.refused = None
            self._ids_in_use = 0
            self._bridge = self._to_tell = bridge
            self._waits = iter(self._patience.waits(self._chance))
            self._run_on()

    def lost(self, problem: Problem) -> None:
        """The connection dropped."""
        for subscription in self._subscriptions():
            subscription.interrupt()
        with self._changed:
            self._bridge = None
            self._next_attempt = time.monotonic() + next(self._waits)
            self._run_on()

    def event(self, event: Any) -> None:
        """What the gateway says unasked: that it has the broker again, or that a subscription has stopped."""
        if not isinstance(event, BrokerMessage):
            return
        for subscription in self._subscriptions():
            if event.code == DATA_LOST:
                subscription.interrupt()
            elif event.code == BROKER_LOST:
                subscription.stale = True
            elif event.code == DATA_KEPT and subscription.number is not None:
                subscription.stale = False
            if subscription.con_id is not None and self._bridge is not None:
                subscription.doubtful = not self._bridge.condition.is_whole  # for whichever farm it is
        with self._changed:
            if event.code in (DATA_LOST, DATA_KEPT):
                self._to_tell = self._bridge
            elif event.meaning is Meaning.DEACTIVATED:
                self._send_at = time.monotonic() + self._patience.first
            else:
                return
            self._run_on()

    def wake(self) -> None:
        """Something may be wanted that wasn't."""
        with self._changed:
            self._run_on()

    def stop(self) -> None:
        """Do nothing any more."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)
        self._write_outage(None)

    def subscribe(self, bridge: Bridge, subscription: Subscription) -> None:
        """Send a subscription, unless it has been sent."""
        with self._sending:
            if subscription.number is not None or subscription.done:
                return
            bridge.subscribe(subscription)
        if subscription.done:
            bridge.unsubscribe(subscription)

    def _run_on(self) -> None:
        if self._thread is None and not self._is_stopped:
            self._thread = threading.Thread(target=self._run, name="ib keeper", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._is_stopped:
                    return
                bridge, self._to_tell = self._to_tell, None
                if bridge is None and (wait := self._until_next()) > 0:
                    self._changed.wait(wait)
                    continue
                now = self._bridge
                is_due = self._send_at is not None and self._send_at <= time.monotonic()
                if is_due:
                    self._send_at = None
            try:
                if bridge is not None:
                    self._watchers.connected(bridge)
                    self._send_again(bridge)
                elif now is None:
                    self._connect_again()
                elif is_due:
                    self._send_again(now)
                else:
                    self._probe()
            except Exception:
                log.exception("the keeper of a connection failed")

    def _until_next(self) -> float:
        """Seconds until something is to be done."""
        if not self._is_wanted() or self.refused is not None:
            return 3600.0
        if self._bridge is None:
            return self._next_attempt - time.monotonic()
        probe_at = self._bridge.heard_at + self._patience.quiet
        return min(probe_at, probe_at if self._send_at is None else self._send_at) - time.monotonic()

    def _send_again(self, bridge: Bridge) -> None:
        """Send the subscriptions that are not under way, unless the gateway lacks what they need."""
        if not bridge.condition.has_broker:
            return  # it is told when it is back
        sent = 0
        for subscription in self._subscriptions():
            if subscription.number is None and not subscription.done and subscription.send is not None:
                try:
                    self.subscribe(bridge, subscription)
                except ConnectionProblem as problem:
                    log.info("%s", problem)
                    return
                sent += 1
        if sent:
            self._events.keep("resubscribed", text=f"{sent} subscriptions were sent again")

    def _connect_again(self) -> None:
        try:
            self._connect()
        except Problem as problem:
            failed = self._last_straw(problem)
            self._events.failed(failed)
            self._write_outage(failed)
            with self._changed:
                self._next_attempt = time.monotonic() + next(self._waits)
                if not failed.retryable:
                    self.refused = failed
            if not failed.retryable:
                for subscription in self._subscriptions():
                    subscription.complete(failed)

    def _write_outage(self, problem: Problem | None) -> None:
        events = self._events
        if self._outages is None:
            return
        if problem is None or events.lost_since_ns is None:
            self._outages.end(events.client_id)
        else:
            since, attempts = events.lost_since_ns, events.attempts
            self._outages.keep(Outage(events.client_id, since, attempts, problem.reason))

    def _last_straw(self, problem: Problem) -> Problem:
        """A client id that stays in use is another program's by now."""
        self._ids_in_use = self._ids_in_use + 1 if "is in use" in problem.reason else 0
        if self._ids_in_use < TIRED_OF_ITS_ID:
            return problem
        return Refused(
            f"{problem.reason} It still was after {self._ids_in_use} attempts.",
            "Stop the other program that uses it, or give this connection another `client_id` in the desk file.",
        )

    def _probe(self) -> None:
        """Ask for the time where nothing came for long: a mute connection looks like a quiet one."""
        bridge = self._bridge
        if bridge is None or not bridge.alive:
            return
        try:
            bridge.current_time(self._patience.answer)
        except ConnectionProblem:
            seconds = time.monotonic() - bridge.heard_at
            bridge.declare_dead(
                ConnectionProblem(
                    f"The connection to {bridge.host}:{bridge.port} is mute: nothing came for {seconds:.0f} s, "
                    "and the gateway doesn't tell its time.",
                    "Look at the gateway; the connection is made again.",
                )
            )
