"""`hedgerow up` and Prefect's REST API, as a user and the UI meet them.

One process serves all tests, in their order: the last two stop it and start it again.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import urllib.request
from itertools import islice, pairwise

import pandas as pd
import pytest

from flows.desk import load_desk
from flows.document import read
from flows.grammar import Schedule
from flows.journal import Journal
from flows.schedule import slots
from flows.serve.claims import claimed
from tasks.connections.clock import WallClock

pytestmark = pytest.mark.timeout(180)
SESSION = "2022-12-28"  # the simulated market's


def test_what_checks_is_served_and_the_rest_is_reported_and_left_out(up):
    served = {"asked", "required", "near_close", "half_hourly", "nightly", "often", "let_go", "made_up", "later"}
    assert up.deployments().keys() == served
    assert "wrong.yaml:2:" in up.output
    assert "did you mean `read_positions`?" in up.output
    assert "wrong: left out" in up.output
    assert "wrong_schedule.yaml:2:22: no calendar `XNYC` [unknown-calendar]" in up.output
    assert "did you mean `XNYS`?" in up.output
    assert f"9 pipelines served, 2 left out: http://127.0.0.1:{up.port}/deployments" in up.output
    page = urllib.request.Request(f"http://127.0.0.1:{up.port}/deployments", headers={"Accept": "text/html"})
    with urllib.request.urlopen(page, timeout=10) as shown:  # noqa: S310 - our own server on loopback
        assert b"<html" in shown.read()
    with urllib.request.urlopen(f"http://127.0.0.1:{up.port}/ui-settings", timeout=10) as settings:
        assert json.load(settings)["api_url"] == f"http://127.0.0.1:{up.port}/api"


def test_the_form_has_types_defaults_bounds_choices_and_descriptions(up):
    schema = up.deployments()["asked"]["parameter_openapi_schema"]
    sessions, kind = schema["properties"]["sessions"], schema["properties"]["kind"]
    wanted = {"type": "integer", "default": 5, "minimum": 2, "maximum": 50, "description": "How many daily returns"}
    assert wanted.items() <= sessions.items()
    assert {"enum": ["simple", "log"], "default": "simple"}.items() <= kind.items()
    assert {"sessions", "kind", "session", "again"} == schema["properties"].keys()
    assert schema["additionalProperties"] is False
    assert up.deployments()["required"]["parameter_openapi_schema"]["required"] == ["kind"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"sessions": 1},
        {"sessions": 51},
        {"sessions": "many"},
        {"kind": "geometric"},
        {"sesions": 5},
        {"session": "yesterday"},
        {"session": "2022-13-28"},
        {"again": -1},
    ],
)
def test_a_bad_value_and_an_unknown_key_are_refused_before_there_is_a_run(up, parameters):
    status, answer = up.trigger("asked", **parameters)
    assert status == 409, answer
    assert up.flow_runs("asked") == []


def test_a_missing_value_is_refused(up):
    assert up.trigger("required")[0] == 409


def test_a_run_from_the_form_completes_with_what_it_was_given(up):
    run = up.run("asked", sessions=7, kind="log")
    assert run["state_name"] == "Completed"
    assert run["name"] == f"asked {SESSION}"
    assert {"sessions": 7, "kind": "log"}.items() <= run["parameters"].items()

    def steps():
        found = up.ask("task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})[1]
        return {each["name"]: each["state_name"] for each in found} if len(found) == 3 else None

    assert up.until(steps, "three task runs") == dict.fromkeys(["positions", "prices", "returns"], "Completed")
    journalled = _journal(up).run(run["state"]["message"].removeprefix("run "))
    assert journalled.params == {"sessions": 7, "kind": "log"}
    assert journalled.session.isoformat() == SESSION


def test_a_session_that_has_not_begun_fails_in_a_sentence(up):
    run = up.run("asked", session="2022-12-30")
    assert run["state_type"] == "FAILED"
    assert run["state"]["message"] == "Session 2022-12-30 has not begun: it is 2022-12-28 by the desk's clock."


@pytest.mark.parametrize("name", ["near_close", "half_hourly", "nightly"])
def test_upcoming_runs_are_the_true_instants(up, name):
    upcoming = up.until(lambda: up.flow_runs(name, ["SCHEDULED"]), "there are upcoming runs")
    document = read(up.root / "pipelines" / f"{name}.yaml")
    schedule = Schedule.model_validate(document.value["schedule"])
    now = WallClock().now()
    wanted = [slot.instant for slot in islice(slots(schedule, now, now + pd.Timedelta("30D")), len(upcoming))]
    assert len(upcoming) >= 3
    assert [pd.Timestamp(run["expected_start_time"]) for run in upcoming] == wanted


def test_a_pipeline_follows_each_run_of_another_once_in_its_session(up):
    earlier = up.run("nightly")["state"]["message"].removeprefix("run ")
    (run,) = up.until(lambda: _done(up, "later"), "what follows has run", 60)
    assert run["idempotency_key"] == f"after nightly {earlier} manual"
    assert run["parameters"]["session"] == SESSION
    (journalled,) = _journal(up).runs(10, "later")
    assert (journalled.trigger, journalled.slot) == ("after nightly", "after nightly manual")


def test_an_edit_is_served_and_a_bad_one_is_not(up):
    up.write("asked", "steps: {positions: {task: nothing}}\n")
    up.until(lambda: "asked: served as it was before this edit" in up.output, "the bad edit is said")
    assert up.run("asked", sessions=3)["state_type"] == "COMPLETED"
    up.write("asked", "params: {account: null}\nsteps: {positions: {task: read_positions}}\n")
    up.until(lambda: "asked.yaml:1:" in up.output.rpartition("served as it was")[0], "another bad edit is said")
    up.write("asked", "description: Mended.\nsteps: {positions: {task: read_positions}}\n")
    up.until(lambda: "asked: edited, and served as it is now" in up.output, "the good edit is said")
    assert "Mended" in up.deployments()["asked"]["description"]
    assert up.trigger("asked", sessions=3)[0] == 409
    assert up.run("asked")["state_type"] == "COMPLETED"


def test_files_come_and_go(up):
    up.write("young", "steps: {positions: {task: read_positions}}\n")
    up.until(lambda: "young: served" in up.output, "the new pipeline is served")
    assert up.run("young")["state_type"] == "COMPLETED"
    (up.root / "pipelines" / "young.yaml").unlink()
    up.until(lambda: "young: its file is gone" in up.output, "the removed one is said")
    assert "young" not in up.deployments()


def test_a_second_one_is_refused(up):
    done = subprocess.run(
        up.command, cwd=up.root, env=up.environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "This desk is being served already" in done.stderr


def test_every_slot_has_its_run_and_is_told_from_the_others(up):
    runs = up.until(lambda: len(found := _done(up, "often")) >= 3 and found, "three slots are run", 60)
    instants = [pd.Timestamp(run["expected_start_time"]) for run in runs]
    gaps = {later - earlier for earlier, later in pairwise(instants)}
    assert gaps == {pd.Timedelta("15s")}
    assert all(run["auto_scheduled"] for run in runs)
    journalled = [run for run in _journal(up).runs(100, "often") if run.status == "completed"]
    assert len({run.slot for run in journalled}) == len(journalled)
    assert {f"{instant:%Y-%m-%dT%H:%M:%SZ}" for instant in instants} <= {run.slot for run in journalled}
    assert {run.trigger for run in journalled} == {"schedule"}
    assert {run.session.isoformat() for run in journalled} == {SESSION}


def test_it_stops_cleanly_and_leaves_no_process(up):
    flow_run = up.trigger("required", kind="log")[1]["id"]
    up.until(lambda: up.flow_runs("required", ["RUNNING"]), "a run is under way")
    assert up.stop() == 0
    assert up.output.rstrip().endswith("stopped")
    assert up.processes() == {}
    with socket.socket() as closed:
        assert closed.connect_ex(("127.0.0.1", up.port)) != 0
    with sqlite3.connect(up.root / "prefect" / "prefect.db") as database:
        states = database.execute("SELECT state_type FROM flow_run WHERE id = ?", [flow_run]).fetchall()
    assert states in ([("CANCELLED",)], [("COMPLETED",)])


def test_slots_that_nobody_was_up_for_are_made_up_for_once_or_let_go(up):
    alive = up.root / ".hedgerow" / "accepted" / "_" / "alive"
    # As if it had been stopped two hours ago: both were due four times since.
    alive.write_text((pd.Timestamp(alive.read_text()) - pd.Timedelta("2h")).isoformat())
    up.start()
    assert "let_go: was due 4 times while nobody was up, and isn't made up for" in up.output
    assert "made_up: was due 3 times while nobody was up, and isn't made up for" in up.output
    assert "made_up: nobody was up at" in up.output
    (run,) = up.until(lambda: _done(up, "made_up"), "the missed slot is run")
    desk = load_desk(up.root / "pipelines")
    (journalled,) = _journal(up).runs(50, "made_up")
    assert journalled.trigger == "caught up"
    assert claimed(desk, "made_up") == {pd.Timestamp(journalled.slot)}
    assert pd.Timedelta(0) < WallClock().now() - pd.Timestamp(journalled.slot) < pd.Timedelta("30min")
    assert {"caught-up", "desk:demo", "hedgerow"} < set(run["tags"])
    assert claimed(desk, "let_go") == set()
    for name in ("let_go", "made_up"):
        coming = [pd.Timestamp(run["expected_start_time"]) for run in up.flow_runs(name, ["SCHEDULED"])]
        assert min(coming) > WallClock().now()


def _done(up, name):
    return [run for run in up.flow_runs(name, ["COMPLETED"]) if run["state_name"] == "Completed"]


def _journal(up):
    return Journal(up.root / ".hedgerow")
