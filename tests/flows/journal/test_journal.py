"""The journal: what a run did can be told afterwards, whatever happened to the run."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from flows.journal import FrameRef, Journal, Producer
from schemas.market import Prices
from tasks.connections.problems import Problem
from tasks.connections.scope import Message

NOON = pd.Timestamp("2022-12-28 17:00", tz="UTC")
SESSION = date(2022, 12, 28)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path) as opened:
        yield opened


def begin(
    journal: Journal, run: str, *, session: date = SESSION, pipeline: str = "beta_hedge", minute: int = 0
) -> None:
    journal.begin_run(
        run=run,
        pipeline=pipeline,
        text="steps: {}\n",
        params={"benchmark": "SPY", "since": SESSION},
        desk={"name": "demo"},
        session=session,
        slot="manual",
        clock="wall",
        trigger="command line",
        started=NOON + pd.Timedelta(minutes=minute),
        versions={"pandas": "2.3.3"},
    )


def step(journal: Journal, run: str, name: str, frame: pd.DataFrame | None, schema: str = "", **more: Any) -> None:
    """A step that completed with this frame."""
    told = {"task": name, "item": None, "source_hash": "", "arguments": {}, "inputs": {}, **more}
    journal.begin_step(run=run, step=name, **told)
    outputs: dict[str | None, FrameRef] = {} if frame is None else {None: journal.put_frame(frame, schema)}
    journal.end_step(run, name, "completed", seconds=0.1, attempts=1, outputs=outputs, notes=[f"did {name}"])


def whole_run(journal: Journal, run: str, frame: pd.DataFrame, status: str = "completed", **more: Any) -> None:
    begin(journal, run, **more)
    step(journal, run, "breaks", frame, "Breaks")
    journal.end_run(run, status, None, NOON)


def message(number: int, con_id: int | None = None, payload: str = "17\0001") -> Message:
    return Message("gateway", number, "daily history", con_id, "received", number, payload)


def prices(rows: int = 3, shift: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "con_id": np.full(rows, 265598),
            "symbol": pd.Categorical(["AAPL"] * rows),
            "session": pd.date_range("2022-12-01", periods=rows),
            "close": 126.0 + shift + np.arange(rows),
        }
    )


def test_a_run_is_told_as_it_went(journal: Journal) -> None:
    begin(journal, "run-1")
    step(journal, "run-1", "prices", prices(), "Prices", arguments={"returns": 252, "since": SESSION})
    step(journal, "run-1", "returns", prices(2), "Returns", inputs={"prices": ("prices", None)}, item="AAPL")
    journal.end_run("run-1", "failed", "no beta", NOON + pd.Timedelta("5s"))
    run = journal.run("run-1")
    assert (run.pipeline, run.session, run.status, run.error) == ("beta_hedge", SESSION, "failed", "no beta")
    assert (run.started, run.ended) == (NOON, NOON + pd.Timedelta("5s"))
    assert run.params == {"benchmark": "SPY", "since": "2022-12-28"}
    assert [one.step for one in run.steps] == ["prices", "returns"]
    pulled, made = run.steps
    assert pulled.arguments == {"returns": 252, "since": "2022-12-28"}
    assert (made.item, made.status, made.notes) == ("AAPL", "completed", ("did returns",))
    (given,) = made.inputs
    assert (given.parameter, given.producer) == ("prices", Producer("run-1", "prices"))
    assert given.frame == pulled.outputs[None] == FrameRef(pulled.outputs[None].id, "Prices", 3)
    assert_frame_equal(journal.frame(given.frame), prices(), check_exact=True)


def test_a_step_may_gather_thousands_of_frames(journal: Journal) -> None:
    begin(journal, "run-1")
    inputs = {f"frame.{number}": (f"item[{number}]", None) for number in range(7_000)}
    step(journal, "run-1", "gathered", prices(), "Prices", inputs=inputs)
    (gathered,) = journal.run("run-1").steps
    assert len(gathered.inputs) == 7_000
    assert {given.producer for given in gathered.inputs} >= {
        Producer("run-1", "item[0]"),
        Producer("run-1", "item[6999]"),
    }


def test_frames_of_a_closed_journal_are_read_by_another(tmp_path: Path) -> None:
    frame = prices().assign(note=pd.Series([None, "", "x"], dtype=object))
    with Journal(tmp_path) as one:
        ref = one.put_frame(frame, "")
        nothing = one.put_frame(frame.head(0), "")
    with Journal(tmp_path) as other:
        assert_frame_equal(other.frame(ref.id), frame, check_exact=True)
        assert_frame_equal(other.frame(nothing), frame.head(0))


def test_a_frame_is_kept_once(journal: Journal) -> None:
    refs = {journal.put_frame(prices(), "Prices").id for _ in range(3)} | {journal.put_frame(prices(), "Other").id}
    assert len(refs) == 1
    assert journal.put_frame(prices(shift=1e-9), "Prices").id not in refs


def test_nobody_can_change_a_kept_frame(journal: Journal) -> None:
    given = prices()
    ref = journal.put_frame(given, "Prices")
    given.loc[0, "close"] = 0.0
    read = journal.frame(ref)
    assert_frame_equal(read, prices())
    read.loc[0, "close"] = 0.0
    assert_frame_equal(journal.frame(ref), prices())


def test_a_large_frame_comes_back(journal: Journal) -> None:
    large = prices(1).loc[np.zeros(300_000, dtype=int)].reset_index(drop=True).assign(close=np.arange(300_000) / 7)
    assert_frame_equal(journal.frame(journal.put_frame(large, "Prices")), large, check_exact=True)


def from_store(frame: pd.DataFrame, content: str) -> pd.DataFrame:
    frame = frame.copy()
    frame.attrs["origin"] = {"store": "frames", "library": "d", "symbol": "p", "version": 3, "content": content}
    return frame


def test_a_frame_from_a_store_is_kept_by_reference(tmp_path: Path) -> None:
    asked = []

    def read(origin: Any) -> pd.DataFrame:
        asked.append(dict(origin))
        return prices()

    with Journal(tmp_path / "elsewhere") as other:
        content = other.put_frame(prices(), "Prices").id
    with Journal(tmp_path, read) as journal:
        ref = journal.put_frame(from_store(prices(), content), "Prices")
        assert ref.origin == {"store": "frames", "library": "d", "symbol": "p", "version": 3}
    with Journal(tmp_path, read) as journal:
        assert_frame_equal(journal.frame(ref), prices())
    assert asked == [ref.origin]
    assert not list((tmp_path / "journal" / "frames").glob("**/*.mdb"))
    with Journal(tmp_path) as journal, pytest.raises(Problem, match="d/p version 3 in `frames`, which isn't open"):
        journal.frame(ref)
    with (
        Journal(tmp_path, lambda _: prices(shift=1)) as journal,
        pytest.raises(Problem, match="no longer what the run"),
    ):
        journal.frame(ref)


def test_a_frame_changed_after_it_was_read_is_no_longer_that_of_the_store(tmp_path: Path) -> None:
    """pandas carries a frame's attributes along into what is computed from it."""
    with Journal(tmp_path) as journal:
        content = journal.put_frame(prices(), "Prices").id
        changed = from_store(prices(), content).head(2)
        assert changed.attrs
        ref = journal.put_frame(changed, "Prices")
    assert ref.origin is None
    with Journal(tmp_path) as journal:
        assert_frame_equal(journal.frame(ref), prices().head(2))


