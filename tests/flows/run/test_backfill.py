"""A backfill runs each session of a span in order, over a real store, and acts on nothing."""

from __future__ import annotations

import json
import threading
from datetime import date

import pandas as pd
import pytest
from click.testing import CliRunner
from filelock import FileLock

from flows.__main__ import main
from flows.backfill import backfill, sessions_of
from flows.check import check_file, render
from flows.check.parameters import bind
from flows.desk import load_desk
from tasks.connections.arctic import FrameStore
from tasks.connections.clock import ManualClock
from tasks.connections.problems import DataProblem, Refused

DESK = "name: test\nconnections:\n  market: {kind: market}\n  frames: {kind: arctic}\n  tables: {kind: sql}\n"
SUMS = """
schedule: {calendar: XNYS, at: close - 15m}
steps:
  prices: {task: read_frame, with: {library: closes, symbol: "prices/${run.session}"}, schema: Prices}
  sums: {task: carry_on, in: prices, last: {previous: sums}}
  save: {task: write_frame, in: sums, with: {library: risk, symbol: sums}}
  note: {task: read_frame, after: [save], with: {library: closes, symbol: "prices/${run.session}"}}
"""
ONE = 'steps:\n  prices: {task: read_frame, with: {library: closes, symbol: "prices/${run.session}"}, schema: Prices}\n'


def stored(root, closes, data=".hedgerow"):
    """A store that holds one close of contract 1 for each of these sessions."""
    with FrameStore("frames", FrameStore.Settings(), root / data) as store:
        for session, close in closes.items():
            frame = pd.DataFrame(
                {
                    "con_id": [1],
                    "symbol": pd.Categorical(["S1"]),
                    "session": pd.to_datetime([session]).as_unit("ns"),
                    "close": [close],
                }
            )
            store.write("closes", f"prices/{session}", frame, {})


@pytest.fixture
def filled(project):
    """Runs a backfill of a pipeline's text over a span: what was yielded."""
    (project.root / "pipelines" / "_desk.yaml").write_text(DESK)

    def fill(name, text, first, last, untracked=True):
        desk = load_desk(project.root / "pipelines", None)
        path = project.write(name, text)
        checked = check_file(path, project.tasks, desk, project.root / "pipelines")
        assert checked.plan is not None, render(checked)
        days = sessions_of(checked.plan, desk, date.fromisoformat(first), date.fromisoformat(last))
        return list(backfill(checked.plan, desk, bind(checked.plan, {}), days, untracked=untracked))

    return fill


def test_each_session_builds_on_the_one_before_and_nothing_is_written(project, filled):
    stored(project.root, {"2022-12-22": 1.0, "2022-12-23": 10.0, "2022-12-27": 100.0})
    runs = filled("sums", SUMS, "2022-12-22", "2022-12-27")  # with a weekend and Christmas' holiday between
    assert [(run.session.day, run.status) for run in runs] == [
        (22, "completed"), (23, "completed"), (27, "completed"),
    ]  # fmt: skip
    closes = [run.finished.outcomes["sums"].frames[None]["close"].tolist() for run in runs]
    assert closes == [[1.0], [11.0], [111.0]]
    assert runs[0].finished.outcomes["save"].notes == ("not done: 2022-12-22 is past, and a past session never acts",)
    with (
        FrameStore("frames", FrameStore.Settings(), project.root / ".hedgerow") as store,
        pytest.raises(DataProblem, match="has no library `risk`"),
    ):
        store.read("risk", "sums")
    with project.journal as journal:
        assert [run.trigger for run in journal.runs()] == ["backfill"] * 3


def test_a_session_that_fails_ends_a_backfill_that_builds_on_it(project, filled):
    stored(project.root, {"2022-12-22": 1.0, "2022-12-27": 100.0})
    runs = filled("sums", SUMS, "2022-12-22", "2022-12-27")
    assert [(run.session.day, run.status) for run in runs] == [(22, "completed"), (23, "failed")]
    assert "no symbol `prices/2022-12-23`" in runs[-1].reason
    assert runs[-1].stop == "they build on it by `last:` of `sums`"


