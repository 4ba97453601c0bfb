"""A desk that trades while its gateway, its connection and its own processes keep failing.

Run from the project's root: ``make soak``, or ``.venv/bin/python tests/soak/trading.py --minutes 1``. Threads of one
process place orders of every kind, change and cancel them; another process places some too, and is killed (kill -9)
again and again. Every few seconds the simulated gateway does something wrong. What fails is asked for again under the
same reference, as a rerun would. In the end the desk's orders, executions and positions are held against the
simulated broker's books: they must be equal, and every reference there once.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from tasks.connections.clock import WallClock
from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.orders.desk import Line
from tasks.connections.ib.orders.fills import Fill
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Leg, Order, bracket
from tasks.connections.ib.simulator.faults import Faults
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.problems import ConnectionProblem, Problem, Refused

CODE = Path(__file__).resolve().parents[2]
SESSION = date(2022, 12, 28)
OPENING = "2022-12-28T14:31Z"
ACCOUNTS = ("DU1234567", "DU7654321")
CONTRACTS = (
    (Contract(756733, "SPY", "STK", "USD"), 380.0),
    (Contract(265598, "AAPL", "STK", "USD"), 128.0),
    (Contract(8894, "KO", "STK", "USD"), 63.5),
)
"""With a price that is near the market's."""
FAULTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("kick", {}),
    ("kick", {}),
    ("restart", {"down": 1.0}),
    ("connectivity_lost", {"for": 1.0, "data": "kept"}),
    ("connectivity_lost", {"for": 1.0, "data": "lost"}),
    ("farm_down", {"for": 1.0, "farm": "market"}),
    ("mute", {"for": 1.5}),
    ("half_message", {}),
    ("slow_reader", {"for": 1.0}),
    ("slow_writer", {"for": 1.0}),
    ("duplicate_callbacks", {"for": 5.0}),
    ("reorder_callbacks", {"for": 5.0}),
    ("drop_orders", {"n": 1}),
    ("drop_orders", {"n": 3}),
    ("correction", {"n": 2}),
    ("bust", {"n": 1}),
    ("late_commission", {"for": 5.0, "seconds": 20}),
)
PATIENCE = 2.0
POLICY = OrderPolicy(mode="send", accounts=list(ACCOUNTS), quantity=2_000)

PLACE = """
import sys
from datetime import date
from pathlib import Path
from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.orders.policy import OrderPolicy
from tasks.connections.ib.orders.values import Order
from tasks.connections.problems import Problem

port, folder, *texts = sys.argv[1:]
with Broker("gateway", Settings(port=int(port), timeout="5s"), Path(folder)) as broker:
    broker.authorise(OrderPolicy(mode="send", accounts=["DU1234567", "DU7654321"], quantity=2000))
    print("ready", flush=True)
    for text in texts:
        try:
            broker.place([Order.from_json(text)], date(2022, 12, 28), 2.0)
        except Problem as problem:
            print(problem, flush=True)
"""


@dataclass
class Findings:
    """What was done, and what is wrong."""

    orders: int = 0
    executions: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    killed: int = 0
    retried: int = 0
    wrong: list[str] = field(default_factory=list)


