"""How fast 500 contracts' daily bars of a year come from the simulated gateway, against ib_async.

Run from the project's root: ``.venv/bin/python tests/benchmarks/ib_history.py``. The gateway, with
pacing off, is in a process of its own; each client asks for 253 bars of every contract, 50 requests
under way at a time, in turn, round by round. The gateway's own time is in both: only the ratio means
anything.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

FIRST = 910_000_000
UNDER_WAY = 50
WANTED = 1.0


def serve(contracts: int) -> None:
    """The gateway, until its input ends."""
    from tasks.connections.ib.simulator.gateway import SimulatedGateway
    from tasks.connections.ib.simulator.instruments import Instrument

    listed = [Instrument(FIRST + at, f"S{at}", series="KO") for at in range(contracts)]
    with SimulatedGateway(instruments=listed) as gateway:
        sys.stdout.write(f"{gateway.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


def ours(port: int, contracts: int, sessions: int) -> tuple[float, float]:
    """(seconds, sum of the closes)."""
    from tasks.connections.ib.contracts import Contract
    from tasks.connections.ib.fanout import ask_all
    from tasks.connections.ib.histories import daily
    from tasks.connections.ib.pool import Address, Shared

    shared = Shared(Address("127.0.0.1", port, 1, 1), None, paced=False)
    bridge = shared.bridge(10)
    asked = [Contract(FIRST + at, f"S{at}", "STK", "USD", "SMART") for at in range(contracts)]
    started = time.perf_counter()
    answers = ask_all(
        asked,
        lambda contract: shared.histories.ask(bridge, daily(contract, sessions, adjusted=True), "gateway", 120),
        lambda request: None,
        shared.histories.slots,
        "history",
    )
    seconds = time.perf_counter() - started
    shared.close()
    bars = [rows for rows in answers.values() if isinstance(rows, list)]
    assert len(bars) == contracts
    assert all(len(rows) >= sessions for rows in bars)
    return seconds, sum(bar.close for rows in bars for bar in rows)


def by_ib_async(port: int, contracts: int, sessions: int) -> tuple[float, float]:
    """(seconds, sum of the closes)."""
    from ib_async import IB, Contract
    from ib_async.ib import StartupFetchNONE

    async def run() -> tuple[float, float]:
        ib, room = IB(), asyncio.Semaphore(UNDER_WAY)
        ib.client.MaxRequests = 0
        await ib.connectAsync("127.0.0.1", port, clientId=2, fetchFields=StartupFetchNONE)

        async def one(at: int) -> list[float]:
            contract = Contract(conId=FIRST + at, symbol=f"S{at}", secType="STK", currency="USD", exchange="SMART")
            async with room:
                bars = await ib.reqHistoricalDataAsync(contract, "", f"{sessions} D", "1 day", "ADJUSTED_LAST", True, 2)
            return [bar.close for bar in bars]

        started = time.perf_counter()
        closes = await asyncio.gather(*(one(at) for at in range(contracts)))
        seconds = time.perf_counter() - started
        ib.disconnect()
        assert all(len(each) >= sessions for each in closes)
        return seconds, sum(sum(each) for each in closes)

    return asyncio.run(run())


CLIENTS: dict[str, Callable[[int, int, int], tuple[float, float]]] = {"hedgerow": ours, "ib_async": by_ib_async}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contracts", type=int, default=500)
    parser.add_argument("--sessions", type=int, default=253)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.contracts)
        return 0
    logging.disable(logging.CRITICAL)
    command = [sys.executable, __file__, "--serve", "--contracts", str(asked.contracts)]
    spent: dict[str, list[float]] = {name: [] for name in CLIENTS}
    busy: dict[str, list[float]] = {name: [] for name in CLIENTS}
    sums: set[float] = set()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        port = int(server.stdout.readline())
        for client in CLIENTS.values():
            client(port, asked.contracts, asked.sessions)  # imports, and what the gateway works out once
        for _ in range(asked.rounds):
            for name, client in CLIENTS.items():
                before = resource.getrusage(resource.RUSAGE_SELF)
                seconds, total = client(port, asked.contracts, asked.sessions)
                after = resource.getrusage(resource.RUSAGE_SELF)
                spent[name].append(seconds)
                busy[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
                sums.add(round(total, 3))
        server.stdin.close()
    sys.stdout.write(
        f"{asked.contracts} contracts × {asked.sessions} daily bars\n{'':32}{'median':>10}{'min':>10}{'max':>10}\n"
    )
    for name in CLIENTS:
        sys.stdout.write(line(f"{name}, s", spent[name]) + "\n")
        sys.stdout.write(line(f"{name}, its processor time, s", busy[name]) + "\n")
    ratios = [theirs / mine for mine, theirs in zip(spent["hedgerow"], spent["ib_async"], strict=True)]
    own = [theirs / mine for mine, theirs in zip(busy["hedgerow"], busy["ib_async"], strict=True)]
    sys.stdout.write(line("ratio", ratios) + f"   wanted: {WANTED:g} or more\n")
    sys.stdout.write(line("ratio of processor time", own) + "\n")
    return 0 if median(ratios) >= WANTED and len(sums) == 1 else 1


def line(name: str, numbers: list[float]) -> str:
    """A row of the table."""
    return f"{name:32}{median(numbers):10.2f}{min(numbers):10.2f}{max(numbers):10.2f}"


if __name__ == "__main__":
    sys.exit(main())
