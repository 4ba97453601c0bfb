"""What a tracked run shows in Prefect's UI: against a real server."""

from __future__ import annotations

import json
import logging
import shutil
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from pandera.typing import DataFrame

import flows.artifacts
from flows.artifacts import Artifacts
from flows.outcome import Outcome
from flows.sender import finish_all
from schemas.market import Prices
from tasks.connections.scope import note, progress
from tasks.declare import task
from tasks.registry import Catalog

ROOT = Path(__file__).resolve().parents[3]
SEEN: list[float] = []
ASK: list = []


@task
def make_prices(rows: int) -> DataFrame[Prices]:
    """So many prices."""
    note(f"made *{rows}*")
    return pd.DataFrame(
        {
            "con_id": np.arange(1, rows + 1, dtype=np.int64),
            "symbol": pd.Categorical([f"S{number}" for number in range(1, rows + 1)]),
            "session": pd.Timestamp("2022-12-27").as_unit("ns"),
            "close": np.arange(1, rows + 1) * 1000.125,
        }
    )


@task
def go_far(prices: DataFrame[Prices]) -> DataFrame[Prices]:
    """Goes half way, and goes on when that is to be seen."""
    progress(2, 4, "contracts")
    until = time.monotonic() + 20
    while not (bars := ASK[0]()) and time.monotonic() < until:
        time.sleep(0.1)
    SEEN.extend(bar["data"] for bar in bars)
    return prices


@pytest.fixture
def shown(project, tracked):
    """Runs a pipeline tracked and returns it with its artifacts by key."""
    own = {each.spec.name: each.spec for each in (make_prices, go_far)}
    known = replace(project, tasks=Catalog({**project.tasks.tasks, **own}, project.tasks.schemas))

    def run(name, text=None):
        finished = known.run(name, text, untracked=False)
        finish_all(20)
        flow_run = finished.tracked.rpartition("/")[2]
        return finished, {each["key"]: each for each in artifacts(tracked, flow_run)}

    return run


def artifacts(tracked, flow_run):
    return tracked("artifacts", {"artifacts": {"flow_run_id": {"any_": [flow_run]}}})


def test_each_step_shows_its_frame_capped_with_the_way_to_the_whole(shown, tracked):
    finished, found = shown(
        "many_rows",
        """
        steps:
          few: {task: make_prices, with: {rows: 2}}
          many: {task: make_prices, with: {rows: 1234}}
          one: {task: make_prices, with: {rows: 1}}
          none: {task: read_some, with: {con_ids: []}}
          halves: {task: split_some, in: few}
          items: {task: one_contract, each: {con_id: [1, 2]}}
        """,
    )
    assert sorted(found) == [
        "many-rows", "many-rows-few", "many-rows-halves-high", "many-rows-halves-low",
        "many-rows-items", "many-rows-many", "many-rows-none", "many-rows-one",
    ]  # fmt: skip
    few = found["many-rows-few"]
    assert few["type"] == "table"
    assert json.loads(few["data"]) == [
        {"con_id": "1", "symbol": "S1", "session": "2022-12-27", "close": "1,000.12"},
        {"con_id": "2", "symbol": "S2", "session": "2022-12-27", "close": "2,000.25"},
    ]
    assert few["description"] == (
        f"Prices, 2 rows. Run `{finished.id}`; where they come from: `hedgerow explain {finished.id} few`"
    )
    many = found["many-rows-many"]
    assert len(json.loads(many["data"])) == 200
    assert many["description"].startswith("Prices, 1,234 rows. The first 200 are shown; the journal has them all.")
    assert "| close | 1,000.12 |" in found["many-rows-one"]["data"]
    assert found["many-rows-none"]["data"].startswith("No rows.")
    (task_run,) = tracked("task_runs", {"task_runs": {"id": {"any_": [few["task_run_id"]]}}})
    assert task_run["name"] == "few"
    report = found["many-rows"]["data"]
    assert "- few: made \\*2\\*" in report
    assert "| many | completed | 1,234 |" in report


