"""Explanations as plain values, for JSON."""

from __future__ import annotations

from typing import Any

import pandas as pd

from flows.explain.evidence import Evidence, Explanation, Rows


def to_object(explanation: Explanation) -> dict[str, Any]:
    """An explanation as plain values for JSON, whole: all rows and all messages, floats exact, nulls as null."""
    return {
        "where": dict(explanation.where),
        "remarks": list(explanation.remarks),
        "step": _evidence(explanation.root),
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
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
        "frames": [_rows(rows) for rows in evidence.rows],
    }
    if evidence.repeated:
        return {**told, "repeated": True}
    messages = [{**vars(one), "time": one.time.isoformat()} for one in evidence.messages]
    return {**told, "messages": messages, "inputs": [_evidence(given) for given in evidence.inputs]}


def _rows(rows: Rows) -> dict[str, Any]:
    names = [str(name) for name in rows.frame.columns]
    records = [
        dict(zip(names, map(_plain, row), strict=True))
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
