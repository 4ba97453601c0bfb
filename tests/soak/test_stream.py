"""A small share of the stream's soak."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_stream_holds_no_more_for_what_has_gone_through_it():
    done = subprocess.run(
        [sys.executable, "tests/soak/stream.py", "--seconds", "8"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    call = ast.parse(done.stdout.strip().splitlines()[-1], mode="eval").body
    assert isinstance(call, ast.Call)
    found = {each.arg: ast.literal_eval(each.value) for each in call.keywords}
    assert found["rows"] > 2000, found
    assert found["late"] - found["early"] < 12, found
