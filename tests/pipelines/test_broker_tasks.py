"""Every task on the broker in a pipeline: each is checked in a file of its own, and they run together."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from flows.check import check_file, render
from flows.desk import load_desk
from tasks.registry import catalog

ROOT = Path(__file__).resolve().parents[2]

STEPS = {
    "read_accounts": "{task: read_accounts}",
    "read_account_summary": "{task: read_account_summary, with: {accounts: [DU1234567]}}",
    "read_account_values": "{task: read_account_values, with: {model: Growth}}",
    "read_portfolio": "{task: read_portfolio}",
    "read_account_pnl": "{task: read_account_pnl}",
    "read_position_pnl": "{task: read_position_pnl, in: held}",
    "read_contract_details": "{task: read_contract_details, in: held}",
    "find_contracts": "{task: find_contracts, with: {symbols: [AAPL, KO], security_type: STK}}",
    "find_symbols": "{task: find_symbols, with: {pattern: AAP}}",
    "read_option_chains": "{task: read_option_chains, in: held, with: {exchange: SMART}}",
    "find_options": "{task: find_options, in: {universe: held, quotes: priced}, with: {days: 7, right: C}}",
    "read_option_computations": "{task: read_option_computations, in: held, with: {timeout: 5s}}",
    "pull_bars": "{task: pull_bars, in: held, with: {size: 5 mins, sessions: 2, what: MIDPOINT, regular_hours: false}}",
    "pull_daily_bars": "{task: pull_daily_bars, in: held, with: {size: 1 week, count: 52}}",
    "pull_trades": "{task: pull_trades, in: held, with: {last: 1m, limit: 5000}}",
    "pull_bid_asks": "{task: pull_bid_asks, in: held, with: {last: 30s}}",
    "pull_midpoints": "{task: pull_midpoints, in: held}",
    "read_news_providers": "{task: read_news_providers}",
    "pull_headlines": "{task: pull_headlines, in: held, with: {last: 2d, providers: [SIM]}}",
    "pull_articles": "{task: pull_articles, in: news}",
    "read_connection_events": "{task: read_connection_events}",
    "read_broker_messages": "{task: read_broker_messages}",
    "read_requests": "{task: read_requests}",
}
SOURCES = {
    "watch_positions": "{task: watch_positions, keep: latest, max_age: 5m}",
    "watch_quotes": "{task: watch_quotes, in: {universe: held}, with: {benchmark: SPY}, keep: latest, max_age: 5s}",
    "watch_account_summary": "{task: watch_account_summary, keep: latest}",
    "watch_account_values": "{task: watch_account_values, keep: latest}",
    "watch_portfolio": "{task: watch_portfolio, with: {account: DU1234567}, keep: latest}",
    "watch_account_pnl": "{task: watch_account_pnl, keep: latest}",
    "watch_position_pnl": "{task: watch_position_pnl, in: held, keep: latest}",
    "watch_ticks": "{task: watch_ticks, in: held, with: {generic: [106, 165]}, keep: 1m}",
    "watch_trades": "{task: watch_trades, in: held, keep: all, buffer: {rows: 100000, full: block}}",
    "watch_bid_asks": "{task: watch_bid_asks, in: held, keep: all, window: {every: 500ms}}",
    "watch_midpoints": "{task: watch_midpoints, in: held}",
    "watch_bars": "{task: watch_bars, in: held, with: {size: 5 mins, running: true}, keep: latest}",
    "watch_real_time_bars": "{task: watch_real_time_bars, in: held, keep: all}",
    "watch_option_computations": "{task: watch_option_computations, in: held, keep: latest}",
    "watch_headlines": "{task: watch_headlines, in: held, with: {providers: [SIM]}, begin: news}",
    "watch_bulletins": "{task: watch_bulletins}",
    "watch_connection_events": "{task: watch_connection_events}",
    "watch_broker_messages": "{task: watch_broker_messages}",
}
OTHERS = {
    "steps": """\
        held: {task: read_positions}
        priced: {task: read_quotes, in: held}
        news: {task: pull_headlines, in: held}
    """,
}
MODULES = (
    *("accounts", "account_streams", "bars", "bar_streams", "chains", "connection_events", "news", "options"),
    *("positions", "quotes", "reference", "ticks", "trades"),
)
"""Of tasks/: what reads or follows the broker's tables."""


def pipeline(name: str) -> str:
    """A file with what the task needs, and the task."""
    steps = dedent(OTHERS["steps"])
    stream = ""
    if name in STEPS:
        steps += f"it: {STEPS[name]}\n"
    else:
        stream = f"it: {SOURCES[name]}\n"
        steps += "kept: {task: write_rows, in: it, with: {table: kept}}\n"
    sections = {"stream": stream, "steps": steps}
    return "".join(
        f"{key}:\n" + "".join(f"  {line}\n" for line in text.splitlines()) for key, text in sections.items() if text
    )


@pytest.mark.parametrize("name", [*STEPS, *SOURCES])
def test_a_pipeline_with_it_is_checked_and_found_right(name: str, tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(pipeline(name))
    checked = check_file(path, catalog(), load_desk(ROOT / "pipelines"))
    assert checked.plan is not None, render(checked)
    assert not checked.errors


def test_none_is_left_out() -> None:
    modules = {f"tasks.{name}" for name in MODULES}
    found = {name for name, spec in catalog().tasks.items() if spec.function.__module__ in modules}
    assert found - {"read_positions", "read_quotes"} == STEPS.keys() | SOURCES.keys()


def test_each_says_in_a_line_what_it_does() -> None:
    for name in (*STEPS, *SOURCES):
        summary = catalog().tasks[name].summary
        assert summary.endswith("."), name
        assert len(summary) < 120, name


def test_a_batch_of_them_runs_and_its_frames_can_be_kept(hedgerow) -> None:
    """Over the real client: each frame is held against its schema, kept in the journal and written to a table."""
    lines = [
        "steps:",
        "  held: {task: read_positions, with: {accounts: [DU1234567]}}",
        "  priced: {task: read_quotes, in: held}",
    ]
    lines += ["  news: {task: pull_headlines, in: held, with: {last: 2d, limit: 2}}"]
    for name, step in STEPS.items():
        lines.append(f"  {name}: {step}")
        lines.append(f"  keep_{name}: {{task: write_rows, in: {name}, with: {{table: {name}}}}}")
    (hedgerow.root / "pipelines" / "everything.yaml").write_text("\n".join(lines) + "\n")
    done = hedgerow.json("run", "everything")
    assert done["status"] == "completed", done
    rows = {name: done["steps"][name]["rows"] for name in STEPS}
    assert {name for name, count in rows.items() if count == 0} <= {"read_option_computations"}, rows