class Desk:
    """Places orders, and asks again for what failed."""

    def __init__(self, broker: Broker, findings: Findings) -> None:
        self.broker = broker
        self.findings = findings
        self.meant: dict[str, str] = {}
        """What became of each reference, as far as is known; empty until then."""
        self.pending: dict[str, list[Order]] = {}
        self.reasons: dict[str, str] = {}
        """Why each of them is."""
        self._lock = threading.Lock()
        self._number = 0

    def reference(self) -> str:
        with self._lock:
            self._number += 1
            return f"soak-{self._number}"

    def order(self, chance: random.Random) -> list[Order]:
        contract, price = chance.choice(CONTRACTS)
        plain = Order(
            reference=self.reference(),
            account=chance.choice(ACCOUNTS),
            contract=contract,
            action=chance.choice(("BUY", "SELL")),
            quantity=float(chance.randint(1, 400)),
        )
        limit = round(price * chance.uniform(0.98, 1.02), 2)
        kind = chance.random()
        if kind < 0.4:
            return [plain]
        if kind < 0.7:
            return [replace(plain, order_type="LMT", limit_price=limit)]
        if kind < 0.8:
            return [replace(plain, order_type="STP", stop_price=limit)]
        if kind < 0.85:
            return [replace(plain, order_type="TRAIL", trail=round(price * 0.005, 2))]
        if kind < 0.9:
            combination = Contract(symbol="SPY", security_type="BAG", currency="USD", exchange="SMART")
            return [
                replace(plain, contract=combination, quantity=5.0, legs=(Leg(756733, 1, "BUY"), Leg(8894, 2, "SELL")))
            ]
        up = 1 if plain.action == "BUY" else -1
        return bracket(
            plain, take_profit=round(price * (1 + 0.01 * up), 2), stop_loss=round(price * (1 - 0.01 * up), 2)
        )

    def place(self, orders: list[Order]) -> None:
        for order in orders:
            self.meant.setdefault(order.reference, "")
        try:
            for placed in self.broker.place(orders, SESSION, PATIENCE):
                self.meant[placed.reference] = placed.status
            self.pending.pop(orders[0].reference, None)
        except ConnectionProblem as problem:
            self.findings.failures[type(problem).__name__] += 1
            self.pending[orders[0].reference] = orders
            self.reasons[orders[0].reference] = str(problem)

    def work(self, chance: random.Random, until: float) -> None:
        """One thread's day."""
        while time.monotonic() < until:
            kind = chance.random()
            try:
                if kind < 0.15 and self.pending:
                    self.findings.retried += 1
                    self.place(next(iter(list(self.pending.values()))))
                elif kind < 0.3:
                    self._change(chance)
                else:
                    self.place(self.order(chance))
            except Refused as refusal:  # filled, cancelled or refused before it could be changed
                self.findings.failures[type(refusal).__name__] += 1
            except ConnectionProblem as problem:
                self.findings.failures[type(problem).__name__] += 1
                time.sleep(0.05)
            time.sleep(chance.uniform(0.0, 0.1))

    def _change(self, chance: random.Random) -> None:
        working = [order for order in self.broker.open_orders(PATIENCE) if order.reference in self.meant]
        mine = [order for order in working if order.order_type == "LMT" and not order.parent_id]
        if not mine:
            return
        order = chance.choice(mine)
        if chance.random() < 0.5:
            self.broker.cancel([order.reference], PATIENCE)
        else:
            self.broker.modify(order.reference, limit_price=round(order.limit_price * 1.001, 2), patience=PATIENCE)

    def resolve(self, seconds: float) -> None:
        """Ask again for what failed, until nothing is left."""
        until = time.monotonic() + seconds
        while self.pending and time.monotonic() < until:
            for orders in list(self.pending.values()):
                self.place(orders)


