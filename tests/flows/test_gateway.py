"""`hedgerow gateway`: a process of its own that any client can use."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRST = re.compile(r"simulated gateway at 127\.0\.0\.1:(\d+), (.+)")


@pytest.fixture
def hedgerow(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    with ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "flows", "gateway", "--port", "0", *arguments],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            stack.callback(process.wait, 10)
            stack.callback(process.kill)
            return process

        yield start


def told(process: subprocess.Popen[str], until: str = "Ctrl-C") -> list[str]:
    """Its lines up to the one that begins so."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if line.startswith(until):
            return lines
    return lines


def test_it_says_what_it_serves_and_serves_it(hedgerow: Callable[..., Any], tmp_path: Path) -> None:
    from ib_async import IB

    (tmp_path / "book.csv").write_text("account,symbol,quantity,average_cost\nU1,KO,300,55.5\n")
    (tmp_path / "faults.yaml").write_text("faults: [{on: reqNewsBulletins, do: kick}, {on: 12, do: kick}]\n")
    refused = told(hedgerow("--faults", "faults.yaml"))
    assert refused[0].startswith("error: faults.yaml:1:15: there is no message `reqNewsBulletins`")
    (tmp_path / "faults.yaml").write_text("faults: [{on: 12, do: kick}]\n")
    options = ("--book", "book.csv", "--faults", "faults.yaml", "--at", "2022-12-28T17:00Z", "--speed", "10")
    process = hedgerow(*options, "--read-only", "--lines", "3")
    first, *rest = told(process)
    port, what = FIRST.fullmatch(first).groups()  # type: ignore[union-attr]  # else it fails here
    assert what == "2022-12-28 17:00:00 UTC, 10 times real time"
    assert rest == [
        "market    22 stocks, funds and indices and their option chains, sessions 1990-01-03 to 2022-12-28",
        "prices    daily closes are real; between them generated, seed 7",
        "accounts  U1, 1 holding, read-only",
        "pace      not limited; 3 market-data lines",
        "faults    faults.yaml",
        "Ctrl-C stops it",
    ]

    async def use() -> None:
        ib = IB()
        await ib.connectAsync("127.0.0.1", int(port), clientId=5, timeout=10, readonly=True)
        assert [(p.account, p.contract.symbol, p.position) for p in ib.positions()] == [("U1", "KO", 300.0)]
        gone = asyncio.Event()
        ib.disconnectedEvent += gone.set
        ib.client.send(12, 1, False)
        await asyncio.wait_for(gone.wait(), 10)

    asyncio.run(use())
    process.send_signal(signal.SIGINT)
    assert told(process, "stopped")[-1] == "stopped"
    assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--at", "noon"), "--at noon is no instant."),
        (("--at", "2031-01-01T17:00Z"), "The simulated market has no prices at 2031-01-01 17:00:00+00:00."),
        (("--book", "none.csv"), "The book none.csv can't be read"),
    ],
)
def test_mistakes_are_said_in_a_sentence(hedgerow: Callable[..., Any], arguments: tuple[str, ...], said: str) -> None:
    process = hedgerow(*arguments)
    assert told(process)[0].startswith(f"error: {said}")
    assert process.wait(10) == 1
