"""A desk's journal is pruned by what its desk file says, by hand or once a day."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flows import pruning
from flows.desk import Desk, DeskError, load_desk
from flows.journal import Journal
from tasks.connections.problems import Problem

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk that keeps two days, with three days of runs."""
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "_desk.yaml").write_text("name: d\njournal: {sessions: 2, budget: 1GB}\n")
    made = load_desk(tmp_path / "pipelines")
    with Journal(made.data) as journal:
        for day in (1, 2, 3):
            session = date(2022, 12, day)
            journal.begin_run(
                run=f"r{day}", pipeline="p", text="", params={}, desk={}, session=session, slot="", clock="",
                trigger="", started=pd.Timestamp(session, tz="UTC"), versions={},
            )  # fmt: skip
            for step, task in (("prices", "pull_bars"), ("positions", "read_positions"), ("gone", "no_such_task")):
                journal.begin_step(
                    run=f"r{day}", step=step, task=task, item=None, source_hash="", arguments={}, inputs={}
                )
                frame = pd.DataFrame({"step": [step], "day": [day]})
                journal.end_step(
                    f"r{day}", step, "completed", seconds=0.0, attempts=1, outputs={None: journal.put_frame(frame, "")}
                )
            journal.end_run(f"r{day}", "completed", None, pd.Timestamp(session, tz="UTC"))
    return made


def left(desk: Desk) -> list[str]:
    """The frames that can be read."""
    found = []
    with Journal(desk.data) as journal:
        for run in ("r1", "r2", "r3"):
            for step in journal.run(run).steps:
                try:
                    journal.frame(step.outputs[None])
                    found.append(f"{run} {step.step}")
                except Problem:
                    pass
    return found


STAYING = [
    "r1 positions", "r1 gone",  # what only that moment could be asked, and what no task yields any more
    "r2 prices", "r2 positions", "r2 gone", "r3 prices", "r3 positions", "r3 gone",
]  # fmt: skip


def test_the_command_prunes_as_the_desk_file_says(desk):
    code = "import sys; from flows.commands.history import prune_journal; prune_journal(None)"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=desk.root, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert told.stdout.startswith("1 frame of 0.0 MB and 0 messages let go of")
    assert left(desk) == STAYING


def test_once_a_day_it_is_done_by_itself(desk, monkeypatch, caplog):
    monkeypatch.setattr(pruning, "FIRST", 0.0)
    caplog.set_level("INFO")

    async def wait() -> None:
        task = asyncio.create_task(pruning.prune_daily(desk))
        while not caplog.records:
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(wait(), 30))
    assert "the journal let go of 1 frame and 0 messages" in caplog.text
    assert left(desk) == STAYING


@pytest.mark.parametrize("wrong", ["sessions: 0", "budget: much", "keep: 3"])
def test_a_desk_file_that_says_it_wrong_is_refused(tmp_path, wrong):
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "_desk.yaml").write_text(f"name: d\njournal: {{{wrong}}}\n")
    with pytest.raises(DeskError, match=wrong.partition(":")[0]):
        load_desk(tmp_path / "pipelines")
