"""What a stream refuses at run time, its file is refused for before; what means nothing in it is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.check import Checked, check_file, render
from flows.desk import load_desk
from tasks.registry import catalog

ROOT = Path(__file__).parents[2]
ERRORS = ROOT / "tests" / "errors"
Check = Callable[..., Checked]

LIVE = """
schedule: {calendar: XNYS, from: open + 5m, until: close - 15m}
stream:
  positions: {task: watch_positions, keep: latest, max_age: 5m}
  quotes: {task: watch_quotes, in: {universe: positions}, keep: latest, max_age: 15s}
steps:
  betas: {task: read_frame, with: {library: risk, symbol: betas}, schema: Betas}
  exposure: {task: mark_exposure, in: [positions, quotes, betas]}
  hedge: {task: size_hedge, in: [exposure, quotes], with: {instrument: SPY}}
output: hedge
"""


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(text: str, **others: str) -> Checked:
        for name, other in {"trial": text, **others}.items():
            (tmp_path / f"{name}.yaml").write_text(other)
        return check_file(tmp_path / "trial.yaml", catalog(), load_desk(ERRORS), tmp_path)

    return run


def told(result: Checked) -> list[tuple[str, str, str]]:
    return [
        (one.code, one.severity, result.document.line(one.span.line)[one.span.column - 1 :])
        for one in result.diagnostics
    ]


def test_a_right_stream_has_nothing_said_of_it(check: Check) -> None:
    assert render(check(LIVE)) == ""


@pytest.mark.parametrize(
    ("old", "new", "code", "severity", "place"),
    [
        ("output: hedge", "runner: {dask: tcp://10.0.0.5:8786}\noutput: hedge", "misplaced-key", "error", "runner"),
        ("output: hedge", "defaults: {retry: 2}\noutput: hedge", "misplaced-key", "note", "retry"),
        ("[exposure, quotes],", "[exposure, quotes], retry: 2,", "misplaced-key", "note", "retry"),
        ("output: hedge", "output: quotes", "no-output", "error", "quotes"),
        ("max_age: 5m", "max_age: 0s", "bad-interval", "error", "0s"),
        ("{universe: positions}, keep: latest", "{universe: positions}, keep: 0s", "bad-interval", "error", "0s"),
        ("schema: Betas}", "schema: Betas, timeout: 0s}", "bad-interval", "error", "0s"),
        ("schema: Betas}", "schema: Betas, max_age: 1h}", "bad-max-age", "error", "1h"),
        ("from: open + 5m, until: close - 15m", "at: open", "endless-stream", "note", "at"),
        ("from: open + 5m, until: close - 15m", "from: open, until: close, every: 5m", "bad-interval", "error", "5m"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_at_its_place(
    check: Check, old: str, new: str, code: str, severity: str, place: str
) -> None:
    assert LIVE.count(old) == 1
    found = told(check(LIVE.replace(old, new)))
    assert [one[:2] for one in found if one[0] != "unused-step"] == [(code, severity)]
    assert any(text.startswith(place) for _, _, text in found)


def test_a_step_is_made_often_enough_for_whoever_asks_how_old_it_is(check: Check) -> None:
    slow = LIVE.replace("[positions, quotes, betas]", "[positions, quotes, betas], every: {}").replace(
        "{instrument: SPY}", "{instrument: SPY}, max_age: 30s"
    )
    assert told(check(slow.replace("{}", "30s"))) == []
    assert [one[0] for one in told(check(slow.replace("{}", "31s")))] == ["bad-max-age"]


def test_a_step_that_nothing_feeds_may_grow_old_where_it_is_made_anew(check: Check) -> None:
    aged = LIVE.replace("[positions, quotes, betas]", "[positions, quotes, betas], max_age: 1h")
    assert [one[0] for one in told(check(aged))] == ["bad-max-age"]
    assert told(check(aged.replace("schema: Betas", "schema: Betas, every: 30m"))) == []


def test_what_a_source_begins_with_is_of_its_schema(check: Check) -> None:
    begun = LIVE.replace("{universe: positions}, keep: latest", "{universe: positions}, keep: latest, begin: held")
    held = "steps:\n  held: {task: read_rows, with: {table: x}%s}"
    good = check(begun.replace("steps:", held % ", schema: Quotes"))
    assert render(good) == ""
    assert [one[0] for one in told(check(begun.replace("steps:", held % "")))] == ["untyped-frame"]
    (mismatch,) = check(begun.replace("steps:", held % ", schema: Returns")).diagnostics
    assert (mismatch.code, mismatch.span.line) == ("schema-mismatch", 5)
    assert mismatch.message.startswith("source `quotes` has rows of Quotes, but `held` is Returns: ")


def test_a_window_may_be_as_large_as_its_buffer_and_no_larger(check: Check) -> None:
    text = """
stream:
  positions: {task: watch_positions, keep: latest}
  trades: {task: watch_trades, in: {universe: positions}, window: {rows: %s}%s}
steps:
  save: {task: write_rows, in: trades, with: {table: trades}}
"""
    assert told(check(text % (100, ", buffer: {rows: 100}"))) == []
    assert [one[0] for one in told(check(text % (101, ", buffer: {rows: 100}")))] == ["bad-window"]
    assert told(check(text % (1_000_000, ""))) == []
    assert [one[0] for one in told(check(text % (1_000_001, "")))] == ["bad-window"]


@pytest.mark.parametrize("key", ["every: 5m", "max_age: 1h", "retry: 2", "timeout: 5s", "last: {known: betas}"])
def test_a_step_that_stands_for_a_pipeline_has_no_keys_that_only_a_task_has(check: Check, key: str) -> None:
    inner = "steps: {held: {task: read_positions}}\noutput: held"
    outer = "steps:\n  betas: {pipeline: inner, %s}\noutput: betas"
    (one,) = told(check(outer % key, inner=inner))
    assert one[:2] == ("misplaced-key", "error")
    assert one[2].startswith(key.partition(":")[0])


def test_an_item_of_each_stands_once(check: Check) -> None:
    text = """
params: {symbols: [SPY]}
steps:
  returns: {task: read_rows, with: {table: returns}, schema: Returns}
  betas: {task: regress_betas, in: returns, each: {benchmark: [SPY, QQQ, SPY]}}
"""
    repeated = [one for one in check(text).diagnostics if "twice" in one.message]
    assert [(one.code, one.message) for one in repeated] == [
        ("each-key", "`SPY` stands here twice, first at line 5"),
    ]
    assert repeated[0].span.column == text.splitlines()[4].rindex("SPY") + 1


def test_of_a_step_that_nothing_takes_a_note_is_made_but_not_in_a_file_that_is_being_written(check: Check) -> None:
    draft = "steps:\n  positions: {task: read_positions}\n  prices: {task: pull_history, in: {universe: positions}}\n"
    assert told(check(draft)) == []
    assert [one[:2] for one in told(check(draft + "output: positions"))] == [("unused-step", "note")]
    assert told(check(draft + "output: prices")) == []
