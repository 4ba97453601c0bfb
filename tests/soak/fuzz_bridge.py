"""Broken messages, by the million, into all that reads what a gateway sends.

Run from the project's root: ``.venv/bin/python tests/soak/fuzz_bridge.py --count 1000000``. Real messages
of a conversation with the simulated gateway are changed by chance: bytes flipped, cut, doubled, fields
dropped, swapped or filled with what no program expects, lengths that lie. They go through the same
framing, decoders, callbacks, order book and table as in a run. What must hold: nothing is raised,
nothing takes long, memory stays, each message that can't be read is counted and named, and good
messages are read as before.
"""

from __future__ import annotations

import argparse
import logging
import random
import resource
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tasks.connections.ib import watchers
from tasks.connections.ib.bridge import Bridge
from tasks.connections.ib.client import Client, wire_contract
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.framing import FrameBuffer
from tasks.connections.ib.latest import Latest, LatestTable
from tasks.connections.ib.orders.book import OrderBook
from tasks.connections.ib.pool import Address, Shared
from tasks.connections.ib.receiver import Receiver
from tasks.connections.ib.recipients import Routes
from tasks.connections.ib.requests import FIRST_ID, Request
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.subscriptions import Subscription
from tasks.connections.ib.watchers import Watchers
from tasks.connections.problems import ConnectionProblem

SPY = Contract(756733, "SPY", "STK", "USD", "SMART")
SLOW = 1.0
"""Seconds that no message may take."""
GROWTH = 64
"""MiB by which memory may grow once it is warm."""

ODD = (
    b"", b"-1", b"0", b"1", b"2147483647", b"9223372036854775808", b"-9223372036854775808", b"1e400", b"nan", b"inf",
    b"1.7976931348623157E308", b"0x10", b"1_0", b" 5 ", b"\xff\xfe", b"\xd9\xa3", b"9" * 5000, b"A" * 3000, b"\\u0031",
    b"20221228 15:45:00", b"true", b"None", b"1000001", b"1000002", b"1000003",
)  # fmt: skip


def conversation() -> list[bytes]:
    """The messages of one with the simulated gateway, each kind of them a few times."""
    heard: list[bytes] = []
    with SimulatedGateway() as gateway:
        shared = Shared(Address(gateway.host, gateway.port, 1, 1), None, paced=False)
        bridge = shared.bridge(10)
        client = bridge._client
        read = client._on_messages

        def listen(payloads: list[bytes]) -> None:
            heard.extend(payloads)
            read(payloads)

        client._on_messages = listen
        wire = wire_contract(SPY)
        bridge.positions("fuzz", 10)
        asked = [
            lambda client, number: client.reqContractDetails(number, wire),
            lambda client, number: client.reqHistoricalData(
                *(number, wire, "", "10 D", "1 day", "TRADES", 1, 2, False, [])
            ),
            lambda client, number: client.reqMktData(number, wire, "", False, False, []),
            lambda client, number: client.reqTickByTickData(number, wire, "BidAsk", 10, False),
            lambda client, number: client.reqTickByTickData(number, wire, "Last", 10, False),
            lambda client, number: client.reqRealTimeBars(number, wire, 5, "TRADES", True, []),
            lambda client, number: client.reqAccountSummary(number, "All", "NetLiquidation,BuyingPower"),
            lambda client, number: client.reqSecDefOptParams(number, "SPY", "", "STK", SPY.con_id),
            lambda client, number: client.reqMatchingSymbols(number, "SP"),
            lambda client, number: client.reqPnL(number, "DU1234567", ""),
            lambda client, number: client.reqHistoricalTicks(
                *(number, wire, "20221228-20:00:00", "", 10, "TRADES", 1, False, [])
            ),
            lambda client, number: client.reqNewsProviders(),
            lambda client, number: client.reqAccountUpdates(True, "DU1234567"),
            lambda client, number: client.reqAllOpenOrders(),
        ]
        for at, send in enumerate(asked):
            bridge.send(
                "a part of the conversation", lambda client, send=send, at=at: send(client, FIRST_ID + 100 + at)
            )
        _trade(bridge)
        for _ in range(3):
            bridge.current_time(10)
            time.sleep(0.2)
        shared.close()
    kinds: Counter[bytes] = Counter()
    chosen = []
    for payload in heard:
        kind = payload.partition(b"\0")[0]
        kinds[kind] += 1
        if kinds[kind] <= 8:
            chosen.append(payload)
    return chosen


