"""`hedgerow status` tells what ran, what runs next, and whether what the desk needs can be used."""

from __future__ import annotations

import json
import socket
import time

import pandas as pd
import pytest
from click.testing import CliRunner

from flows.__main__ import main
from flows.batch import run_batch
from flows.check import check_file
from flows.check.parameters import bind
from flows.desk import load_desk
from tasks.connections.clock import WallClock
from tasks.connections.ib.bridge import Bridge
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.registry import catalog

NEW_YEAR = 'schedule: {cron: "0 0 1 1 *", timezone: UTC}\nsteps:\n  rows: {task: read_rows, with: {table: none}}\n'
LOCAL = "name: demo\nconnections:\n  frames: {kind: arctic}\n  tables: {kind: sql}\n  alerts: {kind: notify}\n"


class Status:
    """Runs `hedgerow status` in a project of its own."""

    def __init__(self, root):
        self.root = root
        (root / "pipelines").mkdir()
        self.write("_desk", LOCAL)

    def write(self, name, text):
        (self.root / "pipelines" / f"{name}.yaml").write_text(text)

    def __call__(self, *arguments):
        return CliRunner().invoke(main, ["status", *arguments])

    def told(self, *arguments):
        done = self("--json", *arguments)
        assert done.exit_code in (0, 1), done.output
        told = json.loads(done.stdout)
        assert told["well"] == (done.exit_code == 0)
        by_name = {each["pipeline"]: each for each in told["pipelines"]}
        return by_name, {each["name"]: each for each in told["connections"]}

    def plan(self, name):
        desk = load_desk(self.root / "pipelines", None)
        return check_file(self.root / "pipelines" / f"{name}.yaml", catalog(), desk, self.root / "pipelines").plan, desk


@pytest.fixture
def status(tmp_path, monkeypatch):
    monkeypatch.setenv("HEDGEROW_PROJECT", str(tmp_path))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    return Status(tmp_path)


def test_each_pipeline_with_its_latest_run_and_the_next(status):
    status.write("yearly", NEW_YEAR)
    status.write("never", NEW_YEAR.partition("\n")[2])
    plan, desk = status.plan("yearly")
    run_batch(plan, desk, bind(plan, {}), untracked=True)
    second = run_batch(plan, desk, bind(plan, {}), untracked=True)
    pipelines, _ = status.told()
    year = WallClock().now().year + 1
    assert pipelines["yearly"]["next"] == f"{year}-01-01T00:00:00+00:00"
    assert pipelines["yearly"]["last"]["run"] == second.id
    assert pipelines["yearly"]["last"]["status"] == "failed"  # there is no such table
    assert "no table `none`" in pipelines["yearly"]["last"]["error"]
    assert (pipelines["never"]["next"], pipelines["never"]["last"]) == (None, None)
    done = status()
    assert done.exit_code == 0, done.output  # a run that failed is history: what is needed for the next is well
    line = next(line for line in done.output.splitlines() if line.startswith("yearly"))
    assert f"failed {second.session.year}" in line
    assert second.id in line
    assert f"{year}-01-01 00:00:00Z" in line


def test_a_file_with_errors_is_unwell_and_hides_no_other(status):
    status.write("yearly", NEW_YEAR)
    status.write("wrong", "steps:\n  rows: {task: read_rowz}\n")
    status.write("calendar", NEW_YEAR.replace('{cron: "0 0 1 1 *", timezone: UTC}', "{calendar: XNYC, at: close}"))
    pipelines, connections = status.told()
    assert [pipelines[name]["well"] for name in ("yearly", "wrong", "calendar")] == [True, False, False]
    assert "hedgerow check" in pipelines["wrong"]["note"]
    assert "XNYC" in pipelines["calendar"]["note"]
    assert all(each["well"] for each in connections.values())


