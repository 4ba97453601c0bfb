"""Explanations to read on a screen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flows.explain.evidence import Evidence, Explanation, Rows
from flows.explain.tables import table_of
from flows.journal import RawMessage

if TYPE_CHECKING:
    from rich.console import Console

_INDENT = 4
_MESSAGES = 6
_PAYLOAD = 160
"""Characters of a message that are shown."""


def render(explanation: Explanation, console: Console) -> None:
    """Print an explanation as a tree; long listings are cut, with how much is left out."""
    from rich.tree import Tree

    root = explanation.root
    tree = Tree(_headline(root, None), guide_style="dim")
    _fill(tree, root, console.width - _INDENT)
    for remark in explanation.remarks:
        console.print(remark, style="yellow", markup=False)
    console.print(tree)


def _fill(tree: Any, evidence: Evidence, width: int) -> None:
    for part in _body(evidence, width):
        tree.add(part)
    for given in evidence.inputs:
        _fill(tree.add(_headline(given, evidence)), given, width - _INDENT)


def _headline(evidence: Evidence, below: Evidence | None) -> Any:
    from rich.text import Text

    step, run, text = evidence.step, evidence.run, Text()
    if evidence.parameter is not None:
        text.append(f"{evidence.parameter} ← ", style="dim")
    text.append(step.step, style="bold cyan")
    given = ", ".join(f"{name}: {json.dumps(value)}" for name, value in step.arguments.items() if name != "$key")
    text.append(f"  {step.task}" + (f"({given})" if given else ""))
    if below is None or below.run.id != run.id:
        text.append(f"  run {run.id} of {run.pipeline}, session {run.session}", style="dim")
    if evidence.remark:
        text.append(f"  {evidence.remark}", style="red" if step.status in ("failed", "blocked") else "yellow")
    if evidence.repeated:
        text.append("  as above", style="dim")
    return text


def _body(evidence: Evidence, width: int) -> Iterator[Any]:
    from rich.text import Text

    if evidence.repeated:
        return
    for note in evidence.step.notes:
        yield Text(f"“{note}”", style="yellow")
    for rows in evidence.rows:
        yield _rows(rows, width)
    if evidence.messages:
        yield _messages(evidence.messages, evidence.con_ids)


def _rows(rows: Rows, width: int) -> Any:
    from rich.console import Group
    from rich.text import Text

    name = ".".join(part for part in (rows.field, rows.schema) if part) or "rows"
    if rows.lost:
        return Text(f"{name}: {rows.lost}", style="red")
    count = f"{len(rows.frame)} of {rows.total}" if len(rows.frame) != rows.total else f"{rows.total}"
    noun = "row" if rows.total == 1 else "rows"
    title = Text(f"{name}: {count} {noun}" + (f" where {rows.chosen}" if rows.chosen else ""), style="dim")
    return title if rows.frame.empty else Group(title, table_of(rows.frame, width))


def _messages(messages: Sequence[RawMessage], con_ids: Sequence[int] | None) -> Any:
    """The messages, or the first of those that name the contracts where there are many."""
    from rich.console import Group
    from rich.text import Text

    chosen = list(messages)
    if len(messages) > _MESSAGES and con_ids is not None:
        names = {str(con_id) for con_id in con_ids}
        chosen = [one for one in messages if one.con_id in con_ids or names & set(one.payload.split("\0"))] or chosen
    lines = [Text(f"{len(messages)} raw message{'s' if len(messages) > 1 else ''}", style="dim")]
    lines += [_message(one) for one in chosen[:_MESSAGES]]
    if (more := len(messages) - len(lines) + 1) > 0:
        lines.append(Text(f"… {more} more", style="dim"))
    return Group(*lines)


def _message(message: RawMessage) -> Any:
    from rich.text import Text

    arrow = "→" if message.direction == "sent" else "←"
    about = f" con_id {message.con_id}" if message.con_id is not None else ""
    payload = message.payload.replace("\0", "|")
    if len(payload) > _PAYLOAD:
        payload = f"{payload[:_PAYLOAD]}… ({len(message.payload):,} characters)"
    text = Text(f"{arrow} {message.connection} {message.kind} #{message.request}{about}  ")
    return text.append(payload, style="dim")
