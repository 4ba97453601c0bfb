"""The journal lets go of what can be computed again, of nothing else, and says so."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from flows.journal import Expired, FrameRef, Journal, Retention
from tasks.connections.problems import Problem
from tasks.connections.scope import Message

FIRST = date(2022, 11, 1)
NOW = pd.Timestamp("2022-12-31", tz="UTC")
KEEP_ALL = 10**12
REPEATABLE = ("compute", "pull")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path) as opened:
        yield opened


def small(number: int) -> pd.DataFrame:
    return pd.DataFrame({"con_id": [1, 2], "close": [float(number), 0.5]})


def large(number: int) -> pd.DataFrame:
    """Too large for the database: it goes to the shelf."""
    return pd.DataFrame({"close": np.arange(40_000) / 7 + number})


def run(
    journal: Journal, day: int, steps: dict[str, Any], status: str | None = "completed", pipeline: str = "p"
) -> str:
    """A run on the n-th day. Steps: name → (task, frame, inputs)."""
    name, session = f"{pipeline}-{day}", FIRST + timedelta(days=day)
    journal.begin_run(
        run=name, pipeline=pipeline, text="", params={}, desk={}, session=session, slot="", clock="", trigger="",
        started=pd.Timestamp(session, tz="UTC"), versions={},
    )  # fmt: skip
    for step, (task, frame, inputs) in steps.items():
        journal.begin_step(
            run=name, step=step, task=task, item=None, source_hash="", arguments={},
            inputs={given: (given, None) for given in inputs},
        )  # fmt: skip
        journal.message(name, step, Message("gateway", day, "history", None, "received", day, step))
        outputs: dict[str | None, FrameRef] = {None: journal.put_frame(frame, "")}
        if task == "act":
            journal.intend(f"{name} {step}", name, step)
            journal.done(f"{name} {step}", outputs)
        journal.end_step(name, step, "completed", seconds=0.0, attempts=1, outputs=outputs)
    if status is not None:
        journal.end_run(name, status, None, NOW)
    return name


def plain(day: int, make: Any = small) -> dict[str, Any]:
    return {"prices": ("pull", make(day), ()), "returns": ("compute", make(day + 1000), ("prices",))}


def frame(journal: Journal, name: str, step: str) -> pd.DataFrame:
    with Journal(journal.folder.parent) as fresh:  # what another process reads
        return fresh.frame(fresh.run(name).step(step).outputs[None])


def is_there(journal: Journal, name: str, step: str) -> bool:
    try:
        frame(journal, name, step)
    except Problem:
        return False
    return True


@pytest.mark.parametrize("make", [small, large])
def test_frames_of_the_last_days_stay_and_older_ones_expire_and_say_how_to_have_them_again(journal, make):
    names = [run(journal, day, plain(day, make)) for day in range(5)]
    expired = journal.prune(Retention(3, KEEP_ALL, REPEATABLE), NOW)
    assert (expired.frames, expired.messages) == (4, 4)
    assert expired.bytes > 0
    assert [is_there(journal, name, "returns") for name in names] == [False, False, True, True, True]
    assert_frame_equal(frame(journal, names[2], "prices"), make(2))
    said = r"Frame \w{12} expired on 2022-12-31: .* `hedgerow run p --session 2022-11-02` computes it again\."
    with pytest.raises(Problem, match=said):
        frame(journal, names[1], "prices")
    told = journal.run(names[0])
    assert [step.step for step in told.steps] == ["prices", "returns"]
    assert told.steps[0].outputs[None].rows == len(make(0))
    assert journal.messages(names[0], "prices") == []
    assert len(journal.messages(names[4], "prices")) == 1
    assert journal.prune(Retention(3, KEEP_ALL, REPEATABLE), NOW) == Expired()
    kept = {ref(journal, name, step) for name in names[2:] for step in ("prices", "returns")}
    assert set(journal._frames.sizes()) == (kept if make is large else set())


def ref(journal: Journal, name: str, step: str) -> str:
    return journal.run(name).step(step).outputs[None].id


def test_effects_stay_with_all_that_led_to_them_across_runs(journal):
    steps = {
        "prices": ("pull", small(1), ()), "returns": ("compute", small(2), ("prices",)),
        "orders": ("act", small(3), ("returns",)), "aside": ("compute", small(4), ("prices",)),
    }  # fmt: skip
    acted = run(journal, 0, steps)
    for day in range(1, 5):
        run(journal, day, plain(100 + day))
    run(journal, 9, {"aside": ("compute", small(5), ())})
    journal.prune(Retention(1, KEEP_ALL, REPEATABLE), NOW)
    assert [is_there(journal, acted, step) for step in steps] == [True, True, True, False]
    assert len(journal.messages(acted, "prices")) == 1
    assert journal.messages(acted, "aside") == []
    with Journal(journal.folder.parent) as fresh:
        done = fresh.effect(f"{acted} orders")
        assert done is not None
        assert_frame_equal(fresh.frame(done["outputs"][None]), small(3))


def test_a_reading_of_the_moment_stays_as_nobody_can_repeat_it(journal):
    read = run(journal, 0, {"quotes": ("read_quotes", small(1), ()), "more": ("compute", small(50), ("quotes",))})
    for day in range(1, 4):
        run(
            journal, day, {"quotes": ("read_quotes", small(day), ()), "more": ("compute", small(50 + day), ("quotes",))}
        )
    journal.prune(Retention(1, KEEP_ALL, REPEATABLE), NOW)
    assert is_there(journal, read, "quotes")
    assert not is_there(journal, read, "more")


def test_the_last_frame_of_a_step_stays_however_old_for_the_next_run_may_ask_for_it(journal):
    run(journal, 0, {"breaks": ("compute", small(1), ())}, pipeline="monthly")
    run(journal, 1, {"breaks": ("compute", small(2), ())}, status="failed", pipeline="monthly")
    for day in range(2, 6):
        run(journal, day, plain(day))
    journal.prune(Retention(2, KEEP_ALL, REPEATABLE), NOW)
    with Journal(journal.folder.parent) as fresh:
        last = fresh.last_output("monthly", "breaks", None, date(2022, 12, 30))
        assert last is not None
        assert_frame_equal(last, small(1))
    assert not is_there(journal, "monthly-1", "breaks")


@pytest.mark.parametrize("make", [small, large])
def test_beyond_the_budget_the_oldest_go_first(journal, make):
    names = [run(journal, day, {"prices": ("pull", make(day), ())}) for day in range(5)]
    ((packed,),) = journal._database.rows("SELECT max(length(packed)) FROM contents")
    one = packed or max(journal._frames.sizes().values())
    expired = journal.prune(Retention(30, int(2.5 * one), REPEATABLE), NOW)
    # The newest stays in any case, beside the budget; the budget takes two more.
    assert [is_there(journal, name, "prices") for name in names] == [False, False, True, True, True]
    assert expired.frames == 2


def test_a_frame_that_is_made_again_is_there_again(journal):
    for make in (small, large):
        run(journal, 0, plain(0, make), pipeline=make.__name__)
        run(journal, 3, plain(3, make), pipeline=make.__name__)
    journal.prune(Retention(1, KEEP_ALL, REPEATABLE), NOW)
    for make in (small, large):
        assert not is_there(journal, f"{make.__name__}-0", "prices")
        run(journal, 4, plain(0, make), pipeline=make.__name__)
        assert_frame_equal(frame(journal, f"{make.__name__}-0", "prices"), make(0))


def test_a_frame_that_expires_while_a_run_yields_the_same_is_there_when_its_step_ends(journal):
    run(journal, 0, plain(0, large))
    run(journal, 3, plain(3, large))
    journal.begin_run(
        run="now", pipeline="p", text="", params={}, desk={}, session=FIRST, slot="", clock="", trigger="",
        started=NOW, versions={},
    )  # fmt: skip
    journal.begin_step(run="now", step="prices", task="pull", item=None, source_hash="", arguments={}, inputs={})
    again = journal.put_frame(large(0), "")
    with Journal(journal.folder.parent) as other:
        assert other.prune(Retention(1, KEEP_ALL, REPEATABLE), NOW).frames == 2
    assert not is_there(journal, "p-0", "prices")
    journal.end_step("now", "prices", "completed", seconds=0.0, attempts=1, outputs={None: again})
    assert_frame_equal(frame(journal, "now", "prices"), large(0))


KILLED = """
import os, signal, sys
from pathlib import Path
import pandas as pd
from flows.journal import Journal, Retention
from flows.journal.frames import FrameShelf
at, remove, seen = int(sys.argv[2]), FrameShelf.remove, []
def removing(self, content):
    if len(seen) == at:
        os.kill(os.getpid(), signal.SIGKILL)
    seen.append(content)
    remove(self, content)
FrameShelf.remove = removing
with Journal(Path(sys.argv[1])) as journal:
    journal.prune(Retention(1, 10**12, ("pull", "compute")), pd.Timestamp("2022-12-31", tz="UTC"))
"""


@pytest.mark.parametrize("at", [0, 2])
def test_killed_in_the_middle_the_next_time_finishes_it(tmp_path, at):
    with Journal(tmp_path) as journal:
        names = [run(journal, day, plain(day, large)) for day in range(3)]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(at)], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    with Journal(tmp_path) as journal:
        assert [is_there(journal, name, "prices") for name in names] == [False, False, True]
        assert len(journal._frames.sizes()) == 6 - at
        journal.prune(Retention(1, KEEP_ALL, REPEATABLE), NOW)
        assert set(journal._frames.sizes()) == {ref(journal, names[2], step) for step in ("prices", "returns")}
        assert_frame_equal(frame(journal, names[2], "returns"), large(1002))
