"""With a Prefect API configured, a run is a flow run with a task run a step: against a real server."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from pandera.typing import DataFrame

from schemas.market import Prices
from tasks.connections.problems import ConnectionProblem
from tasks.declare import task as declare
from tasks.validate import FrameBroken

TEXT = """
description: Tracked.
params: {close: {default: 20.0, min: 1, description: The price}}
steps:
  prices: {task: read_some, with: {close: $close}}
  same: {task: fail_some, in: prices, retry: {times: 2, delay: 10ms}}
  skipped: {task: compute_some, in: prices, when: not prices}
  bad: {task: break_schema, in: same}
  blocked: {task: compute_some, in: bad}
  many: {task: one_contract, each: {con_id: [1, 2]}}
"""


def test_a_flow_run_named_as_the_pipeline_with_a_task_run_a_step(project, world, tracked):
    world.failures = 1
    finished = project.run("tracked_one", TEXT, {"close": "30"}, untracked=False)
    assert finished.tracked
    assert finished.status == "failed"
    assert finished.outcomes["same"].attempts == 2
    (flow,) = tracked("flows", {"flows": {"name": {"any_": ["tracked_one"]}}})
    (flow_run,) = tracked("flow_runs", {"flows": {"id": {"any_": [flow["id"]]}}})
    assert flow_run["name"] == "tracked_one 2022-12-28"
    assert flow_run["parameters"] == {"close": 30.0}
    assert flow_run["state_type"] == "FAILED"
    assert flow_run["state"]["message"] == f"failed: bad (run {finished.id})"
    wanted = {
        "prices": "Completed", "same": "Completed", "skipped": "Skipped", "bad": "Failed",
        "many[1]": "Completed", "many[2]": "Completed", "many": "Completed", "blocked": "Blocked",
    }  # fmt: skip
    task_runs = _settled(tracked, flow_run["id"], len(wanted))
    named = {run["name"]: run for run in task_runs}
    assert {name: named[name]["state_name"] for name in wanted} == wanted
    assert named["blocked"]["state_type"] == "CANCELLED"
    assert named["blocked"]["state"]["message"] == "`bad` failed"
    assert named["blocked"]["end_time"]
    assert finished.outcomes["blocked"].status == "blocked"
    assert named["same"]["run_count"] == 2
    assert named["bad"]["run_count"] == 1
    edges = {edge["id"] for edge in named["many"]["task_inputs"]["upstream"]}
    assert edges == {named["many[1]"]["id"], named["many[2]"]["id"]}


def _settled(tracked, flow_run: str, count: int) -> list[dict]:
    """The task runs, once the server has taken in all their events."""
    until = time.monotonic() + 20
    while True:
        runs = tracked("task_runs", {"flow_runs": {"id": {"any_": [flow_run]}}})
        if len(runs) == count and not any(run["state_name"] in ("Pending", "Running") for run in runs):
            return runs
        assert time.monotonic() < until, [(run["name"], run["state_name"]) for run in runs]
        time.sleep(0.1)


def test_the_same_run_gives_the_same_frames_tracked_or_not(project, world, tracked):
    text = """
        steps:
          prices: {task: read_some}
          returns: {task: compute_some, in: prices}
        """
    on_server = project.run("both", text, untracked=False)
    here = project.run("both", text, untracked=True)
    assert on_server.tracked
    assert not here.tracked
    for name, outcome in here.outcomes.items():
        assert outcome.frames[None].equals(on_server.outcomes[name].frames[None])


def test_a_configured_api_that_is_away_fails_the_run_before_it_begins(project, world, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    project.write("away", "steps:\n  prices: {task: read_some}\n")
    with pytest.raises(ConnectionProblem, match=r"127.0.0.1:9/api is configured but doesn't answer.*--untracked"):
        project.run("away", untracked=False)
    assert project.run("away", untracked=True).status == "completed"
    assert world.calls.count("read_some") == 1


def test_a_cron_schedule_gets_its_runs_with_these_versions(tracked, tmp_path):
    """Some versions that resolve and pass `pip check` silently schedule nothing."""
    from prefect import flow
    from prefect.schedules import Cron

    (tmp_path / "tick.py").write_text("from prefect import flow\n\n@flow\ndef tick():\n    pass\n")
    deployed = flow.from_source(str(tmp_path), "tick.py:tick").to_deployment("cron", schedule=Cron("0 0 * * *"))
    deployment = deployed.apply()
    until = time.monotonic() + timedelta(seconds=60).total_seconds()
    while not (runs := tracked("flow_runs", {"deployments": {"id": {"any_": [str(deployment)]}}})):
        assert time.monotonic() < until, "the server's scheduler made no runs of a cron schedule"
        time.sleep(0.5)
    assert runs[0]["state_type"] == "SCHEDULED"


def test_the_shipped_tasks_serve_in_a_flow_written_by_hand_with_validation_on(tracked):
    """As the README shows it."""
    from prefect import flow
    from prefect.context import TaskRunContext

    from tasks.betas import regress_betas
    from tasks.returns import compute_returns

    seen = []

    @declare
    def spoil(prices: DataFrame[Prices], by: float) -> DataFrame[Prices]:
        """Multiply."""
        seen.append(TaskRunContext.get() is not None)
        return prices.assign(close=prices["close"] * by)

    @flow
    def by_hand(by: float) -> pd.DataFrame:
        prices = spoil(closes(), by)
        returns = compute_returns.submit(prices)
        return regress_betas.submit(returns, benchmark="SPY", minimum=3).result()

    betas = by_hand(2.0)
    assert betas.set_index("symbol")["beta"].to_dict() == pytest.approx({"SPY": 1.0, "TWO": 2.0})
    with pytest.raises(FrameBroken, match=r"task `spoil` broke schema Prices"):
        by_hand(-1.0)
    assert seen == [True, True]


def closes() -> pd.DataFrame:
    """A benchmark and a contract whose every return is twice the benchmark's."""
    sessions = pd.to_datetime(["2022-12-20", "2022-12-21", "2022-12-22", "2022-12-23", "2022-12-27"])
    moves = np.array([0.01, -0.02, 0.015, 0.005])
    close = np.concatenate([np.cumprod([100.0, *(1 + moves)]), np.cumprod([50.0, *(1 + 2 * moves)])])
    return pd.DataFrame(
        {
            "con_id": np.repeat(np.array([1, 2], dtype=np.int64), 5),
            "symbol": pd.Categorical(["SPY"] * 5 + ["TWO"] * 5),
            "session": np.tile(sessions.to_numpy().astype("datetime64[ns]"), 2),
            "close": close,
        }
    )


