"""A stream that was killed goes on where it was: nothing is lost, and nothing done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.stream.spool import Spool

SUM = """
stream:
  prints: {task: watch_prints}
  ticks: {task: watch_ticks, keep: latest}
steps:
  size: {task: sum_prints, in: [prints, ticks]}
  sum: {task: run_up, in: {totals: size}, last: {previous: sum}}
  kept: {task: keep_prints, in: prints}
"""


def test_a_second_run_of_the_slot_goes_on_from_the_first(project, world, make):
    first = project.start("p", SUM)
    world.hand("prints").put(make.prints(1, 2, 3))
    world.hand("ticks").put(make.ticks((1, 10)))
    first.until(
        lambda: first.outputs("sum") == [3] and not first.stream.waiting["ticks"] and world.hand("ticks").queue.empty()
    )
    first.stop()
    last = first.firings[-1].number
    second = project.start("p", SUM)
    world.hand("prints").put(make.prints(4))
    second.until(lambda: second.outputs("sum") == [4])
    second.stop()
    assert second.firings[0].number == last + 1
    assert [act[1] for act in world.acts] == [[1, 2, 3], [4]]
    assert second.result.graph.held["ticks"].frame(None)["price"].tolist() == [10], "tables are there again"


def test_other_parameters_or_another_slot_begin_anew(project, world, make):
    text = SUM + "params: {scale: 1.0}\n"
    text = text.replace(
        "in: [prints, ticks]}", "in: [prints, ticks]}\n  other: {task: sum_ticks, in: ticks, with: {scale: $scale}}"
    )
    first = project.start("p", text, scale="2.0")
    world.hand("prints").put(make.prints(1))
    first.until(lambda: first.outputs("sum") == [1])
    first.stop()
    second = project.start("p", text, scale="3.0")
    world.hand("prints").put(make.prints(1))
    second.until(lambda: second.outputs("sum") == [1])
    second.stop()


@pytest.mark.parametrize("kills", [3])
def test_kill_9_at_any_moment_loses_nothing_and_keeps_nothing_twice(tmp_path: Path, kills: int):
    conftest = Path(__file__).parent / "conftest.py"
    script = Path(__file__).parent / "killed_stream.py"
    delays = [0.02, 0.15, 0.05, 0.3, 0.01, 0.1][:kills]
    for turn, delay in enumerate([*delays, None]):
        child = subprocess.Popen(
            [sys.executable, str(script), str(conftest), str(tmp_path), str(turn)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        assert child.stdout is not None
        assert child.stdout.readline().strip() == b"fed"
        if delay is None:
            assert child.wait(30) == 0
        else:
            time.sleep(delay)
            child.send_signal(signal.SIGKILL)
            child.wait(10)
    (path,) = (tmp_path / "project" / ".hedgerow" / "streams" / "p").glob("*.db")
    with Spool(path) as spool:
        taken = [
            (firing.number, number)
            for firing in spool.recorded()
            for number in firing.rows.get("prints", {"number": []})["number"]
        ]
    kept: dict[str, list[int]] = {}
    for line in (tmp_path / "acts.txt").read_text().splitlines():
        key, _, numbers = line.partition(" ")
        told = [int(number) for number in numbers.split(",")]
        assert kept.setdefault(key, told) == told, "one key, two contents"
    numbers = [number for told in kept.values() for number in told]
    assert sorted(numbers) == sorted(set(numbers)), "a row was kept under two keys"
    assert sorted(numbers) == sorted(number for _, number in taken), "what was taken in was kept, and nothing else"
    assert len(numbers) > 100