def test_what_is_well_says_what_it_is(status):
    _, connections = status.told()
    assert {name: each["told"] for name, each in connections.items()} == {
        "frames": "0 libraries",
        "tables": "sqlite, 0 tables",
        "alerts": "no channels: alerts are in the log only",
        "prefect": "no API is configured here; `hedgerow up` has never served this desk",
        "orders": "mode plan",
    }


def test_what_is_unwell_says_what_to_do_and_keeps_nothing_else_from_being_tried(status, monkeypatch):
    monkeypatch.delenv("HEDGEROW_SECRET_URL", raising=False)
    with socket.socket() as mute, socket.socket() as closed:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        closed.bind(("127.0.0.1", 0))
        status.write(
            "_desk",
            f"""
connections:
  mute: {{kind: ib, port: {mute.getsockname()[1]}}}
  away: {{kind: ib, port: {closed.getsockname()[1]}}}
  unset: {{kind: sql, url: $secret.url}}
  gone: {{kind: sql, url: "sqlite:////no/such/folder/desk.db"}}
  frames: {{kind: arctic}}
""",
        )
        begun = time.monotonic()
        _, connections = status.told("--timeout", "1")
        assert time.monotonic() - begun < 6
    told = {name: each["told"] for name, each in connections.items() if not each["well"]}
    assert set(told) == {"mute", "away", "unset", "gone"}
    assert told["mute"] == "It has not answered within 1 s."
    assert "Start TWS or IB Gateway" in told["away"]
    assert "HEDGEROW_SECRET_URL is not set" in told["unset"]
    assert "can't be written: unable to open database file" in told["gone"]


def test_a_gateway_is_asked_beside_a_run_that_holds_the_desks_client_id(status):
    with SimulatedGateway(port=0) as gateway:
        status.write("_desk", f"connections:\n  gateway: {{kind: ib, port: {gateway.port}, client_id: 5}}\n")
        running = Bridge("127.0.0.1", gateway.port, 5)  # not shared with others, as that of another process
        running.connect(5, 1)
        try:
            _, connections = status.told()
            assert running.alive
        finally:
            running.close()
    assert connections["gateway"]["well"]
    words = f"127.0.0.1:{gateway.port}, DU1234567, DU7654321, 2022-12-28 20:45:00 UTC there"
    assert connections["gateway"]["told"] == words


def test_a_prefect_that_is_configured_and_away_is_unwell(status, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    _, connections = status.told()
    assert not connections["prefect"]["well"]
    assert "doesn't answer" in connections["prefect"]["told"]


def test_with_prefect_the_next_run_is_the_servers_and_an_unserved_or_paused_one_is_told(status, tracked):
    from prefect.client.orchestration import get_client

    from flows.serve.deploy import register

    status.write("_desk", LOCAL.replace("demo", "status of prefect"))
    for name in ("deployed", "paused", "unknown"):
        status.write(name, NEW_YEAR)
    with get_client(sync_client=True) as client:
        for name in ("deployed", "paused"):
            plan, desk = status.plan(name)
            registered = register(client, plan, desk, "1", WallClock().now())
            if name == "paused":
                client.pause_deployment(registered.id)
            else:  # as a runner that serves it does
                client.get_scheduled_flow_runs_for_deployments([registered.id])
        until = time.monotonic() + 30
        while status.told()[0]["deployed"]["note"] == "the server has planned no run of it so far":
            assert time.monotonic() < until
            time.sleep(0.5)
        pipelines, connections = status.told()
    assert connections["prefect"]["told"].endswith("/api, 2 deployments of this desk")
    year = WallClock().now().year + 1
    assert pd.Timestamp(pipelines["deployed"]["next"]) == pd.Timestamp(f"{year}-01-01", tz="UTC")
    assert pipelines["deployed"]["note"] == ""
    assert (pipelines["paused"]["next"], pipelines["paused"]["note"]) == (None, "paused in Prefect")
    assert pipelines["unknown"]["note"] == "not served: the server doesn't know it"
