"""What test_resume kills: a stream fed with numbered rows, whose sink appends them to a file.

Arguments: the conftest, a folder, and how many times it was killed before.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

spec = importlib.util.spec_from_file_location("stream_conftest", sys.argv[1])
assert spec is not None
assert spec.loader is not None
fed = importlib.util.module_from_spec(spec)
sys.modules["stream_conftest"] = fed
spec.loader.exec_module(fed)

folder, turn = Path(sys.argv[2]), int(sys.argv[3])
TEXT = """
stream:
  prints: {task: watch_prints}
steps:
  size: {task: sum_prints, in: prints}
  sum: {task: run_up, in: {totals: size}, last: {previous: sum}}
  kept: {task: keep_prints, in: prints}
"""


class Acts(list):  # type: ignore[type-arg]
    """Appends to a file in one write."""

    def append(self, act: tuple[str, list[int], str]) -> None:
        with (folder / "acts.txt").open("a") as file:
            file.write(f"{act[2]} {','.join(map(str, act[1]))}\n")


fed.WORLD.acts = Acts()
pd.options.mode.copy_on_write = True
project = fed.make_project(folder / "project", pytest.MonkeyPatch())
running = project.start("p", TEXT)
hand = fed.WORLD.hand("prints")
sys.stdout.write("fed\n")
sys.stdout.flush()
for number in range(200):
    hand.put(fed.prints(turn * 1_000_000 + number))
    time.sleep(0.001)
hand.end()
running.wait()