def _trade(bridge: Bridge) -> None:
    """An order that fills and one that waits."""
    from ibapi.order import Order

    wire = wire_contract(SPY)
    for order_id, limit in ((bridge.next_order_id or 1, 0.0), ((bridge.next_order_id or 1) + 1, 100.0)):
        order = Order()
        order.action, order.totalQuantity, order.account = "BUY", 10, "DU1234567"
        order.orderType = "LMT" if limit else "MKT"
        if limit:
            order.lmtPrice = limit
        for name in ("eTradeOnly", "firmQuoteOnly"):
            if hasattr(order, name):
                setattr(order, name, False)
        with bridge._client.conn.permitted(lambda: None):
            bridge.send("an order", lambda client, at=order_id, order=order: client.placeOrder(at, wire, order))


@dataclass
class Reader:
    """All that reads, without a socket; made again when a message has ended the connection, as some rightly do."""

    seen: int = 0
    unreadable: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    ended: int = 0

    def __post_init__(self) -> None:
        self.routes = Routes()
        self.watchers = Watchers()
        self.book = OrderBook(self.routes.publish)
        self.watchers.add(self.book)
        self.table = LatestTable()
        self.subscriptions = [
            Subscription("rows", f"Rows {at}", None, None, connection="fuzz", limit=1000) for at in range(4)
        ]
        self.latest = Latest(self.table, "quotes", "Quotes", None, None, connection="fuzz", con_id=SPY.con_id)
        self.again()

    def again(self) -> None:
        """A new connection."""
        self.bridge = Bridge("fuzz", 1, 1, watchers=self.watchers, routes=self.routes, table=self.table)
        client = Client(Receiver(self.bridge), lambda payloads: None, lambda problem: None)
        client.use_decoder(157 if client.has_whole_sizes else 178)
        client.serverVersion_ = client.decoder.serverVersion
        self.bridge._client = client
        self.bridge.received_ns = 1
        recipients = self.bridge._recipients
        for at in range(24):
            recipients.enter(FIRST_ID + 100 + at, self.subscriptions[at % 4])
        recipients.enter(FIRST_ID + 1, self.latest)
        for at in range(2, 12):
            recipients.enter(FIRST_ID + at, Request(FIRST_ID + at, "fuzz", "Fuzz", None, "fuzz", 60.0))

    def read(self, payloads: list[bytes]) -> None:
        """Read messages."""
        self.bridge._on_messages(payloads)
        self.seen += len(payloads)
        if self.bridge._problem is not None or self.bridge.unreadable.count > 1000 or self.seen % 5000 < len(payloads):
            self.ended += self.bridge._problem is not None
            self.settle()
            self.again()

    def settle(self) -> None:
        """Count what this connection couldn't read."""
        self.unreadable += self.bridge.unreadable.count
        self.by_kind.update(self.bridge.unreadable.by_kind)
        self.bridge.unreadable.count = 0
        self.bridge.unreadable.by_kind.clear()


def mutated(chance: random.Random, payload: bytes) -> bytes:
    """A message with something wrong."""
    how = chance.randrange(9)
    if how <= 3:
        fields = payload.split(b"\0")
        place = chance.randrange(len(fields))
        if how == 0:
            fields[place] = chance.choice(ODD)
        elif how == 1:
            del fields[place]
        elif how == 2:
            fields.insert(place, chance.choice(ODD))
        else:
            other = chance.randrange(len(fields))
            fields[place], fields[other] = fields[other], fields[place]
        return b"\0".join(fields)
    data = bytearray(payload)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data) + 1)
        if how <= 5:
            data[place : place + 1] = bytes([chance.randrange(256)])
        elif how == 6:
            del data[place : place + chance.randint(1, 12)]
        elif how == 7:
            data[place:place] = data[place : place + chance.randint(1, 12)]
        else:
            del data[place:]
    return bytes(data)