def soak(folder: Path, seconds: float, speed: float, every: float, seed: int, *, with_kills: bool = True) -> Findings:
    """Trade for so long, and compare."""
    findings = Findings()
    chance = random.Random(seed)  # noqa: S311 - guards nothing
    with ExitStack() as stack:
        gateway = stack.enter_context(SimulatedGateway(now=OPENING, speed=speed, seed=seed, cash=1e9))
        broker = stack.enter_context(Broker("gateway", Settings(port=gateway.port, timeout="5s"), folder))
        broker.authorise(POLICY)
        desk = Desk(broker, findings)
        stream = broker.watch_executions()
        followed: dict[str, Fill] = {}
        until = time.monotonic() + seconds
        workers = [
            threading.Thread(target=desk.work, args=(random.Random(seed + number), until))  # noqa: S311 - as above
            for number in range(1, 4)
        ]
        if with_kills:
            workers.append(threading.Thread(target=_kill, args=(desk, gateway.port, folder, chance.random(), until)))
        for worker in workers:
            worker.start()
        while time.monotonic() < until:
            time.sleep(min(every * chance.uniform(0.5, 1.5), max(0.0, until - time.monotonic())))
            do, arguments = chance.choice(FAULTS)
            findings.faults[do] += 1
            gateway.act(do, **arguments)
        for worker in workers:
            worker.join()
        _calm(gateway)
        desk.resolve(60.0)
        findings.wrong += [
            f"nobody knows what became of {reference}: {desk.reasons[reference]}" for reference in desk.pending
        ]
        now = gateway.clock.now()
        gateway.clock.move_to(now)
        gateway.clock.speed = 0.0
        compare(gateway, broker, desk, findings)
        broker.cancel_all(PATIENCE * 5)
        compare(gateway, broker, desk, findings)
        followed |= {row.execution_id: row for _, _, row in stream.take(0)}
        _compare_stream(gateway, broker, followed, findings)
        stream.close()
    return findings


def _calm(gateway: SimulatedGateway) -> None:
    """Wait until every fault is over, and what it held back is told."""
    for seconds in (2.0, 25 / max(gateway.clock.speed, 1.0)):  # what lasts is over; late commissions come
        for name, value in vars(Faults()).items():
            setattr(gateway.faults, name, value)
        time.sleep(seconds)


def _kill(desk: Desk, port: int, folder: Path, seed: float, until: float) -> None:
    """Have another process place orders, and kill it wherever it is."""
    chance = random.Random(seed)  # noqa: S311 - guards nothing
    while time.monotonic() < until:
        orders = [order for order in (desk.order(chance) for _ in range(12)) if len(order) == 1 and not order[0].legs]
        given = [str(port), str(folder), *(order[0].to_json() for order in orders)]
        process = subprocess.Popen(
            [sys.executable, "-c", PLACE, *given], cwd=CODE, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.3))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            desk.findings.killed += 1
        process.communicate()
        for order in orders:
            if desk.broker.ledger.find(order[0].reference) is not None:
                desk.place(order)


def compare(gateway: SimulatedGateway, broker: Broker, desk: Desk, findings: Findings) -> None:
    """The desk's books against the broker's."""
    wrong = findings.wrong
    held = gateway.trading.registry.all()
    findings.orders = len(held)
    references = Counter(order.values["orderRef"] for order in held)
    wrong += [f"{reference} is there {count} times" for reference, count in references.items() if count > 1]
    sent = {reference for reference, status in desk.meant.items() if status not in ("", "refused", "rejected")}
    wrong += [f"{reference} was placed and isn't there" for reference in sent - references.keys()]

    lines = [broker._line(), *_other_lines(broker, {order.client_id for order in held})]
    line = lines[0]
    line.book.ask_all(line.bridge, "soak", 10.0)
    known = {order.perm_id: order for order in line.book.orders() if order.is_told}
    for order in held:
        found = known.pop(order.perm_id, None)
        if found is None:
            wrong.append(f"{order.values['orderRef']} ({order.status}) is not known")
            continue
        told = (_plain(found.status), found.filled, found.reference, found.account, found.action)
        is_ = (_plain(order.status), order.filled, order.values["orderRef"], order.account, order.values["action"])
        if told != is_:
            wrong.append(f"order {order.client_id}:{order.order_id} is told as {told} and is {is_}")
    wrong += [f"{order.key} is known and isn't there" for order in known.values()]

    fills = {fill.execution_id: fill for each in lines for fill in _fills(each)}
    _compare_fills(gateway, fills, findings)
    positions = {(row.account, row.contract.con_id): row.quantity for row in broker.positions()}
    for position in gateway.trading.ledger.positions():
        place = (position.account, position.instrument.con_id)
        if positions.get(place, 0.0) != position.quantity:
            wrong.append(f"position {place} is told as {positions.get(place)} and is {position.quantity}")


