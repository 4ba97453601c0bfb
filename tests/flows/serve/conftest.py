"""`hedgerow up` as a user starts it: a process of its own, with a real server, in a project in a temporary folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tasks.connections.clock import WallClock

CODE = Path(__file__).resolve().parents[3]

FILES = {
    "_desk": """
        name: demo
        connections:
          gateway: {kind: ib, simulated: true}
        """,
    "asked": """
        description: Prices, on request.
        params:
          sessions: {default: 5, min: 2, max: 50, description: How many daily returns}
          kind: {default: simple, enum: [simple, log]}
        steps:
          positions: {task: read_positions}
          prices: {task: pull_history, in: {universe: positions}, with: {returns: $sessions}}
          returns: {task: compute_returns, in: prices, with: {kind: $kind}}
        output: returns
        """,
    "required": """
        params: {kind: {description: There is no default}}
        steps:
          positions: {task: read_positions}
          prices: {task: pull_history, in: {universe: positions}, with: {returns: 5}}
          returns: {task: compute_returns, in: prices, with: {kind: $kind}}
        """,
    "near_close": """
        schedule: {calendar: XNYS, at: close - 15m}
        steps: {positions: {task: read_positions}}
        """,
    "half_hourly": """
        schedule: {calendar: XHKG, from: open, until: close, every: 30m}
        steps: {positions: {task: read_positions}}
        """,
    "nightly": """
        schedule: {cron: 30 2 * * 1-5, timezone: America/New_York}
        steps: {positions: {task: read_positions}}
        """,
    "often": """
        schedule: {calendar: 24/7, from: open, until: close - 1s, every: 15s}
        steps: {positions: {task: read_positions}}
        """,
    "let_go": """
        schedule: {cron: "AT,HALF * * * *", timezone: UTC}
        steps: {positions: {task: read_positions}}
        """,
    "made_up": """
        schedule: {cron: "AT,HALF * * * *", timezone: UTC, missed: run}
        steps: {positions: {task: read_positions}}
        """,
    "later": """
        schedule: {after: nightly}
        steps: {positions: {task: read_positions}}
        """,
    "wrong": """
        steps: {positions: {task: read_positionz}}
        """,
    "wrong_schedule": """
        schedule: {calendar: XNYC, at: close}
        steps: {positions: {task: read_positions}}
        """,
}


@dataclass
class Up:
    """A project that is served."""

    root: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    said: Path = field(init=False)

    def __post_init__(self) -> None:
        self.said = self.root / "said.txt"

    def write(self, name: str, text: str) -> None:
        path = self.root / "pipelines" / f"{name}.yaml"
        path.write_text(textwrap.dedent(text))

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "flows", "up", "--port", str(self.port)]

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        own = {"PYTHONPATH": str(CODE), "PREFECT_HOME": str(self.root / "prefect"), "PREFECT_LOGGING_LEVEL": "WARNING"}
        return inherited | own

    def start(self) -> None:
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                self.command, cwd=self.root, env=self.environment, stdout=said, stderr=subprocess.STDOUT
            )
        self.until(lambda: "Ctrl-C stops" in self.output, "it says that it is ready", 90)

    def kill(self) -> None:
        """As a machine's memory killer does: what it has started stays."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)
        self.process = None

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.process = None
        return code

    @property
    def output(self) -> str:
        return self.said.read_text()

    def until(self, happens: Callable[[], Any], what: str, seconds: float = 30) -> Any:
        """Wait until something is so, and return it."""
        end = time.monotonic() + seconds
        while not (result := happens()):
            assert self.process is None or self.process.poll() is None, f"it ended:\n{self.output}"
            assert time.monotonic() < end, f"not within {seconds} s: {what}\n{self.output}"
            time.sleep(0.2)
        return result

    def ask(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """POST to the server; (status, answer). Its SQLite may be locked for a moment: asked again, as clients do."""
        while (answer := self._ask_once(path, body))[0] == 503:
            time.sleep(0.2)
        return answer

    def _ask_once(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - our own server on loopback
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def deployments(self) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in self.ask("deployments/filter", {})[1]}

    def trigger(self, name: str, **parameters: Any) -> tuple[int, Any]:
        """As the UI does."""
        identity = self.deployments()[name]["id"]
        return self.ask(f"deployments/{identity}/create_flow_run", {"parameters": parameters})

    def run(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Trigger a run and wait for its end."""
        status, created = self.trigger(name, **parameters)
        assert status == 201, created
        return self.finished(created["id"])

    def flow_runs(self, name: str, states: list[str] | None = None) -> list[dict[str, Any]]:
        """A pipeline's flow runs in the order that they were due."""
        body: dict[str, Any] = {"flows": {"name": {"any_": [name]}}, "sort": "EXPECTED_START_TIME_ASC"}
        if states is not None:
            body["flow_runs"] = {"state": {"type": {"any_": states}}}
        found: list[dict[str, Any]] = self.ask("flow_runs/filter", body)[1]
        return found

    def finished(self, flow_run: str) -> dict[str, Any]:
        """A flow run, once it has ended."""

        def ended() -> Any:
            (found,) = self.ask("flow_runs/filter", {"flow_runs": {"id": {"any_": [flow_run]}}})[1]
            return found if found["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

        result: dict[str, Any] = self.until(ended, f"flow run {flow_run} ends", 60)
        return result

    def processes(self) -> dict[int, str]:
        """The processes that have anything to do with this project, by id with their command lines."""
        found = {}
        for folder in Path("/proc").iterdir():
            try:
                environment = (folder / "environ").read_bytes() if folder.name.isdigit() else b""
                if str(self.root).encode() in environment and int(folder.name) != os.getpid():
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return {process: command for process, command in found.items() if command}

    def leave_nothing(self) -> None:
        """Stop it, and whatever outlived a kill of it."""
        if self.process is not None:
            self.stop()
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)


@pytest.fixture(scope="module")
def new_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Up]]:
    """Makes a project of these files, and serves it until the module's tests are done; by a server that is given."""
    made: list[Up] = []

    def make(files: dict[str, str], port: int | None = None) -> Up:
        root = tmp_path_factory.mktemp("served")
        (root / "pipelines").mkdir()
        if port is None:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
        project = Up(root, port)
        made.append(project)
        for name, text in files.items():
            project.write(name, text)
        project.start()
        return project

    try:
        yield make
    finally:
        for project in reversed(made):
            project.leave_nothing()


@pytest.fixture(scope="module")
def mute() -> Iterator[int]:
    """A gateway that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def up(new_up: Callable[..., Up]) -> Up:
    # Due ten minutes ago and in twenty minutes: never while the tests run.
    minute = (WallClock().now().minute - 10) % 30
    return new_up({name: text.replace("AT,HALF", f"{minute},{minute + 30}") for name, text in FILES.items()})
