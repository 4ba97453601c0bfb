"""A session of the risk watcher: a breach, its reminder, its recovery, a halt, and a person who lifts it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Order
from tasks.connections.ib.simulator.gateway import SimulatedGateway

ROOT = Path(__file__).resolve().parents[2]
SESSION = date(2022, 12, 28)
ACCOUNT = "DU1234567"
AAPL = Contract(265598, "AAPL", "STK", "USD")
TOLD = 1.05
DESK = """\
name: day
connections:
  gateway: {{kind: ib, port: {port}, clock: gateway, timeout: 2s}}
  frames: {{kind: arctic}}
  tables: {{kind: sql}}
  alerts: {{kind: notify}}
orders: {{mode: send, accounts: [DU1234567]}}
"""


class Watch:
    def __init__(self, root: Path, gateway: SimulatedGateway, hand: Broker) -> None:
        self.root, self.gateway, self.hand = root, gateway, hand
        self.number = 0
        log = (root / "run.log").open("w")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        self.run = subprocess.Popen(
            [sys.executable, "-m", "flows", "run", "risk_watch", "-p", "cvar=75000"],
            cwd=root,
            env=inherited | {"PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )

    @property
    def log(self) -> str:
        return (self.root / "run.log").read_text()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert self.run.poll() is None, f"the run has ended:\n{self.log}"
            assert time.monotonic() < end, f"waited in vain for {what}\n{self.log[-4000:]}"
            time.sleep(0.02)

    def leap(self, moment: str) -> None:
        time.sleep(TOLD)  # a gateway in another process is asked for its time no oftener than it tells it
        self.gateway.clock.move_to(pd.Timestamp(f"2022-12-28T{moment}Z"))

        self.until(self.has_fired, f"a firing at {moment}")

    def has_fired(self) -> bool:
        """Whether it has taken in the prices of this moment, and is done with them."""
        path = next((self.root / ".hedgerow" / "streams" / "risk_watch").glob("*.db"), None)
        if path is None or "exposure" not in self.log:
            return False
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as spool:
            (last,) = spool.execute(
                "SELECT MAX(time) FROM firings JOIN rows ON firing = number WHERE source = 'quotes' AND finished = 1"
            ).fetchone()
        return last is not None and int(last) >= self.gateway.clock.nanoseconds()

    def trade(self, quantity: float) -> None:
        """Somebody trades, from another program, and the watcher is told."""
        self.number += 1
        action = "BUY" if quantity > 0 else "SELL"
        (placed,) = self.hand.place([Order(f"hand-{self.number}", ACCOUNT, AAPL, action, abs(quantity))], SESSION, 5.0)
        assert placed.status == "filled", placed

    @property
    def alerts(self) -> list[str]:
        """What was told, each alert with its lines."""
        path = self.root / ".hedgerow" / "hedgerow.log"
        return path.read_text().split("desk: Limits on 2022-12-28")[1:] if path.exists() else []


@pytest.fixture
def watch(hedgerow: Any, tmp_path: Path) -> Iterator[Watch]:
    with ExitStack() as stack:
        gateway = stack.enter_context(SimulatedGateway(now="2022-12-28T14:40Z", cash=5_000_000.0))
        (hedgerow.root / "pipelines" / "_desk.yaml").write_text(DESK.format(port=gateway.port))
        hand = stack.enter_context(Broker("gateway", Settings(port=gateway.port, client_id=90), tmp_path / "hand"))
        hand.authorise(OrderPolicy(mode="send", accounts=[ACCOUNT]))
        watch = Watch(hedgerow.root, gateway, hand)
        yield watch
        if watch.run.poll() is None:
            watch.run.send_signal(signal.SIGKILL)
            watch.run.wait(10)


def test_a_breach_is_told_once_then_again_after_half_an_hour_and_when_it_is_over(watch, hedgerow):
    watch.until(watch.has_fired, "the first figures")
    assert watch.alerts == [], "the book is inside its limits"

    watch.trade(10_000)
    watch.leap("14:50:00")
    watch.until(lambda: "Trading is halted: risk_watch: cvar_95" in watch.log, "the halt")
    (breach,) = watch.alerts
    for part in ("breach", "gross", "3,000,000", "cvar_95", "hedgerow explain"):
        assert part in breach, breach
    watch.leap("14:55:00")
    watch.leap("15:10:00")
    assert len(watch.alerts) == 1, "as long as nothing changes, nobody is told again so soon"
    watch.leap("15:21:00")
    watch.until(lambda: len(watch.alerts) == 2, "the reminder")
    assert "reminder" in watch.alerts[1]

    watch.trade(-10_000)
    watch.leap("15:22:00")
    watch.until(lambda: len(watch.alerts) == 3, "the recovery")
    assert "recovery" in watch.alerts[2]
    watch.leap("15:40:00")
    watch.leap("16:00:00")
    assert len(watch.alerts) == 3, "what is over isn't told again"

    refused = hedgerow.json("run", "beta_hedge")
    assert refused["steps"]["orders"]["status"] == "failed"
    assert "Trading is halted" in refused["steps"]["orders"]["reason"], "a recovery lets no order out"
    assert hedgerow("resume").returncode == 0
    sent = hedgerow.json("run", "beta_hedge")
    assert [order["status"] for order in sent["steps"]["orders"]["frame"]] == ["filled"]
    watch.leap("16:30:00")
    assert watch.run.poll() is None
