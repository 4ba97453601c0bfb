"""A secret that a run holds is nowhere afterwards: not in Prefect's database, its logs, artifacts, journal, log."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pandas as pd
import pytest
from pandera.typing import DataFrame

from flows.batch import run_batch
from flows.check import check_file, render
from flows.desk import load_desk
from flows.logs import logged
from schemas.market import Prices
from tasks.connections.scope import note, progress
from tasks.connections.sql import Database
from tasks.declare import task
from tasks.registry import Catalog, catalog

ROOT = Path(__file__).resolve().parents[3]
PLANTED = "Xq7-planted-hunter2"
DESK = """
name: test
connections:
  gateway: {kind: ib, simulated: true}
  frames: {kind: arctic}
  tables: {kind: sql}
  alerts: {kind: notify}
profiles:
  live:
    data: .hedgerow
    connections:
      tables: {url: $secret.database}
"""
SAVE = """
steps:
  positions: {task: read_positions}
  save: {task: write_rows, in: positions, with: {table: positions}, retry: {times: 1, delay: 10ms}}
  keep: {task: write_frame, in: positions, with: {library: book, symbol: positions}}
on_failure: {task: send_alert, with: {to: oncall, title: $run.pipeline failed}}
"""
TELL = """
steps:
  prices: {task: tell_tale, retry: {times: 1, delay: 10ms}}
  after: {task: tell_tale, with: {fails: false}}
"""
REFUSED = {
    "no driver": f"postgresql://desk:{PLANTED}@127.0.0.1:9/hedges",
    "not an address": PLANTED,
    "an unknown dialect": f"{PLANTED}://desk@host/hedges",
    "a password taken for a port": f"postgresql://desk:x@host:{PLANTED}/hedges",
    "an option of another type": f"sqlite:///desk.db?timeout={PLANTED}",
    "a folder that isn't there": f"sqlite:////no-such-folder/{PLANTED}/desk.db",
}


@task(reads="as_of")
def tell_tale(database: Database, fails: bool = True) -> DataFrame[Prices]:
    """Tells all it knows, wherever it can."""
    url = database.settings.url
    note(f"reading {url}")
    progress(1, 2, url)
    logging.getLogger("hedgerow").warning("reading %s", url)
    if fails:
        raise RuntimeError(f"{url} is away")
    session = pd.Timestamp("2022-12-28").as_unit("ns")
    return pd.DataFrame({"con_id": [1], "symbol": pd.Categorical(["A"]), "session": [session], "close": [1.0]})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "_desk.yaml").write_text(DESK)
    (tmp_path / "pipelines" / "save.yaml").write_text(SAVE)
    (tmp_path / "pipelines" / "tell.yaml").write_text(TELL)
    return tmp_path


@pytest.fixture
def prefect_home(prefect_api, tmp_path_factory):
    """The folder of the test's server: its database and its log."""
    (home,) = tmp_path_factory.getbasetemp().glob("prefect[0-9]")
    return home


def run(folder, name, known, *, untracked):
    desk = load_desk(folder / "pipelines", "live")
    checked = check_file(folder / "pipelines" / f"{name}.yaml", known, desk, folder / "pipelines")
    assert checked.plan is not None, render(checked)
    return run_batch(checked.plan, desk, {}, untracked=untracked)


def command(folder, *arguments, **environment):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(folder / "prefect")}
    return subprocess.run(
        [sys.executable, "-m", "flows", *arguments],
        cwd=folder, env=inherited | own | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def holders(*folders):
    """The files that hold the planted secret."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if PLANTED in str(path) or PLANTED.encode() in path.read_bytes()]


@pytest.mark.parametrize("case", REFUSED)
def test_a_database_that_refuses_tells_no_secret(case, folder, monkeypatch, capfd):
    monkeypatch.setenv("HEDGEROW_SECRET_DATABASE", REFUSED[case])
    finished = run(folder, "save", catalog(), untracked=True)
    assert list(finished.failures) == ["save"]
    assert finished.failures["save"].reason
    assert PLANTED not in "".join([*capfd.readouterr(), finished.failures["save"].reason])
    assert holders(folder) == []


@pytest.mark.parametrize("is_tracked", [False, True])
def test_the_command_says_no_secret_and_leaves_none(is_tracked, folder, prefect_api, prefect_home):
    url = REFUSED["an option of another type"]
    api = {"PREFECT_API_URL": prefect_api} if is_tracked else {}
    done = command(folder, "run", "save", "--desk", "live", HEDGEROW_SECRET_DATABASE=url, **api)
    assert done.returncode == 1, done.stderr
    assert "its `url` is none that SQLAlchemy knows" in done.stdout
    assert PLANTED not in done.stdout + done.stderr
    if is_tracked:
        said = everything(prefect_api, "save")
        assert "its `url` is none that SQLAlchemy knows" in said
        assert PLANTED not in said
    assert holders(folder, prefect_home) == []


@pytest.mark.parametrize("is_tracked", [False, True])
def test_a_task_that_tells_its_secret_is_heard_by_name_only(
    is_tracked, folder, tracked, prefect_api, prefect_home, monkeypatch, capsys
):
    url = f"sqlite:///{folder}/desk.db?password={PLANTED}"
    monkeypatch.setenv("HEDGEROW_SECRET_DATABASE", url)
    known = Catalog({**catalog().tasks, "tell_tale": tell_tale.spec}, catalog().schemas)
    said = []
    with logged(folder / ".hedgerow", said.append):
        finished = run(folder, "tell", known, untracked=not is_tracked)
    assert finished.outcomes["prices"].reason.startswith("RuntimeError: $secret.database is away (test_secrets.py:")
    assert finished.outcomes["after"].notes == ("reading $secret.database",)
    assert "reading $secret.database" in said
    assert "reading $secret.database" in (folder / ".hedgerow" / "hedgerow.log").read_text()
    printed = capsys.readouterr()
    assert PLANTED not in printed.out + printed.err + "".join(said)
    if is_tracked:
        shown = everything(prefect_api, "tell")
        assert "reading $secret.database" in shown
        assert "RuntimeError: $secret.database is away" in shown
        assert PLANTED not in shown
    assert holders(folder, prefect_home) == []


def everything(api, pipeline):
    """All that the server tells of a pipeline's runs, once their logs have come in."""
    until = time.monotonic() + 20
    while True:
        told = {}
        for what in ("flows", "flow_runs", "task_runs"):
            told[what] = post(f"{api}/{what}/filter", {"flows": {"name": {"any_": [pipeline]}}})
        (run,) = told["flow_runs"]
        for what in ("logs", "artifacts"):
            told[what] = post(f"{api}/{what}/filter", {what: {"flow_run_id": {"any_": [run["id"]]}}})
        ended = sum("Finished in state" in line["message"] for line in told["logs"])
        if told["artifacts"] and ended > len(told["task_runs"]) > 1:
            return json.dumps(told)
        assert time.monotonic() < until, told
        time.sleep(0.2)


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server on loopback
        return json.load(answer)