def test_a_frame_first_seen_in_a_store_is_copied_when_a_step_makes_the_same(tmp_path: Path) -> None:
    with Journal(tmp_path / "elsewhere") as other:
        content = other.put_frame(prices(), "Prices").id
    with Journal(tmp_path) as journal:
        journal.put_frame(from_store(prices(), content), "Prices")
        journal.put_frame(prices(), "Prices")
    with Journal(tmp_path) as journal:
        assert_frame_equal(journal.frame(content), prices())


def test_an_unknown_frame_is_said(journal: Journal) -> None:
    with pytest.raises(Problem, match="has no frame abc"):
        journal.frame("abc")


def test_runs_are_found_by_the_start_of_their_id_or_by_their_pipeline(journal: Journal) -> None:
    for minute, (run, pipeline) in enumerate([("aa11", "beta_hedge"), ("aa22", "beta_hedge"), ("bb33", "eod")]):
        begin(journal, run, pipeline=pipeline, minute=minute)
    assert [run.id for run in journal.runs()] == ["bb33", "aa22", "aa11"]
    assert [run.id for run in journal.runs(pipeline="beta_hedge")] == ["aa22", "aa11"]
    assert [run.id for run in journal.runs(limit=1)] == ["bb33"]
    assert journal.run("bb").id == "bb33"
    assert journal.run("beta_hedge").id == "aa22"
    with pytest.raises(Problem, match=r"2 runs begin with `aa`: aa22 \(beta_hedge\), aa11 \(beta_hedge\)"):
        journal.run("aa")
    with pytest.raises(Problem, match=r"no run `beta_hege`.*Did you mean beta_hedge\?"):
        journal.run("beta_hege")
    with pytest.raises(Problem, match="The latest is bb33"):
        journal.run("%")


