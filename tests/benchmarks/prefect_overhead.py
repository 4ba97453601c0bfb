"""What a tracked run costs over bare Prefect tasks that do the same work.

Run from the project's root: ``.venv/bin/python tests/benchmarks/prefect_overhead.py``. It starts a Prefect
server of its own. A chain of small steps runs in turn, in one process against that server: as bare Prefect
tasks; as a pipeline whose frames are neither validated nor journalled; as one whose frames are; and with
the artifacts that bare tasks don't have. What a step costs is the difference between a long chain and a
short one, a step; what a run costs is that of the short one. Prefect's heartbeat is off: it makes every
flow run, empty ones too, wait out a second, in which any cost would hide. Between runs the server gets
time to take in what it was sent, as it would compete for the processor.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from pandera.typing import DataFrame

from flows.batch import run_batch
from flows.check import check_file, render
from flows.check.parameters import bind
from flows.desk import Desk, load_desk
from flows.journal import FrameRef, Journal
from flows.plan import Plan
from flows.serve.prefect_server import PrefectServer
from schemas.market import Prices
from tasks.declare import Task, task
from tasks.registry import Catalog, catalog

RATIO, STEP, RUN = 1.2, 0.010, 0.3
"""Wanted at most: a step without validation and journal, over a bare one; seconds a step with both; seconds a run."""
ROWS = 1000
SHORT = 1
DESK = "name: bench\nconnections: {}\n"


def first(seed: int) -> pd.DataFrame:
    """Some prices, other ones for each seed: the journal keeps a frame only once."""
    return pd.DataFrame(
        {
            "con_id": np.arange(1, ROWS + 1),
            "symbol": pd.Categorical.from_codes(np.arange(ROWS), categories=[f"C{at:04d}" for at in range(ROWS)]),
            "session": pd.Timestamp("2022-12-27").as_unit("ns"),
            "close": np.random.default_rng(seed).uniform(20, 400, ROWS),
        }
    )


def later(prices: pd.DataFrame) -> pd.DataFrame:
    """The prices, all a little higher."""
    return prices.assign(close=prices["close"] * 1.001)


@task
def first_prices(seed: int) -> DataFrame[Prices]:
    """As `first`."""
    return first(seed)


@task
def later_prices(prices: DataFrame[Prices]) -> DataFrame[Prices]:
    """As `later`."""
    return later(prices)


def pipeline(steps: int) -> str:
    """A chain of steps."""
    lines = ["params: {seed: 0}", "steps:", "  s1: {task: first_prices, with: {seed: $seed}}"]
    lines += [f"  s{at}: {{task: later_prices, in: s{at - 1}}}" for at in range(2, steps + 1)]
    return "\n".join(lines) + "\n"


class NoJournal(Journal):
    """Keeps nothing."""

    def begin_run(self, **_: Any) -> None: ...
    def end_run(self, *_: Any) -> None: ...
    def begin_step(self, **_: Any) -> None: ...
    def end_step(self, *_: Any, **__: Any) -> None: ...

    def put_frame(self, frame: pd.DataFrame, schema: str) -> FrameRef:
        return FrameRef("", schema, len(frame))


@contextmanager
def unchecked() -> Iterator[None]:
    """Runs validate nothing and journal nothing."""
    with patch("flows.batch.Journal", NoJournal), patch("flows.execute.validated", lambda frame, *_: frame):
        yield


def unshown() -> Any:
    """Runs have no artifacts."""
    return patch.multiple("flows.tracked.Artifacts", step_ended=_nothing, run_ended=_nothing)


def _nothing(*_: Any) -> None: ...


def as_bare(steps: int) -> Callable[[int], Any]:
    """The chain as a flow of Prefect tasks."""
    from prefect import flow
    from prefect import task as prefect_task
    from prefect.cache_policies import NO_CACHE

    begin = prefect_task(first, name="first", cache_policy=NO_CACHE, persist_result=False)
    go_on = prefect_task(later, name="later", cache_policy=NO_CACHE, persist_result=False)

    @flow(name=f"bare_{steps}", persist_result=False)
    def bare(seed: int) -> int:
        future = begin.submit(seed)
        for _ in range(steps - 1):
            future = go_on.submit(future)
        return len(future.result())

    return bare


def as_run(plan: Plan, desk: Desk) -> Callable[[int], Any]:
    """The chain as a tracked run."""

    def run(seed: int) -> None:
        finished = run_batch(plan, desk, bind(plan, {"seed": seed}), session=date(2022, 12, 27))
        assert finished.status == "completed", {name: outcome.reason for name, outcome in finished.failures.items()}
        assert finished.tracked

    return run


def measured(folder: Path, rounds: int, steps: int, settle: float) -> dict[tuple[str, int], list[float]]:
    """Seconds of each way to run each chain, in turn."""
    pipelines = folder / "pipelines"
    pipelines.mkdir()
    (pipelines / "_desk.yaml").write_text(DESK)
    desk = load_desk(pipelines, None)
    ours = {thing.spec.name: thing.spec for thing in (first_prices, later_prices) if isinstance(thing, Task)}
    ways: dict[tuple[str, int], Callable[[int], Any]] = {}
    for length in (SHORT, steps):
        path = pipelines / f"chain_{length}.yaml"
        path.write_text(pipeline(length))
        checked = check_file(path, Catalog({**catalog().tasks, **ours}, catalog().schemas), desk, pipelines)
        assert checked.plan is not None, render(checked)
        ways["bare", length] = as_bare(length)
        run = as_run(checked.plan, desk)
        ways["unchecked", length] = unshown()(unchecked()(run))
        ways["checked", length] = unshown()(run)
        ways["shown", length] = run
    spent: dict[tuple[str, int], list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        for way, run in ways.items():
            time.sleep(settle)
            begun = time.perf_counter()
            run(number)
            if number:  # the first warms up
                spent[way].append(time.perf_counter() - begun)
    return spent


def report(spent: dict[tuple[str, int], list[float]], rounds: int, steps: int) -> bool:
    """Print the table; whether all is as wanted."""
    more = steps - SHORT
    step = {way: [(b - a) / more for a, b in zip(spent[way, SHORT], spent[way, steps], strict=True)] for way in WAYS}
    ratio = median(step["unchecked"]) / median(step["bare"])
    each = median(step["checked"]) - median(step["bare"])
    run = median(spent["shown", SHORT]) - median(spent["bare", SHORT])
    print(
        f"chains of {SHORT} and {steps} steps, frames of {ROWS:,} rows; {rounds} rounds, in turn; medians (min–max)\n"
    )
    print(f"{'':<44}{'run of one step, s':>24}{'each further step, ms':>28}")
    for way, name in WAYS.items():
        print(f"{name:<44}{_spread(spent[way, SHORT], 1, 3):>24}{_spread(step[way], 1e3, 1):>28}")
    print()
    results = [
        ("a step without validation and journal, ×", ratio, RATIO, 2),
        ("a step with both, ms more", each * 1e3, STEP * 1e3, 1),
        ("a run, s more", run, RUN, 3),
    ]
    for name, value, wanted, digits in results:
        print(f"{name:<44}{value:>10.{digits}f}   wanted: at most {wanted:g}")
    return all(value <= wanted for _, value, wanted, _ in results)


WAYS = {
    "bare": "bare Prefect tasks",
    "unchecked": "a pipeline, not validated, not journalled",
    "checked": "a pipeline, validated and journalled",
    "shown": "a pipeline, with artifacts too",
}


def _spread(seconds: list[float], scale: float, digits: int) -> str:
    low, middle, high = (scale * value for value in (min(seconds), median(seconds), max(seconds)))
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def main() -> int:
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--steps", type=int, default=20)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--settle", type=float, default=2.0, help="seconds between runs")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}/api"
        os.environ |= {"PREFECT_HOME": f"{folder}/prefect", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING"}
        with PrefectServer(url, Path(folder) / "server.log"):
            os.environ["PREFECT_API_URL"] = url  # Prefect reads it as it is imported: nothing above may do that
            from prefect.events.worker import EventsWorker
            from prefect.logging.handlers import APILogWorker
            from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

            with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
                spent = measured(Path(folder), asked.rounds, asked.steps, asked.settle)
            for worker in (APILogWorker, EventsWorker):
                worker.drain_all(timeout=10)
    return 0 if report(spent, asked.rounds, asked.steps) else 1


if __name__ == "__main__":
    sys.exit(main())
