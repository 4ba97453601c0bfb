"""A stream as a person sees it in the terminal: a table of its sources and steps that keeps itself up to date."""

from __future__ import annotations

import threading
import time
from collections import deque

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flows.graph import Node
from flows.outcome import Outcome
from flows.stream.firing import Fired, Graph

REFRESH = 0.25
LINES = 8
"""Of what sources and steps have said lately."""


class LiveView:
    """Draws the state of a stream; where the output is no terminal, prints what is said, line by line.

    Parameters
    ----------
    console
        Where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=False) if console.is_terminal else None
        self._said: deque[str] = deque(maxlen=LINES)
        self._drawn = 0.0
        self._drawing = threading.Lock()

    def started(self, nodes: list[Node]) -> None:
        """The run begins."""
        if self._live:
            self._live.start()

    def stop(self) -> None:
        """Leave the last picture as it is."""
        if self._live:
            self._live.stop()

    def fired(self, graph: Graph, fired: Fired) -> None:
        """Draw, if the last time is long enough ago."""
        if self._live is not None and time.monotonic() - self._drawn >= REFRESH:
            with self._drawing:
                self._live.update(Group(_table(graph, fired), *map(Text.from_markup, self._said)), refresh=True)
            self._drawn = time.monotonic()

    def told(self, name: str, text: str) -> None:
        """Something to read."""
        line = f"  [dim]{escape(name)}[/]  {escape(text)}" if name else f"  {escape(text)}"
        self._said.append(line)
        if self._live is None:
            self._console.print(line, highlight=False, soft_wrap=True)

    def warn(self, line: str) -> None:
        """A warning of the log."""
        self.told("!", line)

    def step_started(self, node: Node, attempt: int) -> None: ...
    def step_progress(self, node: Node, done: int, total: int, what: str) -> None: ...
    def step_note(self, node: Node, text: str) -> None: ...
    def step_retrying(self, node: Node, problem: str, delay: float) -> None: ...
    def step_ended(self, node: Node, outcome: Outcome) -> None: ...


def _table(graph: Graph, fired: Fired) -> Table:
    table = Table(box=None, padding=(0, 1), title_justify="left")
    table.title = f"firing {fired.number:,} at {fired.time:%Y-%m-%d %H:%M:%S}Z"
    table.add_column("")
    for name in ("rows", "total", "rows/s", "ms", "tick to here, ms", "age", "errors", "set aside", "lost"):
        table.add_column(name, justify="right")
    table.add_column("")
    for name, meter in graph.meters.items():
        held = graph.held[name]
        rows = None if held.frames is None else sum(len(frame) for frame in held.frames.values())
        age = "" if held.at is None else _span((fired.time - held.at).total_seconds())
        trouble = held.failed or held.stale
        table.add_row(
            f"[bold]{escape(name)}[/]" if name in graph.layout.sources else f"  {escape(name)}",
            "" if rows is None else f"{rows:,}",
            f"{meter.rows:,}",
            f"{meter.rate:,.0f}",
            "" if name in graph.layout.sources else f"{1e3 * meter.median:.1f}",
            f"{1e3 * meter.latency.at(0.5):.1f}" if meter.latency.recent else "",
            age,
            str(meter.errors or ""),
            str(meter.quarantined or ""),
            str(meter.lost or ""),
            f"[red]{escape(trouble.splitlines()[0][:60])}[/]" if trouble else "",
        )
    return table


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} m" if seconds < 7200 else f"{seconds / 3600:.1f} h"
