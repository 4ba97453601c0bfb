"""`hedgerow deploy`: a worker that was started elsewhere clones the repository and runs a pipeline in its clone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.journal import Journal
from flows.serve.prefect_yaml import pull_steps
from tasks.connections.problems import Problem

CODE = Path(__file__).resolve().parents[3]
POOL = "elsewhere"
DESK = """
name: pooled
connections:
  tables: {kind: sql}
profiles:
  paper: {connections: {tables: {kind: sql}}}
"""
TASK = '''
"""A task that only this project has."""

import numpy as np
import pandas as pd
from pandera.typing import DataFrame

from schemas.market import Prices
from tasks.declare import task


@task
def invent_prices(close: float) -> DataFrame[Prices]:
    """One price."""
    return pd.DataFrame(
        {
            "con_id": np.array([1]),
            "symbol": pd.Categorical(["A"]),
            "session": pd.Timestamp("2022-12-27").as_unit("ns"),
            "close": close,
        }
    )
'''
PIPELINE = """
description: Keep a price.
schedule: {calendar: XNYS, at: close - 15m, missed: run}
params: {close: {default: 20.0, min: 1, description: The price}}
steps:
  prices: {task: invent_prices, with: {close: $close}}
  save: {task: write_rows, in: prices, with: {table: prices}}
