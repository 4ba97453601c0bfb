"""What a Dask cluster costs and gives: whole runs on threads, and on two worker processes of this machine.

Run from the project's root: ``.venv/bin/python tests/benchmarks/dask_overhead.py``. Every run validates and
journals every frame, as always; the runs of a row are done in turn, each with an empty journal.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import dask_tasks
from distributed import LocalCluster

from flows import dask_cluster
from flows.batch import run_batch
from flows.check import check_file, render
from flows.check.parameters import bind
from flows.desk import load_desk
from flows.journal import Journal
from tasks.declare import Task
from tasks.registry import Catalog, catalog

SMALL = "steps:\n  prices: {{task: one_price, each: {{con_id: {items}}}}}\n"
LARGE = """steps:
  many: {{task: many_prices, with: {{rows: {rows}}}}}
  prices: {{task: pick, in: many, each: {{con_id: {items}}}}}
"""
WORK = "steps:\n  prices: {{task: count, each: {{con_id: {items}}}, with: {{seconds: {seconds}}}}}\n"


def items(count: int) -> str:
    """A YAML list of contract ids."""
    return str(list(range(1, count + 1)))


def run(text: str, address: str | None) -> float:
    """Seconds of one run, the making of the project aside."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipelines" / "bench.yaml"
        path.parent.mkdir()
        (path.parent / "_desk.yaml").write_text("name: bench\n")
        path.write_text(text if address is None else f"runner: {{dask: '{address}'}}\n{text}")
        own = {made.spec.name: made.spec for made in vars(dask_tasks).values() if isinstance(made, Task)}
        known = catalog()
        desk = load_desk(path.parent, None)
        checked = check_file(path, Catalog({**known.tasks, **own}, known.schemas), desk, path.parent)
        assert checked.plan is not None, render(checked)
        begun = time.perf_counter()
        finished = run_batch(checked.plan, desk, bind(checked.plan, {}), untracked=True)
        seconds = time.perf_counter() - begun
        assert finished.status == "completed", finished.failures
        return seconds


def sent_once() -> Any:
    """Within the block, the workers pass for ones of another machine: a large frame is sent once."""
    return patch.object(dask_cluster, "place_of", lambda _: None)


@contextmanager
def by_value() -> Iterator[None]:
    """Within the block, a large frame goes along with every call."""
    before, dask_cluster.LARGE = dask_cluster.LARGE, 10**15
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that this is slow is what is to be seen
            yield
    finally:
        dask_cluster.LARGE = before


def row(what: str, seconds: list[float], per: int = 1, unit: str = "s") -> float:
    scale = 1000 / per if unit == "ms" else 1
    low, middle, high = min(seconds) * scale, median(seconds) * scale, max(seconds) * scale
    print(f"| {what} | {middle:.2f} {unit} | {low:.2f} | {high:.2f} |")
    return middle


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", type=int, default=300, help="Items that do nothing")
    parser.add_argument("--items", type=int, default=16, help="Items that take the large frame, or work")
    parser.add_argument("--rows", type=int, default=1_260_000, help="Of the large frame")
    parser.add_argument("--seconds", type=float, default=0.25, help="Of work an item")
    given = parser.parse_args()
    rounds = range(given.rounds)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = str(cluster.scheduler_address)
        one = "steps:\n  prices: {task: one_price, with: {con_id: 1}}\n"
        run(one, address)
        print("| | median | min | max |\n|---|---|---|---|")
        pairs = [(run(one, None), run(one, address)) for _ in rounds]
        row("a run's connecting to the cluster", [there - here for here, there in pairs])
        small = SMALL.format(items=items(given.small))
        pairs = [(run(small, None), run(small, address)) for _ in rounds]
        row(f"an item that does nothing, of {given.small}: on threads", [here for here, _ in pairs], given.small, "ms")
        row("the same on the cluster", [there for _, there in pairs], given.small, "ms")
        frame = dask_tasks.many_prices.function(given.rows)
        megabytes = int(frame.memory_usage().sum()) // 1_000_000
        large = LARGE.format(rows=given.rows, items=items(given.items))
        threads, referred, once, each = [], [], [], []
        begun = time.perf_counter()
        run(large, address)
        first = time.perf_counter() - begun
        for _ in rounds:
            threads.append(run(large, None))
            referred.append(run(large, address))
            with sent_once():
                once.append(run(large, address))
            with by_value():
                each.append(run(large, address))
        row(f"a frame of {megabytes} MB for each of {given.items} items: on threads", threads)
        row("on the cluster, by reference (so it is done on one machine)", referred)
        row("the first time, when each worker imports the store", [first])
        row("on the cluster, sent once (so it is done across machines)", once)
        row("on the cluster, sent with every item", each)
        with tempfile.TemporaryDirectory() as folder:
            kept: list[float] = []
            with Journal(Path(folder)) as journal:
                ref = journal.put_frame(frame, "Prices")
                for _ in rounds:
                    begun = time.perf_counter()
                    journal.frame(ref)
                    kept.append(time.perf_counter() - begun)
            row("one read of that frame from the journal's store", kept)
        work = WORK.format(items=items(given.items), seconds=given.seconds)
        pairs = [(run(work, None), run(work, address)) for _ in rounds]
        here = row(f"{given.items} items of {given.seconds:g} s of Python: on threads", [here for here, _ in pairs])
        there = row("on the cluster of two", [there for _, there in pairs])
        print(f"\nThe work is done {here / there:.2f} times as fast on the cluster.")


if __name__ == "__main__":
    main()