def test_an_empty_journal_says_so(journal: Journal) -> None:
    assert journal.runs() == []
    with pytest.raises(Problem, match="is empty"):
        journal.run("beta_hedge")


def test_the_last_output_is_that_of_an_earlier_session_that_completed(journal: Journal) -> None:
    monday, tuesday, wednesday = date(2022, 12, 26), date(2022, 12, 27), date(2022, 12, 28)
    whole_run(journal, "monday", prices(1), session=monday)
    whole_run(journal, "tuesday", prices(2), session=tuesday, minute=1)
    whole_run(journal, "tuesday-again", prices(3), session=tuesday, minute=2)
    whole_run(journal, "monday-late", prices(4), session=monday, minute=3)
    whole_run(journal, "tuesday-failed", prices(5), "failed", session=tuesday, minute=4)
    whole_run(journal, "other", prices(6), session=tuesday, minute=5, pipeline="other")

    def rows(before: date) -> int | None:
        last = journal.last_output("beta_hedge", "breaks", None, before)
        return None if last is None else len(last)

    assert rows(wednesday) == 3
    assert rows(tuesday) == 4
    assert rows(monday) is None
    assert journal.last_producer("beta_hedge", "breaks", None, wednesday) == Producer("tuesday-again", "breaks")
    assert journal.last_output("beta_hedge", "hedge", None, wednesday) is None
    assert journal.last_output("beta_hedge", "breaks", "gaps", wednesday) is None
    same_day = journal.session_output("beta_hedge", "breaks", None, monday)
    assert same_day is not None
    assert len(same_day) == 4
    assert journal.session_output("beta_hedge", "breaks", None, wednesday) is None


def test_a_step_tried_again_is_one_step_with_all_its_messages(journal: Journal) -> None:
    begin(journal, "run-1")
    for attempt, status in enumerate(["failed", "completed"], 1):
        journal.begin_step(
            run="run-1", step="prices", task="pull", item=None, source_hash="", arguments={"try": attempt}, inputs={}
        )
        journal.message("run-1", "prices", message(attempt))
        outputs = {None: journal.put_frame(prices(), "Prices")} if status == "completed" else {}
        error = "gateway away" if status == "failed" else None
        journal.end_step("run-1", "prices", status, seconds=0.1, attempts=attempt, error=error, outputs=outputs)
    (tried,) = journal.run("run-1").steps
    assert (tried.status, tried.attempts, tried.error, tried.arguments) == ("completed", 2, None, {"try": 2})
    assert [one.request for one in journal.messages("run-1", "prices")] == [1, 2]


def test_messages_are_those_of_the_contracts_asked_for_and_those_of_none(journal: Journal) -> None:
    begin(journal, "run-1")
    odd = "é\0\udcff" + "7" * 20_000
    for number, con_id in enumerate([265598, None, 272093, 265598]):
        journal.message("run-1", "prices", message(number, con_id, odd if number == 3 else str(number)))
    step(journal, "run-1", "prices", prices(), "Prices")
    assert [one.con_id for one in journal.messages("run-1", "prices")] == [265598, None, 272093, 265598]
    chosen = journal.messages("run-1", "prices", [265598])
    assert [one.payload for one in chosen] == ["0", "1", odd]
    assert chosen[2].time == pd.Timestamp(3, unit="ns", tz="UTC")
    assert journal.messages("run-1", "returns") == []