def stream(chance: random.Random, payloads: list[bytes]) -> bytes:
    """Framed; now and then a length lies."""
    framed = bytearray()
    for payload in payloads:
        length = len(payload)
        if chance.random() < 0.002:
            length = chance.choice((0, 1, length + 1, length * 2, 1 << 20, 1 << 31))
        framed += struct.pack(">I", length) + payload
    return bytes(framed)


def good_messages_are_read(corpus: list[bytes]) -> int:
    """How many rows a fresh reader gets of the unharmed messages."""
    reader = Reader()
    reader.read(corpus)
    reader.settle()
    if reader.unreadable:
        raise AssertionError(f"messages of the simulated gateway can't be read: {reader.by_kind}")
    return sum(subscription.received for subscription in reader.subscriptions)


def fuzz(count: int, seed: int) -> tuple[dict[str, Any], list[str]]:
    """What was done, and what is wrong."""
    chance = random.Random(seed)  # noqa: S311  # guards nothing
    corpus = conversation()
    wrong: list[str] = []
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)

    def told(_: str, watcher: str) -> None:
        wrong.append(f"{watcher} raised {sys.exc_info()[1]!r}")

    raised, watchers.log.exception = watchers.log.exception, told  # type: ignore[assignment]
    try:
        return _fuzz(count, chance, corpus, wrong), wrong
    finally:
        watchers.log.exception = raised
        logging.disable(level)


def _fuzz(count: int, chance: random.Random, corpus: list[bytes], wrong: list[str]) -> dict[str, Any]:
    before = good_messages_are_read(corpus)
    reader, buffer = Reader(), FrameBuffer()
    slowest, lies, warm = 0.0, 0, 0.0
    started = time.monotonic()
    sent = 0
    while sent < count:
        batch = [mutated(chance, chance.choice(corpus)) for _ in range(min(50, count - sent))]
        sent += len(batch)
        data = stream(chance, batch)
        while data:
            size = chance.choice((1, 7, 100, 4096, 65536))
            piece, data = data[:size], data[size:]
            begun = time.monotonic()
            try:
                messages = buffer.feed(piece)
            except ConnectionProblem:
                lies, buffer, data = lies + 1, FrameBuffer(), b""
                continue
            if buffer._needed > 1 << 16:  # a length that lies: the rest of the stream would be inside
                lies, buffer, data = lies + 1, FrameBuffer(), b""
            try:
                reader.read(messages)
            except Exception as error:  # a finding
                wrong.append(f"{type(error).__name__}: {error}: {messages!r}"[:400])
            slowest = max(slowest, time.monotonic() - begun)
        for subscription in reader.subscriptions:
            subscription.take(0)
        if not warm and sent >= count // 4:
            warm = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.monotonic() - started
    reader.settle()
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - warm
    if slowest > SLOW:
        wrong.append(f"some messages took {slowest:.1f} s")
    if growth > GROWTH:
        wrong.append(f"memory grew by {growth:.0f} MiB after the first quarter")
    if sum(reader.by_kind.values()) != reader.unreadable:
        wrong.append("not every unreadable message is named")
    if good_messages_are_read(corpus) != before:
        wrong.append("good messages are read otherwise than before")
    return {
        "messages": sent,
        "kinds in the conversation": len({payload.partition(b"\0")[0] for payload in corpus}),
        "read": reader.seen,
        "unreadable, each counted and named": reader.unreadable,
        "connections ended by what they said": reader.ended,
        "lengths that lied": lies,
        "slowest piece, ms": round(slowest * 1e3, 1),
        "memory after the first quarter, MiB": f"+{growth:.1f}",
        "seconds": round(seconds, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=20221228)
    parser.add_argument("--results", type=Path, help="Where to write what was found, as Markdown")
    asked = parser.parse_args()
    done, wrong = fuzz(asked.count, asked.seed)
    if asked.results is not None:
        rows = "".join(f"| {name} | {value} |\n" for name, value in done.items())
        found = "".join(f"- {each}\n" for each in wrong) or "Nothing wrong was found.\n"
        asked.results.write_text(
            f"# Broken messages into the bridge, seed {asked.seed}\n\n| | |\n|---|---|\n{rows}\n{found}"
        )
    for name, value in done.items():
        sys.stdout.write(f"{name:40}{value:>14}\n")
    for each in wrong[:20]:
        sys.stdout.write(f"WRONG: {each}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
