"""Every key of the grammar is read as what it means, and as nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from flows.document import parse
from flows.grammar import DeskFile, PipelineFile
from flows.notation import SessionTime

DOCUMENTED = {
    "beta_hedge": """
        description: Hedge the book's equity beta fifteen minutes before the close.
        schedule: {calendar: XNYS, at: close - 15m}
        params:
          benchmark: SPY
          returns: {default: 252, min: 30, description: Daily returns in the regression}
        defaults: {retry: 2, timeout: 2m}
        steps:
          positions: {task: read_positions}
          prices:
            task: pull_history
            in: {universe: positions}
            with: {benchmark: $benchmark, returns: $returns}
            retry: {times: 4, delay: 15s, backoff: 2}
          exposure: {task: mark_exposure, in: [positions, quotes, betas]}
          notify: {task: send_alert, in: hedge, when: intents, with: {to: desk, title: Beta hedge $run.session}}
        output: hedge
        on_failure: {task: send_alert, with: {to: oncall, title: $run.pipeline failed}}
    """,
    "beta_hedge_live": """
        schedule: {calendar: XNYS, from: open + 5m, until: close - 15m}
        params: {benchmark: SPY, band: {default: 0.05, min: 0}}
        stream:
          positions: {task: watch_positions, keep: latest, max_age: 5m}
          quotes: {task: watch_quotes, in: {universe: positions}, keep: latest, max_age: 5s}
        steps:
          betas: {task: read_frame, with: {library: risk, symbol: betas}, schema: Betas}
          intents: {task: plan_orders, in: hedge, last: {previous: intents}, with: {cooldown: 30s}}
          save_hedge: {task: write_rows, in: hedge, every: 1m, with: {table: hedges}}
    """,
    "eod_reconcile": """
        schedule: {calendar: XNYS, at: close + 45m, missed: run}     # 13:45 on half days, silent on holidays
        steps:
          theirs: {task: read_executions, with: {session: $run.session}}
          breaks: {task: reconcile, in: [ours, theirs], last: {known: breaks}, with: {price_tolerance: 1e-6}}
    """,
    "option_firehose": """
        schedule: {calendar: XNYS, from: open - 5m, until: close + 15m}
        stream:
          trades:
            task: watch_option_trades
            keep: all
            window: {every: 500ms, rows: 20000}
            buffer: {rows: 2000000, full: block}
        steps:
          clean: {task: drop_bad_trades, in: trades}
          save_ticks: {task: write_ticks, in: clean, with: {symbol: "trades/${run.session}"}}
    """,
}


def pipeline(text: str) -> PipelineFile:
    document = parse(text, "f")
    assert document.diagnostics == ()
    return PipelineFile.model_validate(document.value)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_design_s_examples_are_of_the_grammar(name):
    assert pipeline(DOCUMENTED[name]).steps


def test_keys_hold_what_they_mean():
    hedge, live = pipeline(DOCUMENTED["beta_hedge"]), pipeline(DOCUMENTED["beta_hedge_live"])
    assert hedge.schedule.at == SessionTime("close", timedelta(minutes=-15))
    assert hedge.params["benchmark"].default == "SPY"
    assert not hedge.params["benchmark"].required
    assert (hedge.params["returns"].default, hedge.params["returns"].min) == (252, 30)
    assert hedge.defaults.retry.times == 2
    assert hedge.defaults.timeout == timedelta(minutes=2)
    assert hedge.steps["prices"].retry.delay == timedelta(seconds=15)
    assert hedge.steps["exposure"].in_ == ["positions", "quotes", "betas"]
    assert hedge.steps["notify"].with_["title"] == "Beta hedge $run.session"
    assert live.schedule.from_ == SessionTime("open", timedelta(minutes=5))
    assert live.stream["quotes"].max_age == timedelta(seconds=5)
    assert live.steps["save_hedge"].every == timedelta(minutes=1)
    firehose = pipeline(DOCUMENTED["option_firehose"]).stream["trades"]
    assert (firehose.window.every, firehose.window.rows) == (timedelta(milliseconds=500), 20000)
    assert (firehose.buffer.rows, firehose.buffer.full) == (2_000_000, "block")


@pytest.mark.parametrize(
    "schedule",
    [
        "{calendar: XNYS, at: close}",
        "{calendar: XNYS, at: open+1h30m, missed: run}",
        "{calendar: XNYS, from: open, until: close, every: 5m}",
        "{cron: 30 16 * * 1-5, timezone: America/New_York}",
        "{after: beta_hedge}",
    ],
)
def test_schedules_have_five_forms(schedule):
    assert pipeline(f"steps: {{a: {{task: b}}}}\nschedule: {schedule}").schedule


@pytest.mark.parametrize(
    "schedule",
    [
        "{}",
        "{calendar: XNYS}",
        "{at: close}",
        "{calendar: XNYS, at: close, cron: 30 16 * * 1-5}",
        "{calendar: XNYS, at: 16:10}",
        "{calendar: XNYS, at: close - 15}",
        "{calendar: XNYS, from: open, every: 5m}",
        "{cron: 30 16 * *, timezone: America/New_York}",
        "{cron: 30 16 * * 1-5}",
        "{calendar: XNYS, at: close, missed: maybe}",
    ],
)
def test_other_schedules_are_refused(schedule):
    with pytest.raises(ValidationError):
        pipeline(f"steps: {{a: {{task: b}}}}\nschedule: {schedule}")


@pytest.mark.parametrize(
    "step",
    [
        "{}",
        "{task: a, pipeline: b}",
        "{task: 5}",
        "{task: a, in: 5}",
        "{task: a, in: [b, 5]}",
        "{task: a, in: {b: [c]}}",
        "{task: a, in: $b}",
        "{task: a, in: b.c.d}",
        "{task: a, with: [b]}",
        "{task: a, when: b > 0}",
        "{task: a, after: b}",
        "{task: a, retry: true}",
        "{task: a, retry: 1.5}",
        "{task: a, retry: {times: 1, backoff: 0.5}}",
        "{task: a, timeout: 30}",
        "{task: a, timeout: $t}",
        "{task: a, each: 5}",
        "{task: a, each: [b]}",
        "{task: a, in_: b}",
        "{task: a, keep: all}",
    ],
)
def test_misshapen_steps_are_refused(step):
    with pytest.raises(ValidationError):
        pipeline(f"steps: {{one: {step}}}")


@pytest.mark.parametrize("name", ["Betas", "my-step", "1st", "a.b", "_a", "a b", "ä"])
def test_names_are_plain(name):
    for text in (f"steps: {{'{name}': {{task: a}}}}", f"steps: {{a: {{task: b}}}}\nparams: {{'{name}': 1}}"):
        with pytest.raises(ValidationError):
            pipeline(text)


def test_nothing_read_can_be_changed():
    with pytest.raises(ValidationError):
        pipeline("steps: {a: {task: b}}").description = "other"


def test_a_desk_file_has_its_own_keys():
    desk = DeskFile.model_validate({"connections": {"gateway": {"kind": "ib"}}, "orders": {"mode": "approve"}})
    assert desk.orders.mode == "approve"
    assert desk.data == ".hedgerow"
    with pytest.raises(ValidationError):
        DeskFile.model_validate({"orders": {"mode": "go"}})


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("threads", None),
        ({"dask": "tcp://10.0.0.5:8786"}, "tcp://10.0.0.5:8786"),
        ({"dask": "tls://c.desk:1"}, "tls://c.desk:1"),
    ],
)
def test_a_runner_is_threads_or_the_address_of_a_dask_cluster(written, address):
    assert PipelineFile.model_validate({"steps": {"a": {"task": "t"}}, "runner": written}).runner.dask == address


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("processes", "expected `threads`, or `{dask: tcp://host:8786}`, got text `processes`"),
        ({}, "expected `threads`, or `{dask: tcp://host:8786}`"),
        ({"dask": "10.0.0.5"}, "expected the address of a Dask scheduler such as tcp://10.0.0.5:8786"),
        ({"ray": "tcp://10.0.0.5:8786"}, "Extra inputs are not permitted"),
    ],
)
def test_any_other_runner_is_one_mistake(written, words):
    with pytest.raises(ValidationError) as told:
        PipelineFile.model_validate({"steps": {"a": {"task": "t"}}, "runner": written})
    (error,) = told.value.errors()
    assert words in error["msg"]
