"""The connection of kind `ib`: Interactive Brokers' TWS or Gateway, or a simulated one."""

from __future__ import annotations

import random
from typing import ClassVar

import pandas as pd

from tasks.connections.base import Settings as BaseSettings
from tasks.connections.clock import Clock
from tasks.connections.ib.services.accounts import Accounts
from tasks.connections.ib.services.connection import ConnectionLogs
from tasks.connections.ib.services.history import History
from tasks.connections.ib.services.news import News
from tasks.connections.ib.services.trading import Trading
from tasks.connections.ib.settings import Settings
from tasks.connections.problems import ConnectionProblem, Problem

__all__ = ["Broker", "GatewayClock", "Settings"]

PROBES = range(900_000, 1_000_000)
"""Client ids of those who only ask how the gateway is."""


class GatewayClock:
    """The time that a gateway tells, to the second: for a simulated one in another process."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def now(self) -> pd.Timestamp:
        """The moment. Raises `ConnectionProblem` where the gateway doesn't tell it."""
        return pd.Timestamp(self._broker.current_time(), unit="s", tz="UTC").as_unit("ns")


class Broker(Accounts, History, Trading, News, ConnectionLogs):
    """Reads accounts, positions, contracts, bars, quotes and news; trades once it is authorised.

    Every method connects when need be, also after a dropped connection, and waits no longer than
    the running step has time. Each raises `ConnectionProblem` where another try may succeed,
    `Refused` where the gateway says no for good, and `DataProblem` for what it doesn't know.
    """

    kind: ClassVar[str] = "ib"
    Settings: ClassVar[type[BaseSettings]] = Settings

    def clock(self) -> Clock | None:
        """The clock that a run on this connection keeps, before connecting; None: the wall's."""
        if self.settings.simulated:
            with self._opening:
                return self._gateway().clock
        return GatewayClock(self) if self.settings.clock == "gateway" else None

    def check_health(self) -> str:
        """Connect, with a client id of its own so that a run under way isn't in the way, and ask for the time.

        A connection that a process of the desk has lost and doesn't get back is a problem too,
        whether or not this one could connect: it says since when.
        """
        if self.settings.simulated:
            self.open()
            return f"simulated, {self._told()}"
        own = self.settings.model_copy(update={"client_id": random.choice(PROBES)})  # noqa: S311 - guards nothing
        try:
            with Broker(self.name, own, self.folder) as probe:
                told = f"{own.host}:{own.port}, {probe._told()}"
        except Problem as problem:
            raise type(problem)(" ".join([problem.reason, *self._outages()]), problem.instruction) from problem
        outages = self._outages()
        if outages:
            raise ConnectionProblem(" ".join(outages), "It goes on trying; look at the gateway, and at that run's log.")
        return told

    def _outages(self) -> list[str]:
        """Connections that the desk's processes have lost, each in a sentence."""
        from tasks.connections.ib.pool import outages_of

        settings = self.settings
        return [
            f"A run's connection, as client {outage.client_id}, has been lost since "
            f"{pd.Timestamp(outage.since_ns, unit='ns'):%Y-%m-%d %H:%M:%S} UTC, after {outage.attempts} attempts to "
            f"make it again: {outage.reason}"
            for outage in outages_of(self.folder, settings.host, settings.port).read()
        ]

    def _told(self) -> str:
        now = pd.Timestamp(self.current_time(), unit="s")
        return f"{', '.join(self.accounts()) or 'no accounts'}, {now:%Y-%m-%d %H:%M:%S} UTC there"

    def current_time(self) -> int:
        """The gateway's time, in seconds since 1970."""
        return self._bridge().current_time(self._timeout)
