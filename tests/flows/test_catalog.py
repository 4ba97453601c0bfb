"""`flows.catalog.NAME` is the flow of `pipelines/NAME.yaml`: in the project, or as it was accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

import flows.catalog
from flows.check import check_file
from flows.desk import load_desk
from flows.serve import accepted
from flows.serve.flow_run import ACCEPTED
from tasks.connections.problems import Problem
from tasks.registry import catalog

DESK = "name: test\nconnections: {gateway: {kind: ib, simulated: true}}\n"
INNER = "params: {kind: simple}\nsteps:\n  positions: {task: read_positions}\n"


@pytest.fixture
def pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (folder / "_desk.yaml").write_text(DESK)
    (folder / "positions.yaml").write_text(
        "description: Where we stand.\nsteps: {positions: {task: read_positions}}\noutput: positions\n"
    )
    monkeypatch.setenv("HEDGEROW_PROJECT", str(tmp_path))
    return folder


def test_a_pipeline_is_a_flow_of_its_name(pipelines: Path) -> None:
    flow = flows.catalog.positions
    assert (flow.name, flow.fn.__name__, flow.fn.__module__) == ("positions", "positions", "flows.catalog")
    assert list(flow.parameters.properties) == ["session", "again"]


def test_there_is_no_other_name_in_the_catalog(pipelines: Path) -> None:
    (pipelines / "annotations.yaml").write_text("steps: {positions: {task: read_positions}}\n")
    assert flows.catalog.annotations.name == "annotations"
    assert not hasattr(flows.catalog, "nothing")
    assert [name for name in vars(flows.catalog) if not name.startswith("_")] == []


def test_one_with_mistakes_says_them(pipelines: Path) -> None:
    (pipelines / "wrong.yaml").write_text("steps: {positions: {task: read_position}}\n")
    with pytest.raises(Problem, match=r"(?s)wrong.yaml has errors.*did you mean `read_positions`"):
        _ = flows.catalog.wrong


def test_what_was_accepted_runs_whatever_becomes_of_the_file(
    pipelines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pipelines / "outer.yaml").write_text("steps: {inner: {pipeline: positions}}\n")
    desk = load_desk(pipelines)
    folder = accepted.folder_of(desk)
    plan = check_file(pipelines / "outer.yaml", catalog(), desk, pipelines).plan
    assert plan is not None
    version = accepted.accept(folder, plan, DESK)
    assert accepted.accept(folder, plan, DESK) == version
    assert accepted.accept(folder, plan, DESK + "\n") != version
    monkeypatch.setenv(ACCEPTED, str(folder))
    for path in pipelines.iterdir():
        path.write_text("no: pipeline\n")
    assert flows.catalog.outer.name == "outer"
    kept = accepted.desk_in(accepted.current(folder, "outer"), tmp_path, None)
    assert (kept.name, kept.root, kept.data) == ("test", tmp_path, desk.data)
    with pytest.raises(Problem, match="no pipeline `positions` among those that are served"):
        _ = flows.catalog.positions
