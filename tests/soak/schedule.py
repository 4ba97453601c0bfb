"""A pipeline that is due every few seconds, while what it stands on keeps failing.

Run from the project's root: ``make soak``, or ``.venv/bin/python tests/soak/schedule.py --minutes 1``. `hedgerow up`
serves two pipelines by a Prefect server and a simulated gateway, all of them processes of their own, each of which
is killed in turn and started again. Then every slot that was due is accounted for: it had its effect, once; or its
run failed where it can be seen; or nobody was up, and it was let go. The effects are counted where they were had.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any, Self

import httpx
import pandas as pd

from flows.desk import load_desk
from flows.document import read
from flows.grammar import Schedule
from flows.journal import Journal
from flows.schedule import slots
from flows.serve.claims import claimed
from flows.serve.prefect_server import answers
from tasks.connections.clock import WallClock

CODE = Path(__file__).resolve().parents[2]
TASK = '''
"""An effect that can be counted: nothing but the framework keeps it from being had twice."""

import os
import sqlite3
from contextlib import closing

import pandas as pd
from pandera.typing import DataFrame

from schemas.audit import RowWrites
from schemas.book import Positions
from tasks.declare import task
from tasks.run import Run


@task(effect=True)
def count_effect(positions: DataFrame[Positions], run: Run) -> DataFrame[RowWrites]:
    """Add one row."""
    with closing(sqlite3.connect(os.environ["SOAK_EFFECTS"], timeout=30, isolation_level=None)) as database:
        database.execute("INSERT INTO effects VALUES (?, ?, ?)", (run.pipeline, run.id, run.key))
    return pd.DataFrame({"table": pd.Series(["effects"], dtype=object), "rows": [1]})
'''
DESK = """
name: soak
connections:
  gateway: {{kind: ib, simulated: false, port: {port}}}
"""
PIPELINE = """
schedule: {{calendar: 24/7, from: open + {offset}s, until: close - 1s, every: {every}s, missed: {missed}}}
overlap: queue
steps:
  positions: {{task: read_positions, retry: {{times: 3, delay: 2s}}}}
  counted: {{task: count_effect, in: positions}}
"""
PIPELINES = {"made_up": "run", "let_go": "skip"}
"""By what becomes of what was missed."""
FAULTS = ("gateway", "server", "up")
AWAY = {"gateway": 5.0, "server": 5.0, "up": 5.0}
"""Seconds until what was killed is started again."""
MARGIN = pd.Timedelta(seconds=15)
"""About a kill or a start, when it can't be told whether somebody was up."""


