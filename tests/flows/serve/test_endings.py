"""However `hedgerow up` ends, nothing is left of it: no process, no run that is under way for ever.

One project serves all tests, in their order.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import time

import pytest

pytestmark = pytest.mark.timeout(180)

DESK = """
    name: demo
    connections:
      gateway: {kind: ib, port: MUTE, timeout: 10m}
      alerts: {kind: notify}
    """
HANGS = """
    steps: {positions: {task: read_positions}}
    on_failure: {task: send_alert, with: {to: oncall, title: $run.pipeline is down}}
    """
MANY = ["one", "two", "three", "four"]


@pytest.fixture(scope="module")
def project(new_up, mute):
    return new_up({"_desk": DESK.replace("MUTE", str(mute)), "hangs": HANGS} | dict.fromkeys(MANY, HANGS))


def under_way(project, flow_run: str) -> None:
    """Wait until a flow run's pipeline runs."""
    project.until((project.root / ".hedgerow" / "running" / flow_run).exists, "the flow run is under way", 60)


def states(project) -> dict[str, str]:
    """The flow runs' states by their ids, as the database has them."""
    with sqlite3.connect(project.root / "prefect" / "prefect.db") as database:
        found = database.execute("SELECT id, state_type FROM flow_run").fetchall()
    return {identity.replace("-", ""): state for identity, state in found}


def taken_and_left(project) -> str:
    """A flow run that something took half an hour ago, and never began."""
    deployment = project.deployments()["hangs"]["id"]
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2126-01-01T00:00:00Z"}}
    created = project.ask(f"deployments/{deployment}/create_flow_run", {"state": later})[1]["id"]
    assert project.ask(f"flow_runs/{created}/set_state", {"state": {"type": "PENDING"}, "force": True})[0] == 201
    with sqlite3.connect(project.root / "prefect" / "prefect.db", timeout=30) as database:
        changed = database.execute(
            "UPDATE flow_run_state SET timestamp = datetime('now', '-30 minutes') || '.000000' "
            "WHERE replace(flow_run_id, '-', '') = ? AND type = 'PENDING'",
            [created.replace("-", "")],
        )
    assert changed.rowcount == 1
    return created


def closed(project) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", project.port)) != 0


def stop_by_command(project) -> str:
    done = subprocess.run(
        [*project.command, "--stop"], cwd=project.root, env=project.environment, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_runs_under_way_are_cancelled_together(project):
    begun = [project.trigger(name)[1]["id"] for name in MANY]
    for each in begun:
        under_way(project, each)
    asked = time.monotonic()
    assert project.stop() == 0
    assert time.monotonic() - asked < 45, "each may have half a minute; not one after another"
    ended = states(project)
    assert [ended[each.replace("-", "")] for each in begun] == ["CANCELLED"] * len(MANY)
    assert project.processes() == {}
    assert closed(project)


def test_what_a_killed_one_leaves_behind_is_taken_over(project):
    project.start()
    left = taken_and_left(project)
    project.kill()
    assert not closed(project), "its server outlives it"
    project.start()
    assert f"taking over the Prefect server at http://127.0.0.1:{project.port}" in project.output
    crashed = project.finished(left)
    assert (crashed["state_type"], crashed["state"]["message"]) == (
        "CRASHED",
        "What took it ended before it could begin.",
    )
    project.until(lambda: "oncall: hangs is down" in project.output, "somebody is told")
    assert project.stop() == 0
    assert project.processes() == {}
    assert closed(project)


def test_one_is_stopped_from_elsewhere_and_so_is_what_a_killed_one_has_left(project):
    project.start()
    process = project.process
    assert f"stopped `hedgerow up`, process {process.pid}" in stop_by_command(project)
    assert process.wait(10) == 0
    project.process = None
    assert closed(project)
    project.start()
    project.kill()
    assert json.loads((project.root / ".hedgerow" / "prefect" / "server.json").read_text())["process"]
    assert "stopped the Prefect server" in stop_by_command(project)
    assert project.processes() == {}
    assert closed(project)
    assert stop_by_command(project) == "nobody serves this desk\n"
