"""What the live page costs a stream: the processor's time, and the firings' latency with it and without.

    python tests/benchmarks/live_page.py [--symbols 500] [--rate 1000] [--seconds 20]

Ticks of random symbols drive the live hedge. A tab is a process of its own that takes all that is sent.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
from live_hedge import SPY, Hedgerow

CASES = (("no page", False, 0), ("page, no tab", True, 0), ("page, 1 tab", True, 1), ("page, 3 tabs", True, 3))
READER = """
import sys
from websockets.sync.client import connect
with connect(sys.argv[1], origin=sys.argv[2], max_size=None, proxy=None) as socket:
    for message in socket:
        pass
"""


class Watched(Hedgerow):
    """The same engine, looked on at by a page."""

    page: Any = None

    def fired(self, graph: Any, fired: Any) -> None:
        super().fired(graph, fired)
        if self.page is not None:
            self.page.fired(graph, fired)


def workload(symbols: int) -> Any:
    """A book and its prices."""
    random = np.random.default_rng(7)
    return SimpleNamespace(
        P=symbols,
        cids=100_000 + np.arange(symbols, dtype=np.int64),
        symbols=[f"S{number:05d}" for number in range(symbols)],
        p0=random.uniform(20, 400, symbols + 1),
        position=random.integers(1, 1001, symbols).astype(float),
        avgcost=random.uniform(20, 400, symbols),
    )


def measure(symbols: int, rate: int, seconds: float, page: bool, tabs: int) -> dict[str, float]:
    """Run it once."""
    from flows.stream.page.page import Page

    book = workload(symbols)
    put, seen = {}, []

    def on_result(sequence: int, _: dict[str, float]) -> None:
        seen.append((sequence, time.perf_counter()))

    engine = Watched(book, SimpleNamespace(cycle_ms=0), on_result)
    engine.start()
    readers = []
    if page:
        engine.page = Page("live", "", "bench", "token-of-the-benchmark")
        address = engine.page.start(0)
    engine.build(np.ones(symbols), np.full(symbols, 0.9))
    try:
        ids = np.append(book.cids, SPY)
        engine.put_batch(np.arange(1, symbols + 2), ids, book.p0)
        while not seen:
            time.sleep(0.01)
        for _ in range(tabs):
            origin = address.rsplit("/", 2)[0]
            command = [sys.executable, "-c", READER, address.replace("http", "ws") + "live", origin]
            readers.append(subprocess.Popen(command))
        time.sleep(2)
        seen.clear()
        random = np.random.default_rng(1)
        places = random.integers(0, symbols + 1, int(rate * seconds))
        before, spent, begun = _page_seconds(), time.process_time(), time.perf_counter()
        for number, place in enumerate(places):
            due = begun + number / rate
            while (missing := due - time.perf_counter()) > 0:
                time.sleep(missing)
            sequence = symbols + 2 + number
            put[sequence] = time.perf_counter()
            engine.put(sequence, int(ids[place]), book.p0[place] * (1 + 0.001 * random.normal()))
        time.sleep(0.5)
        wall = time.perf_counter() - begun
        cpu, own = time.process_time() - spent, _page_seconds() - before
    finally:
        for reader in readers:
            reader.kill()
        engine.close()
        if page:
            engine.page.ended("completed")
    taken = _latencies(put, seen)
    p50, p99 = np.percentile(taken, [50, 99])
    return {"p50 ms": 1e3 * p50, "p99 ms": 1e3 * p99, "process CPU %": 100 * cpu / wall, "page CPU %": 100 * own / wall}


def _latencies(put: dict[int, float], seen: list[tuple[int, float]]) -> list[float]:
    found, at = [], 0
    for sequence, moment in put.items():
        while at < len(seen) and seen[at][0] < sequence:
            at += 1
        if at < len(seen):
            found.append(seen[at][1] - moment)
    return found


def _page_seconds() -> float:
    """The processor's time that the page's thread has had."""
    ids = {thread.native_id for thread in threading.enumerate() if thread.name == "page"}
    return sum(each.user_time + each.system_time for each in psutil.Process().threads() if each.id in ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    given = parser.parse_args()
    print(f"{given.symbols} quotes, {given.rate} ticks/s, {given.seconds:g} s")
    for label, page, tabs in CASES:
        result = measure(given.symbols, given.rate, given.seconds, page, tabs)
        print(f"  {label:14}" + "".join(f"  {name} {value:6.2f}" for name, value in result.items()))


if __name__ == "__main__":
    main()