"""


@dataclass
class Pooled:
    """A project in a repository, and a server with a work pool."""

    root: Path
    api: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HEDGEROW_"))
        }
        return inherited | {
            "PYTHONPATH": str(self.root),
            "PREFECT_HOME": str(self.home / "prefect"),
            "PREFECT_API_URL": self.api,
        }

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flows", *arguments],
            cwd=self.root, env=self.environment | environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def ask(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """POST to the server; (status, answer). Its SQLite may be locked for a moment: asked again, as clients do."""
        while (answer := self._ask_once(path, body))[0] == 503:
            time.sleep(0.2)
        return answer

    def _ask_once(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        request = urllib.request.Request(  # noqa: S310 - our own server on loopback
            f"{self.api}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def deployments(self) -> dict[str, dict[str, Any]]:
        """Those in the pool, by name."""
        return {
            each["name"]: each for each in self.ask("deployments/filter", {"work_pools": {"name": {"any_": [POOL]}}})[1]
        }

    def git(self, *arguments: str) -> None:
        author = ["-c", "user.name=Desk", "-c", "user.email=desk@example.org"]
        subprocess.run(["git", "-C", str(self.root), *author, *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pooled(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Pooled:
    root = tmp_path_factory.mktemp("repositories") / "desk"
    for package in ("flows", "tasks", "schemas"):
        shutil.copytree(CODE / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "tasks" / "invented.py").write_text(TASK)
    (root / "pipelines").mkdir()
    (root / "pipelines" / "_desk.yaml").write_text(DESK)
    (root / "pipelines" / "keep_price.yaml").write_text(PIPELINE)
    (root / ".gitignore").write_text(".hedgerow/\n__pycache__/\n")
    project = Pooled(root, prefect_api, tmp_path_factory.mktemp("home"))
    project.git("init", "-q", "-b", "main")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "A desk")
    return project


def test_without_a_work_pool_it_says_how_to_create_one(pooled: Pooled) -> None:
    done = pooled("deploy", "--pool", POOL)
    assert done.returncode == 1
    assert f"no work pool `{POOL}`" in done.stderr
    assert f"prefect work-pool create {POOL} --type process" in done.stderr
    assert pooled.ask("work_pools/", {"name": POOL, "type": "process", "base_job_template": _template()})[0] == 201


def _template() -> dict[str, Any]:
    """That of `prefect work-pool create --type process`."""
    from prefect.workers.process import ProcessWorker

    return ProcessWorker.get_default_base_job_template()


def test_it_deploys_what_checks_with_its_form_schedule_and_desk(pooled: Pooled) -> None:
    (pooled.root / "pipelines" / "wrong.yaml").write_text("steps: {prices: {task: invent_pricez}}\n")
    done = pooled(
        "deploy", "--pool", POOL, "--repository", f"file://{pooled.root}", "--branch", "main", "--desk", "paper"
    )
    assert done.returncode == 1, done.stderr
    assert "did you mean `invent_prices`?" in done.stderr
    assert "wrong: left out" in done.stderr
    assert f"1 pipeline deployed to the work pool {POOL}, 1 left out" in done.stdout
    assert "keep_price: `missed: run` is kept by `hedgerow up` alone" in done.stdout
    assert "schedules last until 20" in done.stdout
    (pooled.root / "pipelines" / "wrong.yaml").unlink()
    (deployed,) = pooled.deployments().values()
    assert (deployed["name"], deployed["entrypoint"]) == ("keep_price@paper", "flows/catalog.py:keep_price")
    assert deployed["job_variables"] == {"env": {"HEDGEROW_DESK": "paper"}}
    assert deployed["parameter_openapi_schema"]["additionalProperties"] is False
    assert deployed["enforce_parameter_schema"] is True
    (schedule,) = deployed["schedules"]
    assert schedule["schedule"]["rrule"].count(",") > 245, "a year of sessions"
    for bad in ({"close": 0.5}, {"closed": 20.0}):
        assert pooled.ask(f"deployments/{deployed['id']}/create_flow_run", {"parameters": bad})[0] == 409
    written = yaml.safe_load((pooled.root / "prefect.yaml").read_text())
    (entry,) = written["deployments"]
    assert entry["schedules"][0]["rrule"] == schedule["schedule"]["rrule"]
    assert entry["tags"] == deployed["tags"]
    assert written["pull"] == deployed["pull_steps"]
    assert entry["work_pool"] == {"name": POOL, "job_variables": deployed["job_variables"]}


def test_the_file_is_compared_with_the_pipelines(pooled: Pooled) -> None:
    right = pooled("deploy", "--check", "--desk", "paper")
    assert right.returncode == 0, right.stdout + right.stderr
    assert "prefect.yaml is as the pipelines are; its schedules last until 20" in right.stdout
    path = pooled.root / "pipelines" / "keep_price.yaml"
    text = path.read_text()
    path.write_text(text.replace("close - 15m", "close - 10m"))
    edited = pooled("deploy", "--check", "--desk", "paper")
    path.write_text(text)
    assert edited.returncode == 1
    assert "prefect.yaml: keep_price@paper: its schedule is another" in edited.stdout
    assert "prefect.yaml is stale: run `hedgerow deploy`" in edited.stdout


@pytest.fixture
def worker(pooled: Pooled) -> Iterator[subprocess.Popen[bytes]]:
    """In a folder of its own, with no code of the project at hand."""
    elsewhere = pooled.home / "worker"
    elsewhere.mkdir()
    environment = {name: value for name, value in pooled.environment.items() if name != "PYTHONPATH"}
    command = [
        sys.executable,
        "-m",
        "prefect",
        "worker",
        "start",
        "--pool",
        POOL,
        "--name",
        "w",
        "--prefetch-seconds",
        "0",
    ]
    with (pooled.home / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=elsewhere,
            env=environment | {"HOME": str(elsewhere), "PREFECT_WORKER_QUERY_SECONDS": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_worker_clones_the_repository_and_acts_once(pooled: Pooled, worker: subprocess.Popen[bytes]) -> None:
    deployed = pooled.deployments()["keep_price@paper"]
    log = pooled.home / "worker.log"
    ended = []
    for _ in range(2):
        status, created = pooled.ask(f"deployments/{deployed['id']}/create_flow_run", {"parameters": {"close": 30.0}})
        assert status == 201

        def over(identity: str = created["id"]) -> Any:
            (found,) = pooled.ask("flow_runs/filter", {"flow_runs": {"id": {"any_": [identity]}}})[1]
            return found if found["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

        ended.append(_until(over, worker, log))
        assert ended[-1]["state_type"] == "COMPLETED", ended[-1]["state"]["message"] + log.read_text()
    clone = pooled.home / "worker" / "desk-main"
    assert (clone / "tasks" / "invented.py").is_file()
    with Journal(clone / ".hedgerow" / "paper") as journal:
        again, first = journal.runs()
        assert [run["state"]["message"] for run in ended] == [f"run {first.id}", f"run {again.id}"]
        assert first.params == {"close": 30.0}
        assert first.desk["profile"] == "paper"
        assert journal.run(again.id).step("save").notes[0].startswith(f"already done by run {first.id}")
    assert not (pooled.root / ".hedgerow").exists()


def _until(happens: Callable[[], Any], worker: subprocess.Popen[bytes], log: Path) -> Any:
    end = time.monotonic() + 60
    while not (result := happens()):
        assert worker.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.25)
    return result


def test_what_has_no_file_any_more_is_taken_off(pooled: Pooled) -> None:
    path = pooled.root / "pipelines" / "keep_price.yaml"
    path.rename(path.with_name("keep_other.yaml"))
    done = pooled("deploy", "--desk", "paper")
    assert done.returncode == 0, done.stderr
    assert "keep_price@paper: its file is gone" in done.stdout
    assert pooled.deployments().keys() == {"keep_other@paper"}
    pulled = pooled.deployments()["keep_other@paper"]["pull_steps"]
    assert pulled == [{"prefect.deployments.steps.set_working_directory": {"directory": str(pooled.root)}}]


def test_a_password_in_the_address_goes_nowhere(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="holds a password") as refused:
        pull_steps(tmp_path, "https://desk:hunter2@example.org/desk.git", None, None)
    assert "hunter2" not in str(refused.value)


def test_a_branch_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no clone of a repository"):
        pull_steps(tmp_path, None, "main", None)
