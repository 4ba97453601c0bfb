"""Tasks and schemas count as their files are now: nobody restarts an editor for a new task."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

ROOT = Path(__file__).parents[3]

TWICE = """\
  twice: {task: double_hedge, in: hedge}
  intents: {task: plan_orders, in: twice}"""

DOUBLED = '''"""Twice."""

from pandera.typing import DataFrame

from schemas.risk import Hedges
from tasks.declare import task


@task
def double_hedge(hedge: DataFrame[Hedges]) -> DataFrame[Hedges]:
    """Twice the hedge."""
    return hedge
'''


@pytest.fixture(scope="module")
def copied(start: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A server in a copy of the project, whose sources may be changed; and where that is."""
    root = tmp_path_factory.mktemp("copied")
    for name in ("tasks", "schemas", "flows", "pipelines"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "data"))
    return start(root), root


def test_a_task_that_can_not_be_imported_is_told_of_and_counts_again_once_it_is_mended(
    copied: tuple[Any, Path],
) -> None:
    editor, root = copied
    path, task = root / "pipelines" / "beta_hedge.yaml", root / "tasks" / "doubled.py"
    editor.open(path)
    editor.until(lambda: editor.watched == [lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES])
    editor.replace(path, "  intents: {task: plan_orders, in: hedge}", TWICE)
    assert editor.codes(path) == ["unknown-task"]
    task.write_text("import no_such_module\n")
    editor.changed_on_disk(task)
    editor.until(lambda: bool(editor.messages))
    assert "tasks.doubled can't be imported" in editor.messages[-1]
    task.write_text(DOUBLED)
    editor.changed_on_disk(task)
    editor.until_codes(path, [])
    assert editor.definition(path, "task: double_h|edge") == [
        ("doubled.py", "def double_hedge(hedge: DataFrame[Hedges]) -> DataFrame[Hedges]:")
    ]
    task.write_text(task.read_text().replace("double_hedge", "triple_hedge"))
    editor.changed_on_disk(task)
    editor.until_codes(path, ["unknown-task"])


def test_a_schema_that_changed_is_seen_without_being_told_of(copied: tuple[Any, Path]) -> None:
    """Not every editor says that a file changed which it doesn't show: with the next keystroke it is noticed."""
    editor, root = copied
    path, schema = root / "pipelines" / "rolling_betas.yaml", root / "schemas" / "book.py"
    editor.open(path)
    assert editor.codes(path) == []
    assert "`cost`" not in editor.hover(path, "{universe: posi|tions}")
    schema.write_text(schema.read_text().replace("    average_cost: np.float64", "    cost: np.float64"))
    editor.replace(path, "description: ", "description: Again, ")
    assert editor.codes(path) == []
    assert "`cost`" in editor.hover(path, "{universe: posi|tions}")
