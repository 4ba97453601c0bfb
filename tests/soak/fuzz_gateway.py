"""Mutated messages into the simulated gateway: it answers each, counts the bad ones, and goes on.

    .venv/bin/python tests/soak/fuzz_gateway.py --count 1000000 --seed 1

Real messages are written by the same tables that read them; then fields are dropped, doubled,
swapped or replaced, and bytes flipped or cut. They go to a real gateway over its socket. It must
answer every message that it refuses with 320, fail at none, close no connection, and not grow
without bound.
"""

from __future__ import annotations

import argparse
import random
import resource
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tasks.connections.ib.framing import FrameBuffer
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.trading.forms import PLACE_ORDER
from tasks.connections.ib.simulator.trading.grammar import Values, read, write
from tasks.connections.ib.simulator.wire import Fields, MalformedError, encode

BATCH = 200
MOST_GROWTH = 300.0
"""Megabytes: what the gateway keeps of a day is bounded, and a million messages fill it."""
START = b"71"
WEIRD = (
    *("", "0", "1", "-1", "2147483647", "2147483648", "9" * 400, "1e308", "1.8e308", "1e999", "nan", "inf", "-inf"),
    *("Infinity", "1_000", "０", "١", "0x10", " 1", "1 ", "true", "BUY", "BAG", "\x01", "\x7f", "é" * 50, "a" * 5000),
    *("%s%n", "../..", "'; --", "20221228 15:50:00 US/Eastern", "99999999", "3", "58", "62", "1000", "1001"),
)
CONTRACT = [265598, "AAPL", "STK", "", 0, "", "", "SMART", "", "USD", "", ""]
ORDER: Values = {
    "symbol": "AAPL",
    "secType": "STK",
    "exchange": "SMART",
    "currency": "USD",
    "action": "BUY",
    "tif": "DAY",
    "totalQuantity": 5,
    "orderType": "LMT",
    "lmtPrice": 100.0,
    "account": "DU1234567",
    "transmit": True,
}
LEGS = [
    {"conId": 265598, "ratio": 1, "action": "BUY", "exchange": "SMART"},
    {"conId": 272093, "ratio": 1, "action": "SELL", "exchange": "SMART"},
]
ORDERS: tuple[Values, ...] = (
    {},
    {"orderType": "MKT"},
    {"action": "SELL", "orderType": "STP", "auxPrice": 90.0},
    {"orderType": "TRAIL", "trailingPercent": 2.0, "tif": "GTC"},
    {"secType": "BAG", "comboLegs": LEGS, "orderComboLegs": [{"price": None}] * 2},
    {"algoStrategy": "Adaptive", "algoParams": [{"tag": "adaptivePriority", "value": "Urgent"}]},
    {"conditions": [{"condType": 3, "conjunction": "a", "isMore": True, "time": "20221228 15:50:00 US/Eastern"}]},
    {"whatIf": True},
    {"ocaGroup": "g", "ocaType": 1},
    {"tif": "GTD", "goodTillDate": "20221229 15:00:00 US/Eastern"},
    {"deltaNeutralOrderType": "MKT", "hedgeType": "D", "scalePriceIncrement": 0.5},
    {"orderType": "PEG BEST", "competeAgainstBestOffset": float("inf"), "exchange": "IBKRATS"},
)
OTHERS: tuple[tuple[object, ...], ...] = (
    *((15, 1, 1), (58, 1), (17, 1), (8, 1, 1), (49, 1), (61, 1), (64, 1)),
    *((4, 1, 3, ""), (6, 2, 1, "DU1234567"), (6, 2, 0, "")),
    *((62, 1, 5, "All", "NetLiquidation"), (63, 1, 5), (74, 1, 6, "All", ""), (75, 1, 6), (76, 1, 7, "", "", 1)),
    *((77, 1, 7), (92, 8, "DU1234567", ""), (93, 8), (94, 9, "DU1234567", "", 265598), (95, 9), (59, 1, 3)),
    *((9, 8, 5, *CONTRACT, 0, "", "", ""), (1, 11, 5, *CONTRACT, 0, "", 1, 0, ""), (2, 2, 5)),
)
LISTS: tuple[tuple[object, ...], ...] = (*((5, 1), (16, 1), (99, 1), (7, 3, 5, 0, "", "", "AAPL", "STK", "", "BUY")),)
"""Answered with all that there has been: asked now and then."""


@dataclass
class Outcome:
    """What came of the messages."""

    sent: int = 0
    refused: int = 0
    """Answered with 320."""
    counted: int = 0
    """That the gateway has counted as malformed."""
    failures: list[str] = field(default_factory=list)
    """Answers that tell of an error of the gateway's own."""
    seconds: float = 0.0
    grown: float = 0.0
    """Megabytes that the process has grown by since a fifth of the messages were sent."""


