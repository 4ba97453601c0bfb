"""Whether the desk's connections can be used, each tried with little patience."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import pandas as pd

from flows.context import OpenConnections
from flows.desk import Desk
from flows.execute import describe
from tasks.connections.clock import WallClock
from tasks.connections.ib.orders.halt import Halt
from tasks.connections.ib.orders.ledger import Ledger

IN_FLIGHT = pd.Timedelta(minutes=1)
"""How long an order may be on its way; after that nobody knows what became of it."""


@dataclass(frozen=True)
class Health:
    """What trying a connection came to."""

    name: str
    kind: str
    is_well: bool
    told: str
    """What it says of itself, or what is wrong and what to do."""
    seconds: float


def check_connections(desk: Desk, patience: float) -> list[Health]:
    """Try all connections of the desk at once; one that hasn't answered after `patience` seconds is unwell."""
    connections = OpenConnections(desk)
    begun = time.monotonic()
    found: dict[str, Health] = {}

    def check(name: str, kind: str) -> None:
        try:
            is_well, told = True, connections.made(name).check_health()
        except Exception as error:
            is_well, told = False, describe(error)
        found[name] = Health(name, kind, is_well, told, time.monotonic() - begun)

    # Daemons, as one that hangs can't be ended, and must not keep the process.
    kinds = {name: spec.kind for name, spec in desk.connections.items()}
    threads = [threading.Thread(target=check, args=each, daemon=True) for each in kinds.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, begun + patience - time.monotonic()))
    ended = dict(found)
    if len(ended) == len(kinds):
        connections.close()
    silent = f"It has not answered within {patience:g} s."
    return [ended.get(name) or Health(name, kind, False, silent, patience) for name, kind in kinds.items()]


def check_orders(desk: Desk) -> Health:
    """Whether orders may go out."""
    halted = Halt(desk.data).reason
    if halted is not None:
        return Health("orders", "orders", False, f"trading is HALTED: {halted}; `hedgerow resume` ends it", 0.0)
    told = f"mode {desk.orders.mode}"
    if desk.orders.mode != "plan":
        ledger = Ledger(desk.data)
        try:
            waiting = len(ledger.intents(state="waiting"))
            since = (WallClock().now() - IN_FLIGHT).value
            unsure = sum((intent.sent or 0) <= since for intent in ledger.intents(state="sending"))
        finally:
            ledger.close()
        told += f", {waiting} waiting for approval" if waiting else ""
        if unsure:
            told += f", {unsure} of unknown fate: their runs, run again, find out"
            return Health("orders", "orders", False, told, 0.0)
    return Health("orders", "orders", True, told, 0.0)
