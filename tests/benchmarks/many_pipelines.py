"""How long `hedgerow up` takes to be ready, with few pipelines in the folder and with many.

Run from the project's root: ``.venv/bin/python tests/benchmarks/many_pipelines.py``. Each time it is started
in an empty project with a Prefect server of its own, which it starts; then again, with all of them known
to the server. Every pipeline has parameters, steps and a schedule.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CODE = Path(__file__).resolve().parents[2]
FEW = 3
READY = "Ctrl-C stops"
DESK = "name: bench\nconnections:\n  gateway: {kind: ib, simulated: true}\n"
PIPELINE = """\
description: Returns, number {number}.
schedule: {{calendar: {calendar}, at: close - {minutes}m}}
params:
  sessions: {{default: 30, min: 2, max: 500, description: How many daily returns}}
  kind: {{default: simple, enum: [simple, log]}}
steps:
  positions: {{task: read_positions}}
  prices: {{task: pull_history, in: {{universe: positions}}, with: {{returns: $sessions}}}}
  returns: {{task: compute_returns, in: prices, with: {{kind: $kind}}}}
output: returns
"""
CALENDARS = ("XNYS", "XLON", "XTKS", "XHKG")


def write(root: Path, count: int) -> None:
    """A project of this many pipelines."""
    (root / "pipelines").mkdir()
    (root / "pipelines" / "_desk.yaml").write_text(DESK)
    for number in range(count):
        text = PIPELINE.format(number=number, calendar=CALENDARS[number % 4], minutes=1 + number % 60)
        (root / "pipelines" / f"returns_{number:03d}.yaml").write_text(text)


def ready(root: Path) -> float:
    """Seconds until it is up; it is then stopped."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HEDGEROW_"))}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "flows", "up", "--port", str(port)],
        cwd=root,
        env=inherited | {"PYTHONPATH": str(CODE), "PREFECT_HOME": str(root / "prefect")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if READY in line:
                return time.perf_counter() - begun
        raise SystemExit("it ended:\n" + "".join(said))
    finally:
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        process.wait(60)


def main() -> int:
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--pipelines", type=int, default=300)
    asked = arguments.parse_args()
    spent: dict[int, list[float]] = {}
    print(f"{'pipelines':<12}{'ready, s':>10}{'ready again, s':>18}", flush=True)
    for count in (FEW, asked.pipelines):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), count)
            spent[count] = [ready(Path(folder)), ready(Path(folder))]
        print(f"{count:<12}{spent[count][0]:>10.1f}{spent[count][1]:>18.1f}", flush=True)
    wanted = [2 * few + 10 for few in spent[FEW]]
    print(f"{'wanted':<12}{wanted[0]:>10.1f}{wanted[1]:>18.1f}")
    return 0 if all(many <= most for many, most in zip(spent[asked.pipelines], wanted, strict=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