def test_a_session_that_fails_keeps_no_other_from_running_where_none_builds_on_it(project, filled):
    stored(project.root, {"2022-12-22": 1.0, "2022-12-27": 100.0})
    runs = filled("one", ONE, "2022-12-22", "2022-12-27")
    assert [run.status for run in runs] == ["completed", "failed", "completed"]


def test_what_is_only_so_now_comes_from_the_sessions_own_run_or_the_session_is_refused(project, filled, world):
    text = "steps:\n  prices: {task: read_now}\n  do: {task: act, in: prices}\n"
    world.clock = ManualClock("2022-12-27T20:45:00Z")
    own = project.run("now", text)
    world.clock = ManualClock("2022-12-28T20:45:00Z")
    calls = list(world.calls)
    runs = filled("now", text, "2022-12-23", "2022-12-27")
    assert [run.status for run in runs] == ["refused", "completed"]
    assert "`prices` can only be asked how things are now" in runs[0].reason
    again = runs[1].finished.outcomes
    assert again["prices"].frames[None].equals(own.outcomes["prices"].frames[None])
    assert again["do"].notes == (f"already done by run {own.id}: nothing was done again",)
    assert set(world.calls[len(calls) :]) <= {"open", "close"}


def test_what_needs_an_effect_that_is_not_had_is_skipped(project, filled):
    text = """
        steps:
          prices: {task: read_some}
          do: {task: act, in: prices}
          returns: {task: compute_some, in: do}
          may_do_without: {task: compute_some, in: {prices: prices, extra: do}}
        """
    (run,) = filled("effect", text, "2022-12-27", "2022-12-27")
    assert run.status == "completed"
    assert run.finished.outcomes["returns"].status == "skipped"
    assert run.finished.outcomes["returns"].reason == "`do` yielded nothing"
    assert run.finished.outcomes["may_do_without"].notes == ("alone",)


@pytest.mark.parametrize(
    ("first", "last", "kind", "words"),
    [
        ("2022-12-27", "2022-12-28", Refused, "Session 2022-12-28 is not over.*End the span at 2022-12-27"),
        ("2022-12-28", "2023-01-05", Refused, "Session 2022-12-28 is not over"),
        ("2022-12-24", "2022-12-26", DataProblem, "XNYS has no session from 2022-12-24 to 2022-12-26"),
        ("2022-12-27", "2022-12-23", DataProblem, "ends before it begins"),
    ],
)
def test_a_span_that_cannot_be_is_refused(filled, first, last, kind, words):
    with pytest.raises(kind, match=words):
        filled("one", "steps:\n  prices: {task: read_some}\n", first, last)


def test_the_session_that_has_just_closed_is_over_and_is_run_without_acting(filled, world):
    world.clock = ManualClock("2022-12-28T21:00:00Z")
    text = "steps:\n  prices: {task: read_some}\n  do: {task: act, in: prices}\n"
    (run,) = filled("book", text, "2022-12-28", "2022-12-28")
    assert run.status == "completed"
    assert not any(call.startswith("act") for call in world.calls)


def test_sessions_are_those_of_the_schedules_calendar(filled):
    text = "schedule: {calendar: XTKS, at: close}\nsteps:\n  prices: {task: read_some}\n"
    # Tokyo trades on 26 December, when New York keeps Christmas.
    assert [run.session.day for run in filled("tokyo", text, "2022-12-23", "2022-12-27")] == [23, 26, 27]


def test_two_backfills_of_a_pipeline_at_once_are_refused(project, filled):
    folder = project.root / ".hedgerow" / "locks"
    folder.mkdir(parents=True)
    with FileLock(folder / "one.backfill.lock"), pytest.raises(Refused, match="Another backfill of one is under way"):
        filled("one", "steps:\n  prices: {task: read_some}\n", "2022-12-27", "2022-12-27")