def test_a_failed_run_says_first_what_failed(shown):
    finished, found = shown(
        "broken",
        """
        steps:
          prices: {task: read_some}
          bad: {task: break_schema, in: prices}
          late: {task: compute_some, in: bad}
        """,
    )
    report = found["broken"]["data"]
    assert finished.status == "failed"
    assert report.startswith("## Failed\n\n- **bad** failed: step \\`bad\\` (task ")
    assert "- **late** blocked: \\`bad\\` failed" in report
    assert set(found) == {"broken", "broken-prices"}


def test_a_long_step_has_a_bar_that_moves_while_it_runs(shown, tracked, monkeypatch):
    monkeypatch.setattr(flows.artifacts, "LAG", 0.0)
    SEEN.clear()
    key = {"artifacts": {"key": {"any_": ["far-same-progress"]}}}
    ASK[:] = [lambda: tracked("artifacts", key)]
    _, found = shown("far", "steps: {prices: {task: make_prices, with: {rows: 2}}, same: {task: go_far, in: prices}}")
    assert SEEN == [50.0]
    assert found["far-same-progress"]["type"] == "progress"
    assert found["far-same-progress"]["data"] == 100.0


def test_the_hedges_report_says_the_trade_the_risk_and_what_is_not_covered(shown, project):
    shutil.rmtree(project.root / "pipelines")
    shutil.copytree(ROOT / "pipelines", project.root / "pipelines")
    finished, found = shown("beta_hedge")
    report = found["beta-hedge"]["data"]
    hedge = finished.outcomes["hedge"].frames[None].iloc[0]
    assert hedge["quantity"] == -4193
    assert report.startswith("## Sell 4,193 SPY at 378.22 USD (mid, simulated), 1,585,876.46 USD in all.\n")
    assert "a beta exposure of 1,763,967.34 USD, a beta of 1.196." in report
    assert "after the trade -137.90 would be left" in report  # 1,585,738.56 - 4,193 × 378.22
    assert "15 of 16 positions covered: 93.8% by count and 99.7% of the gross value" in report
    assert "| SELL | 4,193 | SPY | DU1234567 | MKT |  | planned |" in report
    assert "| AAPL | DU1234567 | 2,400 | 126.28 | 303,072 | 1.303 | 0.78 | 395,043 |" in report
    assert "| AAPL | 1.303 | 1.218 to 1.389 | 0.043 | 0.78 | 1.04% | 252 |" in report  # ± 1.9695 standard errors
    assert "| AAPL | OPT | 900000101 | DU7654321 | 10 | 6,580 | no beta: no history |" in report
    assert report.count("](data:image/svg+xml;base64,") == 3
    assert "![Betas with their 95% intervals]" in report
    assert "![AAPL on SPY: beta 1.303 ± 0.043, R² 0.78, 252 sessions]" in report
    assert "- hedge: SPY's price is simulated, not live." in report
    assert f"`hedgerow explain {finished.id}`" in report


def test_a_server_that_is_away_costs_the_artifacts_and_nothing_else(project, caplog):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    finished = project.run("plain", "steps: {prices: {task: read_some}, same: {task: fail_some, in: prices}}")
    begun = time.monotonic()
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        with Artifacts(_context(finished), uuid4(), logging.getLogger("artifacts")) as sent:
            for node in finished.nodes:
                sent.step_ended(node, finished.outcomes[node.name])
            sent.run_ended(finished.nodes, {"prices": Outcome("completed")})
        assert time.monotonic() - begun < 1
        finish_all(10)
    assert [record.getMessage().partition(":")[0] for record in caplog.records if record.name == "artifacts"] == [
        "this run shows no more artifacts"
    ]


def _context(finished):
    from types import SimpleNamespace

    desk = SimpleNamespace(profile=None)
    return SimpleNamespace(id=finished.id, plan=finished.plan, desk=desk, past=False, session=finished.session)
