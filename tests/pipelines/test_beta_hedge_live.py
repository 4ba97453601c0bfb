"""A session of the live hedge: the real command in a process of its own, the real client, a market that the test moves.

What must hold is worked out here from the simulated broker's own books and prices: what the book's beta is, whether
it is out of its band, and so which order is to follow. The gateway stands still between the test's leaps, so that an
order too many, or too early, can't hide behind a tick.
"""

from __future__ import annotations

import math
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.stream.codec import decode
from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Order
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.trading.order import Leg

ROOT = Path(__file__).resolve().parents[2]
SESSION = date(2022, 12, 28)
OPENING = pd.Timestamp("2022-12-28T14:36Z")
ENDING = pd.Timestamp("2022-12-28T20:45Z")
SPY = 756733
BAND = 0.05
ACCOUNT = "DU1234567"
AAPL = Contract(265598, "AAPL", "STK", "USD")
MSFT = Contract(272093, "MSFT", "STK", "USD")
TIMEOUT = 20.0
TOLD = 1.05

DESK = """\
name: day
connections:
  gateway: {{kind: ib, port: {port}, clock: gateway, timeout: 2s}}
  frames: {{kind: arctic}}
  tables: {{kind: sql}}
  alerts: {{kind: notify}}
orders:
  mode: {mode}
  accounts: [DU1234567]
  quantity: 8000
  notional: 3000000
  notional_per_day: {day}
"""


@dataclass
class Spy:
    """What the stream has taken in, read from its file as it writes it."""

    folder: Path
    seen: dict[str, dict[Any, Any]] = field(default_factory=lambda: {"positions": {}, "quotes": {}})
    at: int = 0

    def look(self) -> None:
        """Take in the firings that are done by now."""
        paths = list(self.folder.glob("*.db"))
        if not paths:
            return
        with sqlite3.connect(f"file:{paths[0]}?mode=ro", uri=True) as connection:
            (last,) = connection.execute("SELECT COALESCE(MAX(number), 0) FROM firings WHERE finished = 1").fetchone()
            rows = connection.execute(
                "SELECT firing, source, frame, is_all FROM rows WHERE firing > ? AND firing <= ? ORDER BY rowid",
                (self.at, last),
            ).fetchall()
        connection.close()
        self.at = last
        for _, source, data, is_all in rows:
            if source not in self.seen:
                continue
            if is_all:
                self.seen[source].clear()
            for row in decode(data).to_dict("records"):
                if source == "positions":
                    self.seen[source][row["account"], row["con_id"]] = row["quantity"]
                else:
                    self.seen[source][row["con_id"]] = row["price"]