def test_a_backfill_and_a_run_of_the_day_do_not_keep_each_other_out(project, filled, world):
    world.release = threading.Event()
    text = "steps:\n  prices: {task: read_some}\n  slow: {task: wait_long, in: prices}\n"
    done = []
    today = threading.Thread(target=lambda: done.append(project.run("slow", text)))
    today.start()
    try:
        while "read_some" not in world.calls:
            today.join(0.01)
        other = text.replace("wait_long", "carry_on")
        assert [run.status for run in filled("slow", other, "2022-12-27", "2022-12-27")] == ["completed"]
    finally:
        world.release.set()
        today.join(10)
    assert done[0].status == "completed"


def test_where_prefect_is_configured_each_session_is_a_flow_run_with_a_tag(filled, tracked):
    runs = filled("tracked_fill", "steps:\n  prices: {task: read_some}\n", "2022-12-23", "2022-12-27", untracked=False)
    assert [run.status for run in runs] == ["completed", "completed"]
    flow_runs = tracked("flow_runs", {"flows": {"name": {"any_": ["tracked_fill"]}}, "sort": "START_TIME_ASC"})
    assert [run["name"] for run in flow_runs] == ["tracked_fill 2022-12-23", "tracked_fill 2022-12-27"]
    assert [run["tags"] for run in flow_runs] == [["backfill"], ["backfill"]]
    assert [run.finished.tracked.rpartition("/")[2] for run in runs] == [run["id"] for run in flow_runs]


def test_a_prefect_that_is_away_is_told_once(filled, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    (run,) = filled("away", "steps:\n  prices: {task: read_some}\n", "2022-12-20", "2022-12-27", untracked=False)
    assert run.status == "refused"
    assert "doesn't answer" in run.reason
    assert run.stop == "it would be the same for them"


@pytest.fixture
def command(tmp_path, monkeypatch):
    """`hedgerow` in a project with a store and no broker."""
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "_desk.yaml").write_text("connections:\n  frames: {kind: arctic}\n")
    (tmp_path / "pipelines" / "one.yaml").write_text(ONE)
    monkeypatch.setenv("HEDGEROW_PROJECT", str(tmp_path))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    stored(tmp_path, {"2022-12-22": 1.0, "2022-12-27": 100.0})
    return lambda *arguments: CliRunner().invoke(main, ["run", "one", "--session", *arguments])


def test_the_command_tells_of_each_session_and_exits_1_where_one_did_not_complete(command):
    done = command("2022-12-22..2022-12-27")
    assert done.exit_code == 1, done.output
    lines = [line.split() for line in done.output.splitlines() if line.startswith("  ")]
    assert [line[:2] for line in lines] == [["✓", "2022-12-22"], ["✗", "2022-12-23"], ["✓", "2022-12-27"]]
    assert "Library `closes` of `frames` has no symbol `prices/2022-12-23`" in done.output
    assert "3 sessions: 2 completed, 1 failed" in done.output
    assert command("2022-12-22..2022-12-22").exit_code == 0


def test_json_is_one_object_with_a_run_for_each_session(command):
    done = command("2022-12-22..2022-12-27", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["sessions"] == ["2022-12-22", "2022-12-27"]
    assert told["status"] == "failed"
    assert [(run["session"], run["status"]) for run in told["runs"]] == [
        ("2022-12-22", "completed"), ("2022-12-23", "failed"), ("2022-12-27", "completed"),
    ]  # fmt: skip
    assert told["runs"][2]["steps"]["prices"]["frame"][0]["close"] == 100.0


def test_a_slip_of_the_hand_is_said_in_a_sentence(command):
    assert "--session 2022-12-32 is no date" in command("2022-12-22..2022-12-32").output
    assert (
        "--again repeats effects, and a backfill has none" in command("2022-12-22..2022-12-27", "--again", "1").output
    )