def messages(dice: random.Random) -> Iterator[bytes]:
    """Mutated payloads without end; never one that starts a second conversation."""
    number = 0
    while True:
        number += 1
        if dice.random() < 0.6:
            order = ORDER | dice.choice(ORDERS) | {"orderId": dice.choice([number, number, dice.randrange(number)])}
            fields: list[object] = [3, *write(PLACE_ORDER, order, 178)]
        else:
            fields = list(dice.choice(LISTS if dice.random() < 0.002 else OTHERS))
        payload = _mutate_bytes(encode(*_mutate_fields(fields, dice))[4:], dice)
        if not payload.startswith(START):
            yield payload


def _mutate_fields(fields: list[object], dice: random.Random) -> list[object]:
    for _ in range(dice.choice([0, 1, 1, 1, 2, 3])):
        place = dice.randrange(len(fields)) if fields else 0
        match dice.randrange(5):
            case 0:
                fields = fields[:place] + fields[place + 1 :]
            case 1:
                fields = [*fields[:place], dice.choice(WEIRD), *fields[place:]]
            case 2 if len(fields) > 1:
                other = dice.randrange(len(fields))
                fields = list(fields)
                fields[place], fields[other] = fields[other], fields[place]
            case _ if fields:
                fields = [*fields[:place], dice.choice(WEIRD), *fields[place + 1 :]]
            case _:
                fields = []
    return fields


def _mutate_bytes(payload: bytes, dice: random.Random) -> bytes:
    if dice.random() < 0.8 or not payload:
        return payload
    place = dice.randrange(len(payload))
    match dice.randrange(3):
        case 0:
            return payload[:place]
        case 1:
            return payload[:place] + bytes([dice.randrange(256)]) + payload[place + 1 :]
        case _:
            return payload[:place] + b"\0" * dice.choice([1, 50, 30_000]) + payload[place:]


def fuzz_parser(count: int, seed: int) -> Outcome:
    """Only read so many mutated messages, as orders, at every version; what isn't refused aloud is a failure."""
    outcome, dice = Outcome(), random.Random(seed)  # noqa: S311
    begun = time.monotonic()
    for payload in islice(messages(dice), count):
        outcome.sent += 1
        try:
            fields = Fields(payload)
            fields.text("message id")
            read(PLACE_ORDER, fields, dice.randint(157, 178))
        except MalformedError:
            outcome.refused += 1
            outcome.counted += 1
        except Exception as error:
            outcome.failures.append(f"{type(error).__name__}: {error}")
    outcome.seconds = time.monotonic() - begun
    return outcome


def fuzz(count: int, seed: int) -> Outcome:
    """Send so many mutated messages to a gateway of its own. Raises `ConnectionError` where it hangs up."""
    outcome, dice = Outcome(), random.Random(seed)  # noqa: S311  # a reproducible sequence is what is wanted
    begun = time.monotonic()
    with SimulatedGateway(seed=seed) as gateway, socket.create_connection(("127.0.0.1", gateway.port), 30) as line:
        offer = b"v157..178"
        line.sendall(b"API\0" + struct.pack(">I", len(offer)) + offer)
        line.sendall(encode(71, 2, 1, ""))
        buffer, source, early = FrameBuffer(), messages(dice), _megabytes()
        while outcome.sent < count:
            batch = [next(source) for _ in range(min(BATCH, count - outcome.sent))]
            marker = 2_000_000_000 + outcome.sent
            line.sendall(b"".join(struct.pack(">I", len(payload)) + payload for payload in batch))
            line.sendall(encode(4, 1, marker, ""))
            outcome.sent += len(batch)
            if outcome.sent * 5 <= count:
                early = _megabytes()
            _hear(line, buffer, str(marker), outcome)
        outcome.counted, outcome.grown = gateway.malformed, _megabytes() - early
    outcome.seconds = time.monotonic() - begun
    return outcome


def _megabytes() -> float:
    """How much memory the process has; 0 where the system doesn't say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * resource.getpagesize() / 1e6


def _hear(line: socket.socket, buffer: FrameBuffer, marker: str, outcome: Outcome) -> None:
    """Read the answers up to that to the marker: an order of that number is not found."""
    while True:
        chunk = line.recv(1 << 20)
        if not chunk:
            raise ConnectionError(f"the gateway hung up after {outcome.sent} messages")
        for payload in buffer.feed(chunk):
            if not payload.startswith(b"4\0"):
                continue
            answer = payload.decode("utf-8", "replace").split("\0")
            if answer[2:4] == [marker, "10147"]:
                return
            if answer[3] == "320":
                outcome.refused += 1
                if "Error: " in answer[4] and "Message" in answer[4].partition("Error: ")[0]:
                    outcome.failures.append(answer[4])


def main() -> int:
    """Print what came of it; 1 where the gateway failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    outcome = fuzz(options.count, options.seed)
    rate = outcome.sent / outcome.seconds
    print(f"{outcome.sent} messages in {outcome.seconds:.0f} s ({rate:.0f}/s), {outcome.refused} refused")  # noqa: T201
    print(f"grown by {outcome.grown:.0f} MB since the first fifth")  # noqa: T201
    for failure in outcome.failures[:20]:
        print(failure)  # noqa: T201
    return 1 if outcome.failures or outcome.refused != outcome.counted or outcome.grown > MOST_GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())
