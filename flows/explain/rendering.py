"""Explanations to read on a screen, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from flows.explain.evidence import Evidence, Explanation, Rows
from flows.journal import RawMessage

if TYPE_CHECKING:
    from rich.console import Console

_HEAD, _TAIL = 4, 3
_MESSAGE_HEAD, _MESSAGE_TAIL = 4, 2
_WIDE = 9
"""Columns from which few rows are shown turned on their side."""
_PAYLOAD = 160
"""Characters of a message that are shown."""


def render(explanation: Explanation, console: Console) -> None:
    """Print an explanation as a tree; long listings are cut in the middle, with how much is left out."""
    from rich.tree import Tree

    tree = Tree(_headline(explanation.root), guide_style="dim")
    _fill(tree, explanation.root)
    for remark in explanation.remarks:
        console.print(remark, style="yellow", markup=False)
    console.print(tree)


def _fill(tree: Any, evidence: Evidence) -> None:
    for part in _body(evidence):
        tree.add(part)
    for given in evidence.inputs:
        _fill(tree.add(_headline(given)), given)


def _headline(evidence: Evidence) -> Any:
    from rich.text import Text

    step, text = evidence.step, Text()
    if evidence.parameter is not None:
        text.append(f"{evidence.parameter} ← ", style="dim")
    text.append(step.step, style="bold cyan")
    text.append(f"  {step.task}")
    given = ", ".join(f"{name}: {json.dumps(value)}" for name, value in step.arguments.items() if name != "key")
    if given:
        text.append(f"({given})")
    text.append(f"  {evidence.run.pipeline} {evidence.run.session} run {evidence.run.id}", style="dim")
    if evidence.remark:
        text.append(f"  {evidence.remark}", style="red" if step.status in ("failed", "blocked") else "yellow")
    if evidence.repeated:
        text.append("  as above", style="dim")
    return text


def _body(evidence: Evidence) -> Iterator[Any]:
    from rich.text import Text

    if evidence.repeated:
        return
    for note in evidence.step.notes:
        yield Text(f"“{note}”", style="yellow")
    for rows in evidence.rows:
        yield _rows(rows)
    if evidence.messages:
        yield _messages(evidence.messages)


def _rows(rows: Rows) -> Any:
    from rich.console import Group
    from rich.text import Text

    name = ".".join(part for part in (rows.field, rows.schema) if part) or "rows"
    if rows.lost:
        return Text(f"{name}: {rows.lost}", style="red")
    count = f"{len(rows.frame)} of {rows.total} rows" if len(rows.frame) != rows.total else f"{rows.total} rows"
    title = Text(f"{name}: {count}" + (f" where {rows.chosen}" if rows.chosen else ""), style="dim")
    if rows.frame.empty:
        return title
    few = len(rows.frame) <= 2 and rows.frame.shape[1] >= _WIDE
    return Group(title, _turned(rows.frame) if few else _table(rows.frame))


def _table(frame: pd.DataFrame) -> Any:
    table = _plain_table([str(name) for name in frame.columns], frame)
    cut = len(frame) > _HEAD + _TAIL + 1
    for row in frame.head(_HEAD if cut else len(frame)).itertuples(index=False, name=None):
        table.add_row(*map(_shown, row))
    if cut:
        left_out = f"… {len(frame) - _HEAD - _TAIL}"
        table.add_row(left_out, *["…"] * (frame.shape[1] - 1), style="dim")
        for row in frame.tail(_TAIL).itertuples(index=False, name=None):
            table.add_row(*map(_shown, row))
    return table


def _plain_table(names: Sequence[str], frame: pd.DataFrame) -> Any:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        right = name in frame and pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    return table


def _turned(frame: pd.DataFrame) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for name in frame.columns:
        table.add_row(Text(str(name), style="bold"), *map(_shown, frame[name]))
    return table


def _messages(messages: Sequence[RawMessage]) -> Any:
    from rich.console import Group
    from rich.text import Text

    cut = len(messages) > _MESSAGE_HEAD + _MESSAGE_TAIL + 1
    lines = [Text(f"{len(messages)} raw messages", style="dim")]
    lines += [_message(one) for one in (messages[:_MESSAGE_HEAD] if cut else messages)]
    if cut:
        lines.append(Text(f"… {len(messages) - _MESSAGE_HEAD - _MESSAGE_TAIL} more", style="dim"))
        lines += [_message(one) for one in messages[-_MESSAGE_TAIL:]]
    return Group(*lines)


def _message(message: RawMessage) -> Any:
    from rich.text import Text

    arrow = "→" if message.direction == "sent" else "←"
    about = f" con_id {message.con_id}" if message.con_id is not None else ""
    payload = message.payload.replace("\0", "|")
    if len(payload) > _PAYLOAD:
        payload = f"{payload[:_PAYLOAD]}… ({len(message.payload)} characters)"
    text = Text(f"{arrow} {message.connection} {message.kind} #{message.request}{about}  ")
    return text.append(payload, style="dim")


def _shown(value: Any) -> str:
    from rich.markup import escape

    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return "–"
    if isinstance(value, pd.Timestamp):
        plain = value == value.normalize() and value.tzinfo is None
        return f"{value:%Y-%m-%d}" if plain else f"{value:%Y-%m-%d %H:%M:%S%Z}"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e4 else f"{value:,.2f}"
    return escape(str(value))


def to_object(explanation: Explanation) -> dict[str, Any]:
    """An explanation as plain values for JSON, whole: all rows and all messages, floats exact, nulls as null."""
    return {
        "where": dict(explanation.where),
        "remarks": list(explanation.remarks),
        "step": _evidence_json(explanation.root),
    }


def _evidence_json(evidence: Evidence) -> dict[str, Any]:
    step = evidence.step
    told: dict[str, Any] = {
        "parameter": evidence.parameter,
        "run": evidence.run.id,
        "pipeline": evidence.run.pipeline,
        "session": evidence.run.session.isoformat(),
        "step": step.step,
        "task": step.task,
        "status": step.status,
        "arguments": dict(step.arguments),
        "notes": list(step.notes),
        "remark": evidence.remark,
        "frames": [_rows_json(rows) for rows in evidence.rows],
    }
    if evidence.repeated:
        return {**told, "repeated": True}
    messages = [
        {
            "connection": one.connection,
            "request": one.request,
            "kind": one.kind,
            "con_id": one.con_id,
            "direction": one.direction,
            "time": one.time.isoformat(),
            "payload": one.payload,
        }
        for one in evidence.messages
    ]
    return {**told, "messages": messages, "inputs": [_evidence_json(given) for given in evidence.inputs]}


def _rows_json(rows: Rows) -> dict[str, Any]:
    records = [
        {str(name): _plain(value) for name, value in zip(rows.frame.columns, row, strict=True)}
        for row in rows.frame.astype(object).itertuples(index=False, name=None)
    ]
    told = {"field": rows.field, "schema": rows.schema, "total": rows.total, "chosen": rows.chosen, "rows": records}
    return {**told, "lost": rows.lost} if rows.lost else told


def _plain(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat() if value.tzinfo is None and value == value.normalize() else value.isoformat()
    return value.item() if hasattr(value, "item") else str(value)