class Day:
    """The desk, the market, the run, and what must follow."""

    def __init__(self, root: Path, gateway: SimulatedGateway, hand: Broker) -> None:
        self.root, self.gateway, self.hand = root, gateway, hand
        self.betas: dict[int, tuple[float, float]] = {}
        self.run: subprocess.Popen[str] | None = None
        self.spy = Spy(root / ".hedgerow" / "streams" / "beta_hedge_live")
        self.expected: list[float] = []
        """Signed quantities of the orders that must have been sent, in order."""
        self.next = 0.0
        """The order that what was last done must lead to; worked out before it is done: the run is quick."""
        self._number = 0

    def desk(self, mode: str, day: float = 1e9) -> None:
        text = DESK.format(port=self.gateway.port, mode=mode, day=day)
        (self.root / "pipelines" / "_desk.yaml").write_text(text)

    def start(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        log = (self.root / "run.log").open("a")
        self.run = subprocess.Popen(
            [sys.executable, "-m", "flows", "run", "beta_hedge_live"],
            cwd=self.root,
            env=inherited | {"PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
            text=True,
        )

    def kill(self) -> None:
        assert self.run is not None
        self.run.send_signal(signal.SIGKILL)
        self.run.wait(10)

    @property
    def log(self) -> str:
        return (self.root / "run.log").read_text()

    def until(self, condition: Callable[[], bool], what: str, seconds: float = TIMEOUT) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.run is None or self.run.poll() is None, f"the run has ended:\n{self.log}"
            assert time.monotonic() < end, f"waited in vain for {what}; orders {self.orders}\n{self.log[-3000:]}"
            time.sleep(0.01)

    def leap(self, moment: pd.Timestamp) -> None:
        time.sleep(TOLD)  # a gateway in another process is asked for its time no oftener than it tells it
        self.next = self.wanted(at=moment)
        self.gateway.clock.move_to(moment)

    def pass_(self, span: str) -> None:
        self.leap(self.gateway.clock.now() + pd.Timedelta(span))

    def trade(self, contract: Contract, quantity: float) -> None:
        """Somebody else of the desk trades, from another program."""
        self._number += 1
        action = "BUY" if quantity > 0 else "SELL"
        self.next = self.wanted(contract.con_id, quantity)
        order = Order(f"hand-{self._number}", ACCOUNT, contract, action, abs(quantity))
        (placed,) = self.hand.place([order], SESSION, 5.0)
        assert placed.status == "filled", placed

    def enter(self, contract: Contract, quantity: float) -> None:
        """Somebody trades in the broker's own program."""
        values = dict(self.gateway.trading.registry.all()[-1].values)
        values |= {"action": "BUY" if quantity > 0 else "SELL", "totalQuantity": abs(quantity), "orderRef": "hand"}
        instrument = self.gateway.market.instruments[contract.con_id]
        self.next = self.wanted(contract.con_id, quantity)
        self.gateway.trading.enter_by_hand(values, (Leg(instrument, 1),), ACCOUNT)

    @property
    def orders(self) -> list[float]:
        """Signed quantities of the run's orders at the broker, in the order in which they came."""
        return [
            (1 if order.values["action"] == "BUY" else -1) * order.quantity
            for order in self.gateway.trading.registry.all()
            if str(order.values["orderRef"]).startswith("hand") is False
        ]

    def book(self) -> dict[tuple[str, int], float]:
        """What the accounts hold, as the broker keeps it."""
        ledger = self.gateway.trading.ledger
        return {
            (account, position.instrument.con_id): position.quantity
            for account in ledger.accounts
            for position in ledger.positions(account)
            if position.quantity
        }

    def mid(self, con_id: int, at: pd.Timestamp | None = None) -> float:
        moment = self.gateway.clock.nanoseconds() if at is None else at.value
        quote = self.gateway.market.quote(self.gateway.market.instruments[con_id], moment)
        assert quote.bid is not None
        assert quote.ask is not None
        return (quote.bid + quote.ask) / 2

    def away(self, bought: int = 0, more: float = 0.0, at: pd.Timestamp | None = None) -> tuple[float, float]:
        """(hedged exposure, the most that it may be), by the recipe, after a trade or at another moment."""
        value = exposure = 0.0
        for (_, con_id), quantity in [*self.book().items(), *([((ACCOUNT, bought), more)] if bought else [])]:
            instrument = self.gateway.market.instruments[con_id]
            worth = quantity * self.mid(con_id, at) * float(instrument.multiplier or 1)
            value += worth
            beta, r_squared = (1.0, 1.0) if con_id == SPY else self.betas.get(con_id, (math.nan, 0.0))
            exposure += beta * worth if r_squared > 1 / 3 else 0.0
        return exposure, BAND * abs(value)

    def wanted(self, bought: int = 0, more: float = 0.0, at: pd.Timestamp | None = None) -> float:
        """The order that must follow; 0 for none."""
        exposure, most = self.away(bought, more, at)
        exact = -exposure / self.mid(SPY, at)
        return 0.0 if abs(exposure) <= most else math.copysign(math.floor(abs(exact) + 0.5), exact)

    def has_seen_all(self) -> bool:
        """Whether the run has fired on the book and the prices as they are now."""
        self.spy.look()
        positions = {key: quantity for key, quantity in self.spy.seen["positions"].items() if quantity}
        prices = self.spy.seen["quotes"]
        held = {con_id for _, con_id in self.book()} | {SPY}
        return positions == self.book() and all(
            con_id in prices and math.isclose(prices[con_id], self.mid(con_id), abs_tol=1e-9) for con_id in held
        )

    def settle(self) -> None:
        """The run has seen everything, and has sent exactly what must follow and no more."""
        self.until(lambda: len(self.orders) >= len(self.expected), f"{self.expected}")
        self.until(self.has_seen_all, "the run to see the book and the market")
        self.until(self.has_seen_all, "the run to see the book and the market")
        assert self.orders == self.expected, self.log[-3000:]
        assert not self.gateway.trading.registry.live()

    def move(self, moment: pd.Timestamp) -> None:
        """The market moves: where that takes the book out of its band, an order must follow."""
        self.leap(moment)
        if self.next:
            self.follow()
        else:
            self.settle()

    def follow(self) -> None:
        """One order must follow, which takes the book to the middle of its band."""
        assert self.next, "the test's own move was too small"
        self.expected.append(self.next)
        self.settle()
        exposure, most = self.away()
        assert abs(exposure) <= most, "the book is in its band again"
        assert abs(exposure) <= self.mid(SPY), "to less than a contract"


@pytest.fixture
def day(hedgerow: Any, tmp_path: Path) -> Iterator[Day]:
    with ExitStack() as stack:
        gateway = stack.enter_context(SimulatedGateway(now=OPENING))
        hand = stack.enter_context(Broker("gateway", Settings(port=gateway.port, client_id=90), tmp_path / "hand"))
        hand.authorise(OrderPolicy(mode="send", accounts=[ACCOUNT]))
        day = Day(hedgerow.root, gateway, hand)
        day.desk("plan")
        done = hedgerow.json("run", "beta_hedge")
        assert done["status"] == "completed", done
        day.betas = {row["con_id"]: (row["beta"], row["r_squared"]) for row in done["steps"]["betas"]["frame"]}
        day.desk("send")
        yield day
        if day.run is not None and day.run.poll() is None:
            day.kill()


def test_a_whole_session_one_order_a_move_and_no_more(day, hedgerow):
    day.next = day.wanted()
    day.start()
    day.follow()  # the book as it was overnight

    for moment in pd.date_range("2022-12-28T14:45Z", "2022-12-28T16:15Z", freq="30min"):
        day.move(moment)

    day.trade(AAPL, 3000)  # somebody buys: thirty seconds are over since the last order
    day.follow()
    day.trade(AAPL, -4000)  # and sells again, within the cooldown
    day.until(day.has_seen_all, "the run to see the sale")
    assert day.wanted() != 0
    assert day.orders == day.expected, "nothing so soon after an order"
    day.pass_("31s")
    day.follow()

    day.pass_("5m")
    day.settle()
    day.gateway.act("connectivity_lost", **{"for": 1.5, "data": "lost"})  # quotes are not to be trusted
    day.until(lambda: "has had nothing since" in day.log, "the run to tell that its data is stale")
    day.enter(MSFT, 1500)
    time.sleep(0.3)
    assert day.orders == day.expected, "no order on stale data"
    day.follow()

    day.pass_("5m")
    day.settle()
    day.gateway.act("restart", down=1.0)  # the gateway's nightly restart
    day.until(lambda: not list(day.gateway.clients), "everybody to be sent away")
    day.until(lambda: len(list(day.gateway.clients)) > 0, "somebody to be back")
    day.trade(MSFT, -2000)
    day.follow()

    day.pass_("5m")
    day.settle()
    day.trade(AAPL, 2500)
    day.until(lambda: len(day.orders) > len(day.expected), "the order")
    day.kill()  # as soon as the order is at the broker
    day.start()
    day.follow()
    day.pass_("1m")
    day.settle()

    assert hedgerow("halt", "the test says so").returncode == 0
    day.pass_("1m")
    day.trade(AAPL, -2500)
    day.until(lambda: "halted" in day.log, "the run to tell that trading is halted")
    assert day.orders == day.expected, "no order while trading is halted"
    assert hedgerow("resume").returncode == 0
    day.follow()

    for moment in pd.date_range("2022-12-28T18:00Z", "2022-12-28T20:00Z", freq="1h"):
        day.move(moment)
    day.leap(ENDING)
    assert day.run.wait(TIMEOUT) == 0, day.log
    assert day.orders == day.expected
    executions = Counter(each.order.order_id for each in day.gateway.trading.clearing.executions())
    assert max(executions.values()) > 1, "some were filled in parts"

    (live,) = re.findall(r"run (\w{12}) completed", day.log)
    first, second = (hedgerow.json("replay", "beta_hedge_live") for _ in range(2))
    assert first["firings"] == second["firings"] > 30
    assert not first["what_if"]
    for one, other in ((live, first["run"]), (first["run"], second["run"])):
        compared = hedgerow("diff", one, other)
        assert "every frame is the same, bit for bit" in compared.stdout, compared
    assert day.orders == day.expected, "a replay sends nothing"