def test_what_the_desk_warns_of_is_in_the_runs_log_with_no_secret(project, world, tracked, monkeypatch):
    monkeypatch.setenv("HEDGEROW_SECRET_DOOR", "open-sesame-42")
    project.tasks = type(project.tasks)({**project.tasks.tasks, "warn_some": warn_some.spec}, project.tasks.schemas)
    finished = project.run("warns", "steps: {prices: {task: warn_some}}", untracked=False)
    assert finished.status == "completed", finished.failures
    DESK.warning("after the run")
    flow_run = finished.tracked.rpartition("/")[2]
    lines = {line["message"]: line for line in _lines(tracked, flow_run, "a broker's notice to nobody")}
    assert "the door is $secret.door" in lines
    (prices,) = tracked("task_runs", {"flow_runs": {"id": {"any_": [flow_run]}}})
    assert lines["the door is $secret.door"]["task_run_id"] == prices["id"]
    assert lines["a broker's notice to nobody"]["task_run_id"] is None
    assert lines["a broker's notice to nobody"]["name"] == "hedgerow.ib"
    assert lines["a broker's notice to nobody"]["level"] == logging.WARNING
    assert not {"after the run", "chatter"} & set(lines)
    assert "open-sesame" not in str(lines)


DESK = logging.getLogger("hedgerow.ib")


@declare
def warn_some() -> DataFrame[Prices]:
    """Warns, as does a thread that belongs to no run."""
    DESK.warning("the door is %s", "open-sesame-42")
    DESK.debug("chatter")
    thread = threading.Thread(target=DESK.warning, args=("a broker's notice to nobody",))
    thread.start()
    thread.join()
    return pd.DataFrame(
        {
            "con_id": np.array([1], dtype=np.int64),
            "symbol": pd.Categorical(["S1"]),
            "session": pd.Timestamp("2022-12-27").as_unit("ns"),
            "close": 1.0,
        }
    )


def _lines(tracked, flow_run: str, last: str) -> list[dict]:
    """The run's log, once it has that line."""
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=10)
    until = time.monotonic() + 20
    while True:
        lines = tracked("logs", {"logs": {"flow_run_id": {"any_": [flow_run]}}, "limit": 200})
        if any(line["message"] == last for line in lines):
            return lines
        assert time.monotonic() < until, [line["message"] for line in lines]
        time.sleep(0.1)
