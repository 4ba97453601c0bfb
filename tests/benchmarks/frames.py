"""What the desk's store adds to bare ArcticDB: a frame of a million option trades, written and read.

Run: `python tests/benchmarks/frames.py`. Both do the same to the disk; ratios count, not seconds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import arcticdb
import numpy as np
import pandas as pd

from tasks.connections.arctic import FrameStore
from tasks.frames import append_frame, read_frame, write_frame
from tasks.run import Run

ROWS = 1_000_000
LIMIT = 1.2
TIMES = 7


def trades(rows: int = ROWS) -> pd.DataFrame:
    """Eleven columns, as the feed of option trades has them."""
    random = np.random.default_rng(7)
    names = [f"U{number:03}" for number in range(500)]
    return pd.DataFrame(
        {
            "time": pd.date_range("2025-03-03 14:30", periods=rows, freq="20us", tz="UTC", unit="ns"),
            "trade_id": np.arange(rows),
            "underlying": pd.Categorical.from_codes(random.integers(0, 500, rows), names),
            "expiry": pd.Timestamp("2025-03-21") + pd.to_timedelta(random.integers(0, 90, rows), unit="D"),
            "strike": random.integers(50, 500, rows).astype("float64"),
            "right": pd.Categorical.from_codes(random.integers(0, 2, rows), ["C", "P"]),
            "price": random.uniform(0, 20, rows).round(2),
            "size": random.integers(1, 100, rows),
            "bid": random.uniform(0, 20, rows).round(2),
            "ask": random.uniform(0, 20, rows).round(2),
            "condition": random.integers(0, 150, rows),
        }
    )


def best(ours: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the fastest of several, taken in turns."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(TIMES):
        for call, seconds in zip((ours, bare), found, strict=True):
            begun = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - begun)
    return min(found[0]), min(found[1])


def main() -> int:
    """Print the table; 1 where a ratio is beyond the limit."""
    frame = trades()
    plain = frame.assign(time=frame["time"].dt.tz_localize(None))  # which is what ArcticDB makes of it by itself
    new = trades(10_000).set_index("time")
    number = 0
    with tempfile.TemporaryDirectory() as folder:
        store = FrameStore("frames", FrameStore.Settings(), Path(folder) / "ours").open()
        library = arcticdb.Arctic(f"lmdb://{folder}/bare").get_library("options", create_if_missing=True)

        def run() -> Run:
            nonlocal number
            number += 1
            return Run(f"r{number}", "p", date(2025, 3, 3), "s", f"k{number}")

        def later() -> pd.DataFrame:
            return new.set_axis(new.index + pd.Timedelta(days=number + 1)).rename_axis("time")

        library.write("grown", later().drop(columns=["underlying", "right"]))
        append_frame(later().reset_index(), store, run(), "options", "grown", key=["trade_id"])
        rows = [
            (
                "write",
                *best(
                    lambda: write_frame(frame, store, run(), "options", "trades"),
                    lambda: library.write("trades", plain, prune_previous_versions=False),
                ),
            ),
            (
                "read",
                *best(lambda: read_frame(store, run(), "options", "trades"), lambda: library.read("trades").data),
            ),
            (
                "append 10,000",
                *best(
                    lambda: append_frame(later().reset_index(), store, run(), "options", "grown", key=["trade_id"]),
                    lambda: (run(), library.append("grown", later().drop(columns=["underlying", "right"]))),
                ),
            ),
        ]
    print(f"{'':16}{'ours, s':>10}{'bare, s':>10}{'ratio':>8}   of {ROWS:,} rows")
    for what, ours, bare in rows:
        print(f"{what:16}{ours:10.3f}{bare:10.3f}{ours / bare:8.2f}")
    return int(any(ours / bare > LIMIT for _, ours, bare in rows[:2]))


if __name__ == "__main__":
    sys.exit(main())
