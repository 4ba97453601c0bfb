"""`hedgerow new` writes a file that checks, and never over one that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.check import check_file, render
from flows.commands.new import write_pipeline
from flows.desk import load_desk
from tasks.connections.problems import Problem
from tasks.registry import catalog

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pipelines").mkdir()
    for path in (ROOT / "pipelines").glob("*.yaml"):
        (tmp_path / "pipelines" / path.name).write_text(path.read_text())
    monkeypatch.setenv("HEDGEROW_PROJECT", str(tmp_path))
    return tmp_path / "pipelines"


def test_the_starter_is_commented_and_has_nothing_said_of_it(folder, capsys):
    write_pipeline("momentum", None)
    path = folder / "momentum.yaml"
    checked = check_file(path, catalog(), load_desk(folder), folder)
    assert render(checked) == ""
    assert checked.plan is not None
    assert path.read_text().startswith("# yaml-language-server: $schema=pipeline.schema.json\n")
    assert "`hedgerow run momentum -p returns=120`" in path.read_text()
    assert "pipelines/momentum.yaml written." in capsys.readouterr().out


def test_another_pipeline_may_be_what_it_begins_with(folder):
    write_pipeline("hedge_in_tokyo", "beta_hedge")
    assert (folder / "hedge_in_tokyo.yaml").read_text() == (folder / "beta_hedge.yaml").read_text()
    with pytest.raises(Problem, match="There is no pipeline `beta_hege`"):
        write_pipeline("other", "beta_hege")
    assert not (folder / "other.yaml").exists()


def test_no_file_is_written_over_and_no_name_taken_that_can_be_none(folder):
    before = (folder / "beta_hedge.yaml").read_text()
    with pytest.raises(Problem, match="There is a pipeline `beta_hedge` already"):
        write_pipeline("beta_hedge", None)
    assert (folder / "beta_hedge.yaml").read_text() == before
    for name in ("Beta-Hedge", "../evil", "", "9lives", "a.yaml"):
        with pytest.raises(Problem, match="can't be called"):
            write_pipeline(name, None)


def test_what_is_wrong_with_it_on_this_desk_is_told_at_once(folder, capsys):
    (folder / "_desk.yaml").write_text("connections: {frames: {kind: arctic}}\n")
    write_pipeline("momentum", None)
    assert "[missing-connection]" in capsys.readouterr().out
