"""`hedgerow run NAME --session A..B`."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flows.backfill import SessionRun, backfill, sessions_of
from flows.commands.run import INTERRUPTED, as_object, day, prepared
from flows.logs import logged
from flows.outcome import Outcome
from flows.terminal import MARKS
from tasks.connections.problems import Problem

SPAN = ".."
_Say = Callable[[str], None]


def backfill_pipeline(
    name: str, params: list[str], *, span: str, again: int, untracked: bool, as_json: bool, profile: str | None
) -> int:
    """Run for each session of the span and show what became of it; return the exit status."""
    first, _, last = span.partition(SPAN)
    begin, end = day(first), day(last)
    if again:
        raise Problem("--again repeats effects, and a backfill has none.", "Leave it out.")
    plan, desk, parameters = prepared(name, params, profile)
    sessions = sessions_of(plan, desk, begin, end)
    console = Console(soft_wrap=True)
    shown: list[dict[str, Any]] = []
    begun = time.perf_counter()
    statuses: Counter[str] = Counter()
    stop = ""
    instructions: dict[str, None] = {}
    if not as_json:
        console.print(f"[bold]{plan.name}[/]  {escape(plan.file.description)}", highlight=False)
    with (
        _progress(console, len(sessions), silent=as_json) as (advance, say),
        logged(
            desk.data, lambda line: click.echo(line, err=True) if as_json else say(f"  [yellow]![/] {escape(line)}")
        ),
    ):
        try:
            for ended in backfill(plan, desk, parameters, sessions, untracked=untracked):
                statuses[ended.status] += 1
                stop = ended.stop
                if ended.problem is not None and ended.problem.instruction:
                    instructions[ended.problem.instruction] = None
                if as_json:
                    shown.append(_object(ended))
                else:
                    say(_line(ended))
                advance()
        except KeyboardInterrupt:
            click.echo(f"interrupted after {statuses.total()} of {len(sessions)} sessions", err=True)
            os._exit(INTERRUPTED)  # abandoned threads may still be waiting for the network
    left = sessions[statuses.total() :]
    done = statuses["completed"] == len(sessions)
    seconds = time.perf_counter() - begun
    if as_json:
        told = {
            "pipeline": plan.name,
            "sessions": [sessions[0], sessions[-1]],
            "status": "completed" if done else "failed",
            "seconds": round(seconds, 3),
            "runs": shown,
            "not_begun": left,
        }
        click.echo(json.dumps(told, default=str))
    else:
        console.print()
        for instruction in instructions:
            console.print(escape(instruction), highlight=False)
        if left:
            console.print(f"{_count(len(left))} from {left[0]} not begun: {escape(stop)}", highlight=False)
        counted = ", ".join(f"{count} {status}" for status, count in statuses.items())
        console.print(f"{_count(len(sessions))}: {counted} · {seconds:.2f} s", highlight=False)
    return 0 if done else 1


@contextmanager
def _progress(
    console: Console, total: int, *, silent: bool
) -> Iterator[tuple[Callable[[], None], Callable[[str], None]]]:
    """(advance, say): a bar under the lines, on a terminal only."""
    columns = (TextColumn("  sessions"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=silent or not console.is_terminal) as progress:
        bar = progress.add_task("", total=total)
        yield (
            lambda: progress.advance(bar),
            lambda line: progress.console.print(line, highlight=False, soft_wrap=True),
        )


def _warner(as_json: bool, say: _Say) -> _Say:
    return lambda line: click.echo(line, err=True) if as_json else say(f"  [yellow]![/] {escape(line)}")


def _line(ended: SessionRun) -> str:
    begin = f"  {MARKS.get(ended.status, '[red]✗[/]')} {ended.session}  "
    if ended.finished is None:
        return f"{begin}refused: {escape(ended.problem.reason if ended.problem else '')}"
    run = ended.finished
    told = f"{begin}{_rows(run.outcomes.values()):>14}  {run.seconds:>7.3f} s  run {run.id}"
    if run.tracked:
        told += f"  {run.tracked}"
    return told if ended.status == "completed" else f"{told}  failed: {escape(ended.reason)}"


def _rows(outcomes: Iterable[Outcome]) -> str:
    rows = sum(outcome.rows or 0 for outcome in outcomes)
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def _object(ended: SessionRun) -> dict[str, Any]:
    if ended.finished is not None:
        return as_object(ended.finished)
    return {"run": None, "session": ended.session, "status": ended.status, "reason": ended.reason}


def _count(sessions: int) -> str:
    return f"{sessions} session{'' if sessions == 1 else 's'}"
