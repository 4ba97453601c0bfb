"""How fast ticks come through the socket into a table of the latest prices, against two other clients.

Run from the project's root: ``.venv/bin/python tests/benchmarks/ib_ticks.py``. Another process sends
messages that it has written beforehand to each client in turn, round by round: ours into its table
of the latest prices, `ib_async` into its tickers, and the broker's `ibapi` by its own reader, queue
and loop into a dictionary (a tenth of them: it slows down the more there is). Only the ratios mean
anything: seconds are the machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tasks.connections.ib.simulator.wire import encode

CONTRACTS = 100
FIRST, TIME = 1_000_000, 1_672_260_300
AGAINST_IB_ASYNC, AGAINST_IBAPI = 1.0, 20.0


def ticks(requests: list[int], count: int) -> bytes:
    """Bids, asks and last prices with their sizes, then the time: by that the client knows that all have come."""
    chance = random.Random(20221228)  # noqa: S311  # a benchmark
    return b"".join(
        encode(
            *(1, 6, requests[at % len(requests)], chance.choice((1, 2, 4))),
            *(round(chance.uniform(100, 400), 2), chance.randint(1, 900), 0),
        )
        for at in range(count)
    ) + encode(49, 1, TIME)


def frames(stream: socket.socket) -> Iterator[list[bytes]]:
    """The client's messages."""
    rest = b""
    while chunk := stream.recv(65536):
        rest += chunk
        while len(rest) >= 4 and len(rest) >= 4 + (length := struct.unpack_from(">I", rest)[0]):
            yield rest[4 : 4 + length].split(b"\0")
            rest = rest[4 + length :]


def serve(counts: list[int]) -> None:
    """A gateway that sends so many ticks to one client after the other, once all contracts have been asked for."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        for count in counts:
            stream, _ = server.accept()
            stream.recv(4)
            requests: list[int] = []
            for place, fields in enumerate(frames(stream)):
                if place == 0:
                    stream.sendall(encode(157, "20221228 15:45:00 EST"))
                elif fields[0] == b"71":
                    stream.sendall(encode(15, 1, "DU1") + encode(9, 1, 1))
                elif fields[0] in (b"61", b"5"):  # asked for by ib_async when it connects
                    stream.sendall(encode(62, 1) if fields[0] == b"61" else encode(53, 1))
                elif fields[0] == b"1":
                    requests.append(int(fields[2]))
                    if len(requests) == CONTRACTS:
                        data = ticks(requests, count)
                        time.sleep(0.3)  # so that the client has nothing else to do
                        stream.sendall(data)
            stream.close()


class Watch:
    """Times from the first chunk of ticks to the time's message."""

    def __init__(self) -> None:
        self.started = 0.0
        self.seconds = 0.0
        self.done = threading.Event()

    def begin(self) -> None:
        if not self.started:
            self.started = time.perf_counter()

    def end(self, *_: Any) -> None:
        self.seconds = time.perf_counter() - self.started
        self.done.set()


def ours(port: int, count: int) -> float:
    """Ticks a second into the table of the latest prices."""
    from tasks.connections.ib.client import wire_contract
    from tasks.connections.ib.contracts import Contract
    from tasks.connections.ib.pool import Address, Shared

    watch = Watch()
    shared = Shared(Address("127.0.0.1", port, 1, 1), None, paced=False)
    bridge = shared.bridge(10)
    client = bridge._client
    read, bridge.time = client._on_messages, watch.end  # type: ignore[method-assign]

    def timed(payloads: list[bytes]) -> None:
        if len(payloads) > 10:
            watch.begin()
        read(payloads)

    client._on_messages = timed
    for con_id in range(1, CONTRACTS + 1):
        wire = wire_contract(Contract(con_id, f"S{con_id}", "STK", "USD", "SMART"))
        shared.subscribe_latest(
            *("quotes", f"Quotes of {con_id}"),
            lambda client, number, wire=wire: client.reqMktData(number, wire, "", False, False, []),
            lambda client, number: client.cancelMktData(number),
            connection="gateway",
            con_id=con_id,
        )
    watch.done.wait(120)
    assert (shared.latest.snapshot().received_ns > 0).all()
    shared.close()
    return count / watch.seconds


