"""Questions to the journal about runs."""

from __future__ import annotations

import difflib
import json
import sqlite3
from datetime import date
from typing import Any

import pandas as pd

from flows.journal.database import JournalDatabase
from flows.journal.records import FrameRef, InputRecord, Producer, RunRecord, StepRecord
from flows.processes import is_gone
from tasks.connections.problems import Problem


def runs(database: JournalDatabase, limit: int, pipeline: str | None) -> list[RunRecord]:
    """The latest runs, latest first, without their steps."""
    of = "" if pipeline is None else "WHERE pipeline = ?"  # one statement for both would use no index
    values = [limit] if pipeline is None else [pipeline, limit]
    rows = database.rows(f"SELECT * FROM runs {of} ORDER BY started DESC, rowid DESC LIMIT ?", values)  # noqa: S608 - our own text
    return [_run(row, ()) for row in rows]


def run(database: JournalDatabase, name: str) -> RunRecord:
    """A run with its steps, by id, the start of it, or the name of a pipeline."""
    found = database.rows("SELECT * FROM runs WHERE id = ?", [name])
    if not found and name:
        found = database.rows("SELECT * FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY started DESC", [name])
    if not found:
        found = database.rows("SELECT * FROM runs WHERE pipeline = ? ORDER BY started DESC, rowid DESC LIMIT 1", [name])
    if not found:
        raise _unknown(database, name)
    if len(found) > 1:
        several = ", ".join(f"{row['id']} ({row['pipeline']})" for row in found[:5])
        raise Problem(f"{len(found)} runs begin with `{name}`: {several}.", "Give more of the id.")
    return _run(found[0], _steps(database, found[0]["id"]))


def producer(
    database: JournalDatabase, pipeline: str, step: str, field: str | None, first: date, last: date
) -> Producer | None:
    """The latest completed run of a pipeline, in the sessions from `first` to `last`, whose step yielded this frame."""
    found = database.rows(
        "SELECT runs.id FROM runs JOIN outputs ON outputs.run = runs.id"
        " WHERE pipeline = ? AND runs.status = 'completed' AND session BETWEEN ? AND ?"
        " AND outputs.step = ? AND outputs.field = ? ORDER BY session DESC, started DESC, runs.rowid DESC LIMIT 1",
        [pipeline, first.isoformat(), last.isoformat(), step, field or ""],
    )
    return Producer(found[0]["id"], step, field) if found else None


def _unknown(database: JournalDatabase, name: str) -> Problem:
    latest = database.rows("SELECT id, pipeline FROM runs ORDER BY started DESC LIMIT 500")
    if not latest:
        return Problem(f"There is no run `{name}`: the journal at {database.folder} is empty.", "Run a pipeline first.")
    names = [row["id"] for row in latest] + list(dict.fromkeys(row["pipeline"] for row in latest))
    close = difflib.get_close_matches(name, names, n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"The latest is {latest[0]['id']}."
    return Problem(f"There is no run `{name}` in the journal at {database.folder}.", hint)


def _run(row: sqlite3.Row, steps: tuple[StepRecord, ...]) -> RunRecord:
    status, error = row["status"], row["error"]
    if status == "running" and is_gone(row["host"], row["process"]):
        status, error = "crashed", "its process is gone"
    return RunRecord(
        id=row["id"],
        pipeline=row["pipeline"],
        session=date.fromisoformat(row["session"]),
        slot=row["slot"],
        status=status,
        started=_moment(row["started"]),
        ended=None if row["ended"] is None else _moment(row["ended"]),
        error=error,
        clock=row["clock"],
        trigger=row["trigger"],
        text=row["text"],
        params=json.loads(row["params"]),
        desk=json.loads(row["desk"]),
        versions=json.loads(row["versions"]),
        steps=steps,
    )


def _moment(nanoseconds: int) -> pd.Timestamp:
    return pd.Timestamp(nanoseconds, unit="ns", tz="UTC")


def _steps(database: JournalDatabase, run_id: str) -> tuple[StepRecord, ...]:
    inputs: dict[str, list[InputRecord]] = {}
    for row in database.rows(
        "SELECT inputs.*, outputs.frame, outputs.schema, outputs.origin, frames.rows FROM inputs"
        " LEFT JOIN outputs ON outputs.run = from_run AND outputs.step = from_step AND outputs.field = from_field"
        " LEFT JOIN frames ON frames.id = outputs.frame WHERE inputs.run = ? ORDER BY inputs.rowid",
        [run_id],
    ):
        made_by = Producer(row["from_run"], row["from_step"], row["from_field"] or None)
        given = InputRecord(row["parameter"], made_by, _ref(row) if row["frame"] else None)
        inputs.setdefault(row["step"], []).append(given)
    outputs: dict[str, dict[str | None, FrameRef]] = {}
    for row in database.rows(
        "SELECT outputs.*, frames.rows FROM outputs JOIN frames ON frames.id = frame WHERE run = ?"
        " ORDER BY outputs.rowid",
        [run_id],
    ):
        outputs.setdefault(row["step"], {})[row["field"] or None] = _ref(row)
    return tuple(
        _step(row, tuple(inputs.get(row["step"], ())), outputs.get(row["step"], {}))
        for row in database.rows("SELECT * FROM steps WHERE run = ? ORDER BY position", [run_id])
    )


def _ref(row: sqlite3.Row) -> FrameRef:
    origin: dict[str, Any] | None = None if row["origin"] is None else json.loads(row["origin"])
    return FrameRef(row["frame"], row["schema"], row["rows"], origin)


def _step(row: sqlite3.Row, inputs: tuple[InputRecord, ...], outputs: dict[str | None, FrameRef]) -> StepRecord:
    return StepRecord(
        run=row["run"],
        step=row["step"],
        item=row["item"],
        task=row["task"],
        source_hash=row["source_hash"],
        arguments=json.loads(row["arguments"]),
        inputs=inputs,
        outputs=outputs,
        status=row["status"],
        seconds=row["seconds"],
        attempts=row["attempts"],
        error=row["error"],
        notes=tuple(json.loads(row["notes"])),
    )