@dataclass
class Command:
    """A process of the project that can be killed and started again."""

    name: str
    arguments: list[str]
    folder: Path
    environment: dict[str, str]
    ready: str
    """What it says when it is ready, or the address of a Prefect API that then answers."""
    process: subprocess.Popen[bytes] | None = None
    resident: list[tuple[float, int]] = field(default_factory=list)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        with self.log.open("ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", *self.arguments],
                cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        until = time.monotonic() + 120
        while not (answers(self.ready) if "://" in self.ready else self.ready.encode() in self._said(begin)):
            said = self.log.read_text(errors="replace")[-3000:]
            assert self.process.poll() is None, f"{self.name} ended:\n{said}"
            assert time.monotonic() < until, f"{self.name} isn't ready:\n{said}"
            time.sleep(0.1)

    def _said(self, begin: int) -> bytes:
        return self.log.read_bytes()[begin:]

    def kill(self) -> None:
        """As a machine's memory killer does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def sample(self, at: float) -> None:
        """Note how much memory it has."""
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} ended:\n{self.log.read_text(errors='replace')[-3000:]}"
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        self.resident.append((at, pages * os.sysconf("SC_PAGE_SIZE") // 2**20))


@dataclass
class Account:
    """What became of the slots of a pipeline."""

    due: int = 0
    had: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    let_go: int = 0
    lost: list[str] = field(default_factory=list)
    """Unaccounted for."""
    doubled: list[str] = field(default_factory=list)


def account(
    due: list[pd.Timestamp],
    effects: Counter[pd.Timestamp],
    ended: dict[pd.Timestamp, list[str]],
    claims: set[pd.Timestamp],
    away: list[tuple[pd.Timestamp, pd.Timestamp]],
) -> Account:
    """Account for the slots that were due.

    Parameters
    ----------
    due
        Their instants.
    effects
        How many times each slot had its effect.
    ended
        How the flow runs of each slot ended, as the server shows it.
    claims
        The slots that some run has begun.
    away
        The spans in which nobody was up.
    """
    result = Account(due=len(due))
    for instant in due:
        if effects[instant] > 1:
            result.doubled.append(f"{instant:%H:%M:%S} ×{effects[instant]}")
        states = [state for state in ended.get(instant, []) if state not in ("COMPLETED", "SCHEDULED")]
        if effects[instant]:
            result.had += 1
        elif instant in claims and states:
            result.failed[states[0]] += 1
        elif any(begin - MARGIN <= instant <= end + MARGIN for begin, end in away):
            result.let_go += 1
        elif states:
            result.failed[states[0]] += 1
        else:
            result.lost.append(f"{instant:%H:%M:%S} {ended.get(instant, ['no run'])}")
    return result


class Soak:
    """A project, what it stands on, and what was done to it."""

    def __init__(self, root: Path, every: int) -> None:
        self.root, self.every = root, every
        self.effects = root / "effects.db"
        for package in ("flows", "tasks", "schemas"):
            shutil.copytree(CODE / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
        (root / "tasks" / "counted.py").write_text(TASK)
        self.gateway_port, self.port = _free_port(), _free_port()
        folder = root / "pipelines"
        folder.mkdir()
        (folder / "_desk.yaml").write_text(DESK.format(port=self.gateway_port))
        for offset, (name, missed) in enumerate(PIPELINES.items()):
            text = PIPELINE.format(every=every, missed=missed, offset=offset * (every // 2))
            (folder / f"{name}.yaml").write_text(textwrap.dedent(text))
        with closing(sqlite3.connect(self.effects)) as database:
            database.executescript("PRAGMA journal_mode = WAL; CREATE TABLE effects (pipeline, run, key);")
        self.away: list[tuple[pd.Timestamp, pd.Timestamp]] = []
        self.faults: Counter[str] = Counter()
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HEDGEROW_"))
        }
        environment = inherited | {
            "PYTHONPATH": str(root), "PREFECT_HOME": str(root / "prefect"), "SOAK_EFFECTS": str(self.effects),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }  # fmt: skip
        server = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        gateway = ["flows", "gateway", "--port", str(self.gateway_port)]
        self.commands = {
            "server": Command("server", server, root, environment, f"http://127.0.0.1:{self.port}/api"),
            "gateway": Command("gateway", gateway, root, environment, "simulated gateway at"),
            "up": Command("up", ["flows", "up", "--port", str(self.port)], root, environment, "Ctrl-C stops"),
        }

    def run(self, seconds: float, faults: tuple[str, ...]) -> tuple[pd.Timestamp, pd.Timestamp]:
        """Keep it up for so long while it fails; return from when until when it was to run."""
        begin, begun = WallClock().now(), time.monotonic()
        kinds = cycle(faults)
        pause = seconds / max(2, len(faults) + 1) if seconds < 300 else 60.0
        following = begun + pause
        while (now := time.monotonic()) < begun + seconds:
            for command in self.commands.values():
                command.sample(now - begun)
            if faults and now >= following and now < begun + seconds - pause / 2:
                self._fail(next(kinds))
                following = time.monotonic() + pause
            time.sleep(1)
        return begin, WallClock().now()

    def _fail(self, kind: str) -> None:
        command, at = self.commands[kind], WallClock().now()
        command.kill()
        time.sleep(AWAY[kind])
        command.start()
        self.faults[kind] += 1
        if kind == "up":
            self.away.append((at, WallClock().now()))

    def settle(self, end: pd.Timestamp) -> None:
        """Wait until every run that was due by then has ended."""
        until = time.monotonic() + 180
        while open_ := [
            state for runs in self._flow_runs(end).values() for states in runs.values() for state in states
            if state in ("SCHEDULED", "PENDING", "RUNNING", "CANCELLING")
        ]:  # fmt: skip
            if time.monotonic() > until:
                sys.stdout.write(f"after three minutes there still are {Counter(open_)}\n")
                return
            time.sleep(2)

    def accounts(self, begin: pd.Timestamp, end: pd.Timestamp) -> dict[str, Account]:
        """What became of each pipeline's slots."""
        desk, ended = load_desk(self.root / "pipelines"), self._flow_runs(end)
        with closing(sqlite3.connect(self.effects)) as database:
            had = database.execute("SELECT pipeline, run FROM effects").fetchall()
        result: dict[str, Account] = {}
        with Journal(desk.data) as journal:
            for name in PIPELINES:
                slot_of = {run.id: pd.Timestamp(run.slot) for run in journal.runs(1_000_000, name)}
                effects = Counter(slot_of[run] for pipeline, run in had if pipeline == name)
                written = read(self.root / "pipelines" / f"{name}.yaml").value
                due = [slot.instant for slot in slots(Schedule.model_validate(written["schedule"]), begin, end)]
                result[name] = account(due, effects, ended[name], claimed(desk, name), self.away)
        return result

    def _flow_runs(self, end: pd.Timestamp) -> dict[str, dict[pd.Timestamp, list[str]]]:
        """States of the flow runs due by then, by pipeline and instant; those that make up for one, by its instant."""
        result: dict[str, dict[pd.Timestamp, list[str]]] = {name: {} for name in PIPELINES}
        for name, found in result.items():
            seen = 0
            while page := self._page(name, end, seen):
                seen += len(page)
                for run in page:
                    key = run["idempotency_key"] or ""
                    text = (
                        key.removeprefix("caught-up ") if key.startswith("caught-up ") else run["expected_start_time"]
                    )
                    found.setdefault(pd.Timestamp(text), []).append(run["state_type"])
        return result

    def _page(self, name: str, end: pd.Timestamp, offset: int) -> list[dict[str, Any]]:
        wanted = {
            "flows": {"name": {"any_": [name]}},
            "flow_runs": {"expected_start_time": {"before_": end.isoformat()}},
            "sort": "EXPECTED_START_TIME_ASC", "limit": 200, "offset": offset,
        }  # fmt: skip
        answer = httpx.post(f"http://127.0.0.1:{self.port}/api/flow_runs/filter", json=wanted, timeout=30)
        page: list[dict[str, Any]] = answer.raise_for_status().json()
        return page


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def growth(resident: list[tuple[float, int]]) -> float:
    """Memory in the last quarter over that of the second; medians, so that a restart doesn't count."""
    quarter = len(resident) // 4
    if quarter < 5:
        return 1.0
    return median(size for _, size in resident[-quarter:]) / median(size for _, size in resident[quarter : 2 * quarter])