def by_ib_async(port: int, count: int) -> float:
    """Ticks a second into ib_async's tickers."""
    from ib_async import IB, Stock
    from ib_async.ib import StartupFetchNONE

    async def run() -> float:
        ib, watch, done = IB(), Watch(), asyncio.Event()
        ib.client.MaxRequests = 0
        await ib.connectAsync("127.0.0.1", port, clientId=1, fetchFields=StartupFetchNONE)
        read = ib.client._onSocketHasData

        def timed(data: bytes) -> None:
            if len(data) > 1000:
                watch.begin()
            read(data)

        def told(_: int) -> None:
            watch.end()
            done.set()

        ib.client.conn.hasData -= read
        ib.client.conn.hasData += timed
        ib.wrapper.currentTime = told  # type: ignore[method-assign]
        tickers = [ib.reqMktData(Stock(f"S{at}", "SMART", "USD", conId=at)) for at in range(1, CONTRACTS + 1)]
        await asyncio.wait_for(done.wait(), 120)
        assert all(ticker.bid > 0 for ticker in tickers)
        ib.disconnect()
        return count / watch.seconds

    return asyncio.run(run())


def by_ibapi(port: int, count: int) -> float:
    """Ticks a second into a dictionary by ibapi's reader, queue and loop."""
    from ibapi.client import EClient
    from ibapi.contract import Contract
    from ibapi.wrapper import EWrapper

    watch = Watch()
    latest: dict[tuple[int, int], float] = {}

    class App(EWrapper, EClient):  # type: ignore[misc]
        def __init__(self) -> None:
            EWrapper.__init__(self)
            EClient.__init__(self, self)

        def tickPrice(self, number: int, kind: int, price: float, flags: Any) -> None:  # noqa: N802
            latest[number, kind] = price

        def currentTime(self, moment: int) -> None:  # noqa: N802
            watch.end()

    app = App()
    app.connect("127.0.0.1", port, 1)
    receive = app.conn.recvMsg

    def timed() -> bytes:
        data: bytes = receive()
        if len(data) > 1000:
            watch.begin()
        return data

    app.conn.recvMsg = timed
    threading.Thread(target=app.run, daemon=True).start()
    for con_id in range(1, CONTRACTS + 1):
        contract = Contract()
        contract.conId, contract.symbol, contract.secType = con_id, f"S{con_id}", "STK"
        contract.exchange, contract.currency = "SMART", "USD"
        app.reqMktData(FIRST + con_id, contract, "", False, False, [])
    watch.done.wait(300)
    app.disconnect()
    return count / watch.seconds


CLIENTS: dict[str, Callable[[int, int], float]] = {"hedgerow": ours, "ib_async": by_ib_async, "ibapi": by_ibapi}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="Only: a million ticks, and what memory they took")
    parser.add_argument("--serve", type=int, nargs="*", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
        return 0
    logging.disable(logging.CRITICAL)
    plan = [("hedgerow", asked.ticks), ("hedgerow", 1_000_000)] if asked.memory else []
    for _ in range(0 if asked.memory else asked.rounds):
        plan += [("hedgerow", asked.ticks), ("ib_async", asked.ticks), ("ibapi", asked.ticks)]
    command = [sys.executable, __file__, "--serve", *(str(count) for _, count in plan)]
    rates: dict[str, list[float]] = {name: [] for name in CLIENTS}
    peaks = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        for name, count in plan:
            rates[name].append(CLIENTS[name](port, count))
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    if asked.memory:
        sys.stdout.write(
            f"peak memory: {peaks[0]:.1f} MiB after {asked.ticks} ticks, {peaks[1]:.1f} after 1000000 more\n"
        )
        return 0 if peaks[1] - peaks[0] < 8 else 1
    sys.stdout.write(f"{asked.ticks} prices with sizes, {CONTRACTS} contracts, thousands a second\n")
    sys.stdout.write(f"{'':24}{'median':>10}{'min':>10}{'max':>10}\n")
    for name, all_rates in rates.items():
        sys.stdout.write(line(name, [rate / 1e3 for rate in all_rates]) + "\n")
    against = {}
    for name, wanted in (("ib_async", AGAINST_IB_ASYNC), ("ibapi", AGAINST_IBAPI)):
        ratios = [mine / other for mine, other in zip(rates["hedgerow"], rates[name], strict=True)]
        against[name] = median(ratios) >= wanted
        sys.stdout.write(line(f"ratio to {name}", ratios) + f"   wanted: {wanted:g} or more\n")
    return 0 if all(against.values()) else 1


def line(name: str, numbers: list[float]) -> str:
    """A row of the table."""
    return f"{name:24}{median(numbers):10.1f}{min(numbers):10.1f}{max(numbers):10.1f}"


if __name__ == "__main__":
    sys.exit(main())
