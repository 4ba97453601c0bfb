"""A connection that a task can do without is left out where the desk has none, or where the file says null."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.batch import run_batch
from flows.check import Checked, check_file, render
from flows.desk import Desk, load_desk
from tasks.registry import catalog

GATEWAY = "connections:\n  gateway: {kind: ib, simulated: true}\n"
FRAMES = "  frames: {kind: arctic}\n"
OTHER = '  other: {kind: arctic, uri: "lmdb://other"}\n'
STEPS = """\
steps:
  positions: {{task: read_positions}}
  prices: {{task: pull_history, in: {{universe: positions}}, with: {{returns: 2{more}}}}}
"""


def project(folder: Path, connections: str, more: str = "") -> tuple[Checked, Desk]:
    (folder / "_desk.yaml").write_text(connections)
    (folder / "prices.yaml").write_text(STEPS.format(more=more))
    desk = load_desk(folder)
    return check_file(folder / "prices.yaml", catalog(), desk, folder), desk


@pytest.mark.parametrize(
    ("connections", "more", "bound"),
    [
        (GATEWAY, "", {"broker": "gateway"}),
        (GATEWAY + FRAMES, "", {"broker": "gateway", "store": "frames"}),
        (GATEWAY + FRAMES, ", store: null", {"broker": "gateway"}),
        (GATEWAY + FRAMES + OTHER, ", store: other", {"broker": "gateway", "store": "other"}),
    ],
)
def test_it_is_the_desks_only_one_or_the_one_that_is_named_or_none(
    connections: str, more: str, bound: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    checked, desk = project(folder, connections, more)
    assert checked.plan is not None, render(checked)
    assert checked.plan.step("prices").connections == bound
    finished = run_batch(checked.plan, desk, {}, untracked=True)
    assert not finished.failures


def test_which_of_several_is_to_be_said(tmp_path: Path) -> None:
    checked, _ = project(tmp_path, GATEWAY + FRAMES + OTHER)
    assert [found.code for found in checked.diagnostics] == ["ambiguous-connection"]


def test_one_that_it_cannot_do_without_is_missing(tmp_path: Path) -> None:
    checked, _ = project(tmp_path, FRAMES.join(["connections:\n", ""]))
    assert {found.code for found in checked.diagnostics} == {"missing-connection"}
