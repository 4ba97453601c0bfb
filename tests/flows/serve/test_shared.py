"""Two projects by one server: neither takes what the other serves."""

from __future__ import annotations

import socket

import pytest

pytestmark = pytest.mark.timeout(180)
DESK = "name: demo\nconnections:\n  gateway: {kind: ib, simulated: true}\n"
STEPS = "description: OF\nsteps: {positions: {task: read_positions}}\n"
CLOSE = "schedule: {calendar: XNYS, at: close}\n" + STEPS
FOLLOWS = "schedule: {after: ours}\nsteps: {positions: {task: read_positions}}\n"


@pytest.fixture(scope="module")
def first(new_up):
    files = {"_desk": DESK, "both": STEPS.replace("OF", "The first's."), "ours": STEPS}
    return new_up(files)


@pytest.fixture(scope="module")
def second(first, new_up):
    files = {"_desk": DESK, "both": STEPS.replace("OF", "The second's."), "theirs": CLOSE, "ours": STEPS}
    return new_up({**files, "follows": FOLLOWS}, first.port)


def test_a_name_that_another_serves_is_refused_and_the_rest_served(first, second):
    assert f"both is served on this server from {_host()}:{first.root}." in second.output
    assert "both: left out" in second.output
    assert "2 pipelines served, 2 left out" in second.output
    there = second.deployments()
    assert there.keys() == {"both", "ours", "theirs", "follows"}
    assert there["both"]["description"].startswith("The first's.")
    assert f"project:{_host()}:{second.root}" in there["theirs"]["tags"]


def test_what_follows_a_pipeline_is_of_its_own_project(first, second):
    assert first.run("ours")["state_type"] == "COMPLETED"
    assert second.flow_runs("follows") == []


def test_a_restart_tells_the_server_nothing_that_it_knows(first, second):
    (before,) = second.deployments()["theirs"]["schedules"]
    assert second.stop() == 0
    second.start()
    assert "2 pipelines served, 2 left out" in second.output
    now = second.deployments()
    (schedule,) = now["theirs"]["schedules"]
    assert schedule["id"] == before["id"], "a schedule that is written anew has another id"
    assert schedule["updated"] == before["updated"]
    assert now["both"]["description"].startswith("The first's.")


def test_a_file_that_went_while_nobody_was_up_has_no_deployment(first, second):
    assert second.stop() == 0
    (second.root / "pipelines" / "theirs.yaml").unlink()
    second.start()
    assert "theirs: its file is gone, and so is its deployment" in second.output
    assert second.deployments().keys() == {"both", "ours", "follows"}


def _host() -> str:
    return socket.gethostname()