def _other_lines(broker: Broker, client_ids: set[int]) -> list[Line]:
    """What the other client ids were told: commissions are for those who traded alone."""
    own = broker._line().bridge.client_id
    lines = []
    for client_id in sorted(client_ids - {own}):
        with broker._line_as(client_id) as line:
            if line is not None:
                line.book.ask_executions(line.bridge, "soak", 10.0)
                lines.append(line)
    return lines


def _fills(line: Line) -> list[Fill]:
    return [fill for fill in line.book.fills() if fill.client_id == line.book._client_id]


def _compare_fills(gateway: SimulatedGateway, fills: dict[str, Fill], findings: Findings) -> None:
    executions = {execution.key: execution for execution in gateway.trading.clearing.executions()}
    findings.executions = len(executions)
    for key, execution in executions.items():
        fill = fills.get(key)
        if fill is None:
            findings.wrong.append(f"execution {key} is not known")
            continue
        told = (fill.correction, fill.quantity, fill.price, round(fill.commission, 6), fill.reference)
        is_ = (
            *(execution.revision, execution.quantity, execution.price, round(execution.commission, 6)),
            execution.order.values["orderRef"],
        )
        if told != is_ and not (execution.instrument is None and told[:3] == is_[:3]):
            findings.wrong.append(f"execution {key} is told as {told} and is {is_}")
    findings.wrong += [f"execution {key} is known and isn't there" for key in fills.keys() - executions.keys()]


def _compare_stream(gateway: SimulatedGateway, broker: Broker, followed: dict[str, Fill], findings: Findings) -> None:
    """What was followed, with no question asked in between, is all of it too."""
    own = broker._line().bridge.client_id
    executions = [item for item in gateway.trading.clearing.executions() if item.order.client_id == own]
    for execution in executions:
        fill = followed.get(execution.key)
        if fill is None or (fill.correction, fill.quantity) != (execution.revision, execution.quantity):
            findings.wrong.append(f"execution {execution.key} was not followed to its end")


def _plain(status: str) -> str:
    return {"ApiCancelled": "Cancelled"}.get(status, status)


def report(findings: Findings, minutes: float, speed: float, seed: int) -> str:
    """What was done, as text."""
    faults = ", ".join(f"{name} {count}×" for name, count in sorted(findings.faults.items()))
    failures = ", ".join(f"{name} {count}×" for name, count in sorted(findings.failures.items())) or "none"
    lines = [
        f"{minutes:g} minutes of simulated trading at {speed:g} times the speed, seed {seed}",
        f"{findings.orders} orders, {findings.executions} executions",
        f"faults of the gateway: {faults}",
        f"processes killed while they placed orders: {findings.killed}",
        f"calls that failed and were made again: {failures}",
        f"wrong: {len(findings.wrong)}",
        *(f"- {each}" for each in findings.wrong[:20]),
    ]
    return "\n".join(lines)


def main() -> int:
    """Run it as a command; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the simulated market's time")
    parser.add_argument("--speed", type=float, default=6.0, help="simulated seconds a second")
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two faults, about")
    parser.add_argument("--seed", type=int, default=int(WallClock().now().value % 1_000_000))
    parser.add_argument("--no-kills", action="store_true", help="no other process that is killed")
    parser.add_argument("--results", type=Path, help="a file to write the results to")
    given = parser.parse_args()
    logging.getLogger("hedgerow").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        seconds = given.minutes * 60 / given.speed
        try:
            findings = soak(Path(folder), seconds, given.speed, given.every, given.seed, with_kills=not given.no_kills)
        except Problem as problem:
            print(problem)  # noqa: T201 - a command
            return 1
    text = report(findings, given.minutes, given.speed, given.seed)
    print(text)  # noqa: T201 - a command
    if given.results:
        given.results.write_text(
            f"# Trading while everything fails\n\n{WallClock().now():%Y-%m-%d}\n\n```\n{text}\n```\n"
        )
    return 1 if findings.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