def report(soak: Soak, accounts: dict[str, Account], seconds: float) -> tuple[str, bool]:
    """(the results as Markdown, whether they are as wanted)."""
    faults = (
        ", ".join(f"{name} killed and started again {times}×" for name, times in soak.faults.items()) or "no faults"
    )
    lines = [
        "# Soak of the schedule", "",
        f"{seconds / 60:.1f} minutes, two pipelines due every {soak.every} s each; {faults}.", "",
        "| pipeline | due | effect had | failed, and shown | let go, nobody up | unaccounted | doubled |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]  # fmt: skip
    for name, one in accounts.items():
        failed = f"{one.failed.total()}" + (
            f" ({', '.join(f'{n} {s.lower()}' for s, n in one.failed.items())})" if one.failed else ""
        )
        lines.append(
            f"| {name} (`missed: {PIPELINES[name]}`) | {one.due} | {one.had} | {failed} | {one.let_go}"
            f" | {len(one.lost)} | {len(one.doubled)} |"
        )
    lines += ["", "| process | resident, MB: first | median | last | growth |", "|---|--:|--:|--:|--:|"]
    growths = {name: growth(command.resident) for name, command in soak.commands.items()}
    for name, command in soak.commands.items():
        sizes = [size for _, size in command.resident]
        lines.append(f"| {name} | {sizes[0]} | {median(sizes):.0f} | {sizes[-1]} | {growths[name]:.2f}× |")
    unheld = [f"{name}: {text}" for name, one in accounts.items() for text in (*one.lost, *one.doubled)]
    lines += ["", *[f"- {text}" for text in unheld]]
    is_well = (
        not unheld and all(ratio <= 1.15 for ratio in growths.values()) and all(one.had for one in accounts.values())
    )
    return "\n".join(lines).rstrip() + "\n", is_well


def main() -> int:
    """Soak, and print the results."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--minutes", type=float, default=20.0)
    arguments.add_argument("--every", type=int, default=10, help="seconds between two slots of a pipeline")
    arguments.add_argument("--faults", default=",".join(FAULTS), help="which, in turn")
    arguments.add_argument("--results", type=Path, help="the file that takes them")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        soak = Soak(Path(folder), asked.every)
        for command in soak.commands.values():
            stack.enter_context(command)
        begin, end = soak.run(asked.minutes * 60, tuple(filter(None, asked.faults.split(","))))
        soak.settle(end)
        text, is_well = report(soak, soak.accounts(begin, end), asked.minutes * 60)
    sys.stdout.write(text)
    if asked.results:
        asked.results.write_text(text)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