def test_many_messages_are_on_disk_before_their_step_ends_and_the_rest_at_the_close(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        begin(journal, "run-1")
        for number in range(501):
            journal.message("run-1", "prices", message(number))
        with Journal(tmp_path) as other:
            assert len(other.messages("run-1", "prices")) == 500
    with Journal(tmp_path) as other:
        assert len(other.messages("run-1", "prices")) == 501


def test_an_effect_is_known_once_it_is_done_and_keeps_its_first_result(journal: Journal) -> None:
    ref, other = journal.put_frame(prices(1), "Orders"), journal.put_frame(prices(2), "Orders")
    assert journal.effect("key") is None
    journal.intend("key", "run-1", "orders")
    assert journal.effect("key") is None
    journal.intend("key", "run-2", "orders")
    journal.done("key", {None: ref})
    journal.intend("key", "run-3", "orders")
    journal.done("key", {None: other})
    assert journal.effect("key") == {"run": "run-2", "step": "orders", "outputs": {None: ref}}


def test_the_writer_of_a_stored_frame_is_known(journal: Journal) -> None:
    receipt = pd.DataFrame({"store": ["frames"], "library": ["risk"], "symbol": ["betas"], "version": [4], "rows": [2]})
    begin(journal, "run-1")
    step(journal, "run-1", "save_betas", receipt, "FrameWrites")
    begin(journal, "run-2")
    step(journal, "run-2", "save_betas", receipt, "FrameWrites")
    assert journal.writer("frames", "risk", "betas", 4) == Producer("run-1", "save_betas")
    assert journal.writer("frames", "risk", "betas", 5) is None
    assert journal.writer("other", "risk", "betas", 4) is None


def test_making_a_journal_costs_nothing(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from flows.journal import Journal
with Journal(Path({str(tmp_path / "data")!r})): pass
print([name for name in ("arcticdb", "sqlalchemy", "filelock", "prefect") if name in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(Problem, match=r"The journal can't be written: .*/data/journal: .*Make that folder writable"):
        begin(Journal(tmp_path / "data"), "run-1")


def test_a_journal_of_another_format_is_left_alone(tmp_path: Path, journal: Journal) -> None:
    begin(journal, "run-1")
    journal.close()
    database = sqlite3.connect(tmp_path / "journal" / "journal.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(Problem, match="has format 99, and this version knows format 3"):
        journal.runs()


def test_a_damaged_journal_is_said(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "journal.db").write_bytes(b"no database" * 100)
    with pytest.raises(Problem, match=r"journal\.db is damaged"):
        Journal(tmp_path).runs()


COMMON = """
import os, signal, sys, threading
from datetime import date
from pathlib import Path
import pandas as pd
from flows.journal import Journal
journal = Journal(Path(sys.argv[1]))
def begin(run):
    journal.begin_run(run=run, pipeline="p", text="", params={}, desk={}, session=date(2022, 12, 28), slot="", clock="",
                      trigger="", started=pd.Timestamp("2022-12-28", tz="UTC"), versions={})
def step(run, name, frame):
    journal.begin_step(run=run, step=name, task="t", item=None, source_hash="", arguments={}, inputs={})
    outputs = {None: journal.put_frame(frame, "")}
    journal.end_step(run, name, "completed", seconds=0.0, attempts=1, outputs=outputs)
"""


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", COMMON + code, *arguments], stdout=subprocess.PIPE, text=True)


def test_a_killed_run_is_told_as_crashed_and_what_it_did_is_kept(tmp_path: Path) -> None:
    killed = python(
        """
begin("run-1")
step("run-1", "prices", pd.DataFrame({"a": [1, 2]}))
journal.intend("sent", "run-1", "orders")
journal.done("sent", {})
journal.intend("meant", "run-1", "alert")
os.kill(os.getpid(), signal.SIGKILL)
""",
        str(tmp_path),
    )
    assert killed.wait(60) == -signal.SIGKILL
    with Journal(tmp_path) as journal:
        run = journal.run("run-1")
        assert run.status == "crashed"
        assert journal.frame(run.steps[0].outputs[None])["a"].tolist() == [1, 2]
        assert journal.effect("sent") is not None
        assert journal.effect("meant") is None


def test_a_run_that_is_still_going_is_running(journal: Journal) -> None:
    begin(journal, "run-1")
    assert journal.run("run-1").status == "running"


def test_two_processes_and_their_threads_journal_at_once(tmp_path: Path) -> None:
    code = """
run = sys.argv[2]
begin(run)
def work(thread):
    for n in range(5):
        step(run, f"{thread}-{n}", pd.DataFrame({"n": [n], "who": [f"{run}{thread}"]}))
        step(run, f"{thread}-{n}-same", pd.DataFrame({"n": range(50 + n)}))
threads = [threading.Thread(target=work, args=(t,)) for t in range(3)]
for t in threads: t.start()
for t in threads: t.join()
journal.end_run(run, "completed", None, pd.Timestamp("2022-12-28", tz="UTC"))
journal.close()
"""
    both = [python(code, str(tmp_path), run) for run in ("a", "b")]
    assert [one.wait(100) for one in both] == [0, 0]
    with Journal(tmp_path) as journal:
        for run in ("a", "b"):
            steps = {one.step: one for one in journal.run(run).steps}
            assert len(steps) == 30
            for thread in range(3):
                for n in range(5):
                    frame = journal.frame(steps[f"{thread}-{n}"].outputs[None])
                    assert frame.to_dict("list") == {"n": [n], "who": [f"{run}{thread}"]}
                    assert len(journal.frame(steps[f"{thread}-{n}-same"].outputs[None])) == 50 + n


def test_threads_share_a_journal(journal: Journal) -> None:
    begin(journal, "run-1")
    threads = [
        threading.Thread(target=step, args=(journal, "run-1", f"s{n}", prices(n), Prices.__name__)) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ref.rows for one in journal.run("run-1").steps for ref in one.outputs.values()) == list(range(8))
