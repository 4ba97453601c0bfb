"""The soak's own accounting, with known answers; and a few seconds of the soak itself."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

SCRIPT = Path(__file__).with_name("schedule.py")
NOON = pd.Timestamp("2026-11-23 12:00", tz="UTC")


@pytest.fixture(scope="module")
def soak() -> Any:
    spec = importlib.util.spec_from_file_location("soak_schedule", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def at(seconds: int) -> pd.Timestamp:
    return NOON + pd.Timedelta(seconds=seconds)


def test_each_slot_is_accounted_for_once(soak: Any) -> None:
    found = soak.account(
        [at(0), at(10), at(20), at(100), at(200), at(300)],
        Counter({at(0): 1, at(10): 2}),
        {at(0): ["COMPLETED"], at(10): ["CRASHED", "COMPLETED"], at(20): ["FAILED"], at(300): ["COMPLETED"]},
        {at(0), at(10), at(20), at(300)},
        [(at(95), at(105))],
    )
    assert (found.due, found.had, dict(found.failed), found.let_go) == (6, 2, {"FAILED": 1}, 1)
    assert found.doubled == ["12:00:10 ×2"]
    assert found.lost == ["12:03:20 ['no run']", "12:05:00 ['COMPLETED']"]


def test_a_run_that_began_while_nobody_was_up_is_no_slot_let_go(soak: Any) -> None:
    found = soak.account([at(0)], Counter(), {at(0): ["CRASHED"]}, {at(0)}, [(at(-5), at(5))])
    assert (dict(found.failed), found.let_go) == ({"CRASHED": 1}, 0)


def test_memory_that_grows_is_seen_and_a_restart_is_not(soak: Any) -> None:
    flat = [(float(second), 100) for second in range(40)]
    assert soak.growth(flat) == 1.0
    assert soak.growth([*flat[:38], (38.0, 300), (39.0, 40)]) == 1.0
    assert soak.growth([(second, 100 + 2 * second) for second, _ in flat]) == pytest.approx(169 / 129)


def test_a_few_seconds_of_it_hold() -> None:
    asked = ["--minutes", "0.25", "--every", "6", "--faults", "gateway"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *asked], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gateway killed and started again 1×" in done.stdout
