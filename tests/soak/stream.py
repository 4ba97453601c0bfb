"""A stream that goes on and on: what it holds in memory must not grow with what has gone through it.

Run from the project's root: ``.venv/bin/python tests/soak/stream.py --seconds 1800``. Ticks, some of them bad, go
through a table, a log with a sink, a step that fails now and then, and `last:`.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = """
stream:
  ticks: {task: watch_ticks, keep: latest}
  prints: {task: watch_prints}
steps:
  total: {task: sum_ticks, in: ticks}
  size: {task: sum_prints, in: [prints, ticks]}
  sum: {task: run_up, in: {totals: size}, last: {previous: sum}}
  kept: {task: keep_prints, in: prints, every: 1s}
"""


@dataclass
class Findings:
    """What went through, and megabytes held after a quarter of the time and at the end."""

    firings: int
    rows: int
    early: float
    late: float

    @property
    def growth(self) -> float:
        """Megabytes."""
        return self.late - self.early


class Forgetful(list):  # type: ignore[type-arg]
    """What the sink has done isn't kept: it would grow."""

    def append(self, act: object) -> None: ...


def resident() -> float:
    """Megabytes of memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def soak(seconds: float, folder: Path) -> Findings:
    """Let a stream run for so long."""
    fed = _conftest()
    fed.WORLD.acts = Forgetful()
    project = fed.make_project(folder, pytest.MonkeyPatch())
    running = project.start("p", TEXT)
    running.frames = Forgetful()
    running.firings = Forgetful()
    ticks, prints = fed.WORLD.hand("ticks"), fed.WORLD.hand("prints")
    begun, early, number = time.monotonic(), None, 0
    while (passed := time.monotonic() - begun) < seconds:
        for _ in range(20):
            number += 1
            bad = -1.0 if number % 100 == 0 else 13.0 if number % 333 == 0 else 10.0 + number % 7
            ticks.put(fed.ticks((1 + number % 50, bad)))
            prints.put(fed.prints(number))
        fed.WORLD.clock.advance("100ms")
        time.sleep(0.01)
        if early is None and passed >= seconds / 4:
            early = resident()
    for hand in (ticks, prints):
        hand.end()
    running._thread.join(30)
    late = resident()
    return Findings(running.result.graph.number, number, early or 0.0, late)


def _conftest() -> Any:
    path = ROOT / "tests" / "flows" / "stream" / "conftest.py"
    spec = importlib.util.spec_from_file_location("soaked_conftest", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["soaked_conftest"] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800.0)
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(f"{soak(parser.parse_args().seconds, Path(folder))}\n")
