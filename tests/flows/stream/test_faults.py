"""Faults of the market and of the machine, and what is lost by each: nothing, or what the test says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from flows.stream.spool import Spool

LOG = """
stream:
  prints: {task: watch_prints}
steps:
  size: {task: sum_prints, in: prints}
  kept: {task: keep_prints, in: prints}
"""


def kept(world) -> list[int]:
    return [number for act in world.acts if act[0] == "keep" for number in act[1]]


def test_a_burst_of_a_hundred_times_the_rate_is_taken_whole(project, world, make):
    running = project.start("p", LOG)
    hand = world.hand("prints")
    for number in range(20):
        hand.put(make.prints(number))
    running.until(lambda: len(kept(world)) == 20)
    for number in range(20, 2020):  # as fast as it goes
        hand.put(make.prints(number))
    hand.end()
    ended = running.wait()
    assert kept(world) == list(range(2020)), "each once, in order"
    assert ended.graph.meters["prints"].lost == 0
    assert len(running.firings) < 2020, "what comes together is taken together"


def test_duplicates_and_rows_out_of_order_are_kept_as_they_came(project, world, make):
    running = project.start("p", LOG)
    hand = world.hand("prints")
    hand.put(make.prints(3))
    hand.put(make.prints(1))
    hand.put(make.prints(1))
    hand.end()
    running.wait()
    assert kept(world) == [3, 1, 1]


def test_a_slow_sink_delays_and_loses_nothing(project, world, make):
    class Slow(list):  # type: ignore[type-arg]
        def append(self, act: object) -> None:
            time.sleep(0.05)
            super().append(act)

    world.acts = Slow()
    running = project.start("p", LOG)
    hand = world.hand("prints")
    for number in range(300):
        hand.put(make.prints(number))
    hand.end()
    running.wait()
    assert kept(world) == list(range(300))
    assert len(world.acts) < 150, "what came while it worked went in one"


TWO = """
stream:
  ticks: {task: watch_ticks, keep: latest}
  of: {task: watch_of, in: {universe: ticks}, keep: latest}
steps:
  total: {task: sum_ticks, in: of}
"""


def test_positions_that_change_while_their_quotes_come_are_quoted_anew_and_no_quote_is_lost(project, world, make):
    running = project.start("p", TWO)
    world.hand("ticks").put(make.ticks((1, 1)))
    running.until(lambda: len(world.hand("of").opened) == 1)
    world.hand("of").put(make.ticks((1, 10)))
    running.until(lambda: running.outputs("total") == [10])
    world.hand("ticks").put(make.ticks((2, 1)))
    world.hand("of").put(make.ticks((1, 11)))
    running.until(lambda: len(world.hand("of").opened) == 2)
    world.hand("of").put(make.ticks((2, 20)))
    running.until(lambda: running.outputs("total")[-1] == 31)
    running.stop()


def test_a_symbol_without_a_price_all_day_is_in_the_table_and_stops_nobody(project, world, make):
    running = project.start(
        "p", "stream:\n  ticks: {task: watch_ticks, keep: latest}\nsteps:\n  total: {task: sum_ticks, in: ticks}\n"
    )
    hand = world.hand("ticks")
    hand.put(make.ticks((1, 10), (2, np.nan)))
    running.until(lambda: running.outputs("total") == [10])
    hand.put(make.ticks((1, 11)))
    ended = running.until(lambda: running.outputs("total") == [10, 11]) or running.stop()
    assert ended.graph.held["ticks"].frame(None)["con_id"].tolist() == [1, 2]
    assert ended.graph.meters["ticks"].quarantined == 0


FULL = """
import resource, sys
from pathlib import Path
import numpy as np, pandas as pd
import signal
from flows.stream.spool import Spool
from tasks.connections.problems import ConnectionProblem

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
rows = pd.DataFrame({"number": np.arange(1000)})
kept = 0
try:
    with Spool(Path(sys.argv[1])) as spool:
        for number in range(1, 1000):
            spool.fired(number, pd.Timestamp(number, tz="UTC"), {}, {"prints": rows})
            spool.flush()  # as before each effect
            kept = number
except ConnectionProblem as problem:
    print(kept, problem, flush=True)
"""


def test_on_a_full_disk_nothing_acts_any_more_and_what_was_flushed_is_there(tmp_path: Path):
    path = tmp_path / "full.db"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    number, _, told = done.stdout.partition(" ")
    assert "can't be captured" in told, done
    assert "nothing may act on what isn't written down" in told
    assert int(number) > 5
    with Spool(path) as spool:
        recorded = [firing.number for firing in spool.recorded() if len(firing.rows["prints"]) == 1000]
    assert recorded[: int(number)] == list(range(1, int(number) + 1)), "each that was flushed, whole"
    assert pd.Index(recorded).is_unique
