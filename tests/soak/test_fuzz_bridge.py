"""A seeded share of the million broken messages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("fuzz_bridge.py")


def test_twenty_thousand_broken_messages_break_nothing() -> None:
    command = [sys.executable, str(SCRIPT), "--count", "20000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    told = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines())
    assert int(told["messages"]) == 20_000
    assert int(told["kinds in the conversation"]) >= 25
    assert int(told["unreadable, each counted and named"]) > 5000
