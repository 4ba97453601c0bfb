"""Whether prefect.yaml still says what the pipelines say."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pandas as pd
import pytest

from flows.desk import Desk
from flows.grammar import PipelineFile
from flows.plan import Plan
from flows.serve.deploy import Registered
from flows.serve.instants import upcoming
from flows.serve.prefect_yaml import Pool, prefect_yaml
from flows.serve.stale import stale
from tasks.connections.problems import Problem
from tasks.run import OrderPolicy

NOW = pd.Timestamp("2026-11-22", tz="UTC")
NEAR_CLOSE = {"calendar": "XNYS", "at": "close - 15m"}
POOL = Pool("elsewhere", (), None)


def plan(name: str, schedule: dict[str, str] | None = None, description: str = "") -> Plan:
    keys = {"description": description, "steps": {"positions": {"task": "read_positions"}}}
    file = PipelineFile.model_validate(keys if schedule is None else {**keys, "schedule": schedule})
    return Plan(name, Path(f"{name}.yaml"), "", file, {}, ())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "catalog.py").touch()
    return Desk("test", tmp_path, tmp_path / "data", {}, OrderPolicy())


def write(desk: Desk, *plans: Plan) -> None:
    """As `hedgerow deploy` does."""
    deployed = {}
    for each in plans:
        found = upcoming(each.file.schedule, NOW, POOL.instants)
        deployed[each.name] = each, Registered(UUID(int=0), each.name, found, None, is_paused=False)
    (desk.root / "prefect.yaml").write_text(prefect_yaml(POOL, desk, deployed, "abc"))


def told(desk: Desk, now: pd.Timestamp, *plans: Plan) -> tuple[list[str], pd.Timestamp | None]:
    return stale(desk.root, desk, {each.name: each for each in plans}, now)


def test_what_was_just_written_is_right_and_lasts_a_year(desk: Desk) -> None:
    both = plan("hedge", NEAR_CLOSE), plan("asked")
    write(desk, *both)
    # 23 November 2026 to 22 November 2027, the last session before a year is over: a Monday
    assert told(desk, NOW, *both) == ([], pd.Timestamp("2027-11-22 20:45", tz="UTC"))


def test_each_difference_is_told(desk: Desk) -> None:
    write(desk, plan("hedge", NEAR_CLOSE), plan("gone"), plan("asked"), plan("later"))
    now = (
        plan("hedge", {**NEAR_CLOSE, "at": "close - 10m"}),
        plan("new"),
        plan("asked", NEAR_CLOSE, "Another."),
        plan("later", {"after": "hedge"}),
    )
    assert told(desk, NOW, *now)[0] == [
        "new isn't in it",
        "gone has no pipeline that can be deployed",
        "asked: its description is another",
        "asked: its schedule is missing",
        "hedge: its schedule is another",
        "later: its tags are others",
    ]


def test_a_schedule_that_runs_out_is_told_a_month_before(desk: Desk) -> None:
    hedge = plan("hedge", NEAR_CLOSE)
    write(desk, hedge)
    assert told(desk, pd.Timestamp("2027-10-20", tz="UTC"), hedge)[0] == []
    soon = told(desk, pd.Timestamp("2027-10-25", tz="UTC"), hedge)[0]
    assert soon == ["hedge: its schedule runs out after 2027-11-22"]
    assert told(desk, pd.Timestamp("2027-11-23", tz="UTC"), hedge)[0] == ["hedge: its schedule has run out"]


def test_an_entrypoint_that_is_not_there_is_told(desk: Desk) -> None:
    write(desk, plan("asked"))
    (desk.root / "flows" / "catalog.py").unlink()
    assert told(desk, NOW, plan("asked"))[0] == [
        "asked: its entrypoint names flows/catalog.py, which isn't in the project"
    ]


@pytest.mark.parametrize("text", ["deployments: [", "deployments: 5", "[]", "deployments: [{}]", ""])
def test_a_file_that_can_not_be_read_says_so(desk: Desk, text: str) -> None:
    (desk.root / "prefect.yaml").write_text(text)
    with pytest.raises(Problem, match=r"prefect\.yaml can't be read"):
        told(desk, NOW)


def test_no_file_says_what_writes_it(desk: Desk) -> None:
    with pytest.raises(Problem, match=r"There is no prefect\.yaml"):
        told(desk, NOW)
