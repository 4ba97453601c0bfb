"""A run as a person sees it in the terminal: steps as they go, then the frame that it yields."""

from __future__ import annotations

import threading
from typing import Any

import pandas as pd
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from flows.graph import Node
from flows.outcome import Outcome
from tasks.shown import cell as cell

MARKS = {
    "completed": "[green]✓[/]",
    "skipped": "[yellow]–[/]",
    "failed": "[red]✗[/]",
    "blocked": "[red]·[/]",
}
ROWS_SHOWN = 20


class Terminal:
    """Prints a line for each step that ends; while a long one is under way, its bar."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = 0
        self._bars: dict[str, TaskID] = {}
        self._lock = threading.Lock()
        self._progress = Progress(
            TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
        )
        self._live: Live | None = self._progress.live if console.is_terminal else None

    def started(self, nodes: list[Node]) -> None:
        self._width = max(len(node.name) for node in nodes)
        if self._live:
            self._live.start()

    def stop(self) -> None:
        """Take down what is being drawn; call it whatever became of the run."""
        if self._live:
            self._live.stop()

    def warn(self, line: str) -> None:
        """A warning from the log, among the steps' lines."""
        self._say(f"  [yellow]![/] {escape(line)}")

    def step_started(self, node: Node, attempt: int) -> None: ...

    def step_progress(self, node: Node, done: int, total: int, what: str) -> None:
        if not self._live:
            return
        with self._lock:
            if node.name not in self._bars:
                self._bars[node.name] = self._progress.add_task(f"{node.name}: {what}", total=total)
            self._progress.update(self._bars[node.name], completed=done, total=total)

    def step_note(self, node: Node, text: str) -> None: ...

    def step_retrying(self, node: Node, problem: str, delay: float) -> None:
        self._say(f"  [yellow]↻[/] {escape(node.name):<{self._width}}  {escape(problem)} Again in {delay:.1f} s.")

    def step_ended(self, node: Node, outcome: Outcome) -> None:
        with self._lock:
            if node.name in self._bars:
                self._progress.remove_task(self._bars.pop(node.name))
        rows = "" if outcome.rows is None else f"{outcome.rows:,} row{'' if outcome.rows == 1 else 's'}"
        line = f"  {MARKS[outcome.status]} {escape(f'{node.name:<{self._width}}')}  "
        if outcome.status == "completed":
            tries = f"  attempt {outcome.attempts}" if outcome.attempts > 1 else ""
            line += f"{rows:>14}  {outcome.seconds:>7.3f} s{tries}"
        else:
            line += f"{outcome.status}: {escape(outcome.reason)}"
        self._say(line)
        for note in outcome.notes:
            self._say(f"    {'':<{self._width}}  [dim]{escape(note)}[/]")

    def _say(self, line: str) -> None:
        with self._lock:
            self._console.print(line, highlight=False, soft_wrap=True)


def show_frame(console: Console, title: str, frame: pd.DataFrame) -> None:
    """Print a frame: one row as a list of its fields, more as a table of the first rows."""
    if len(frame) == 1:
        table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2))
        for column in frame.columns:
            table.add_row(f"[dim]{escape(str(column))}[/]", escape(cell(frame[column].iloc[0])))
    else:
        table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
        for column in frame.columns:
            table.add_column(str(column), justify="right" if _is_number(frame[column]) else "left")
        for row in frame.head(ROWS_SHOWN).itertuples(index=False):
            table.add_row(*(escape(cell(value)) for value in row))
    console.print(table)
    if len(frame) > ROWS_SHOWN:
        console.print(f"… {len(frame) - ROWS_SHOWN:,} more rows", style="dim")


def _is_number(series: pd.Series[Any]) -> bool:
    return series.dtype.kind in "iuf"
