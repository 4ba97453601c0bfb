"""`hedgerow approve`: the orders that wait for a person, and what the person says."""

from __future__ import annotations

import getpass
from collections.abc import Sequence

import click
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.desk import Desk, load_desk
from flows.project import FOLDER, find_root
from tasks.connections.clock import WallClock
from tasks.connections.ib.orders.halt import Halt
from tasks.connections.ib.orders.ledger import Intent, Ledger
from tasks.connections.problems import Problem


def decide(names: Sequence[str], reason: str, profile: str | None, *, reject: bool) -> None:
    """Approve or reject the orders of runs, or single ones by their references; with no names, show what waits."""
    desk = load_desk(find_root() / FOLDER, profile)
    ledger = Ledger(desk.data)
    try:
        waiting = _waiting(ledger)
        if not names:
            _show(waiting, desk)
            return
        chosen = {intent.reference: intent for name in names for intent in _of(name, waiting)}
        if not reject and (halted := Halt(desk.data).reason) is not None:
            raise Problem(
                f"Trading is halted: {halted}.", "Nothing is approved. `hedgerow resume` lets orders out again."
            )
        said = f"{getpass.getuser()} said no{f': {reason}' if reason else ''}" if reject else ""
        decided = ledger.decide(list(chosen), "rejected" if reject else "approved", said)
        for reference, intent in chosen.items():
            word = ("rejected" if reject else "approved") if reference in decided else "too late"
            click.echo(f"{word}: {intent.order}  {reference}")
        if len(decided) < len(chosen):
            raise Problem("Not all of them were still waiting: those are never sent.")
    finally:
        ledger.close()


def _waiting(ledger: Ledger) -> list[Intent]:
    now = WallClock().now().value
    return [intent for intent in ledger.intents(state="waiting") if (intent.expires or 0) > now]


def _of(name: str, waiting: Sequence[Intent]) -> list[Intent]:
    """The waiting orders of a run, or the one of a reference; each by the start of it."""
    for found in (
        [intent for intent in waiting if name in (intent.run, intent.reference)],
        [intent for intent in waiting if intent.run.startswith(name) or intent.reference.startswith(name)],
    ):
        if found:
            return found
    raise Problem(f"No order of `{name}` is waiting to be approved.", "`hedgerow approve` shows those that are.")


def _show(waiting: Sequence[Intent], desk: Desk) -> None:
    if not waiting:
        click.echo(f"desk {desk.name}: no order is waiting to be approved")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("run", "step", "order", "notional", "waits until", "reference"):
        table.add_column(column, no_wrap=True, justify="right" if column == "notional" else "left")
    for intent in waiting:
        until = pd.Timestamp(intent.expires or 0, unit="ns", tz="UTC")
        notional = "" if pd.isna(intent.notional) else f"{intent.notional:,.2f}"
        table.add_row(
            escape(intent.run), escape(intent.step), escape(str(intent.order)), notional, f"{until:%H:%M:%S} UTC",
            escape(intent.reference),
        )  # fmt: skip
    console = Console(soft_wrap=True)
    console.width = max(console.width, 160)  # a table that is cut off hides what it is for
    console.print(table)
    click.echo("`hedgerow approve RUN` or `hedgerow approve REFERENCE…`; with --reject they are never sent")
