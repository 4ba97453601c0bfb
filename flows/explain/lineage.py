"""From a step of a run back through its inputs to the sources, taking along only the rows that count."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from flows.document import parse
from flows.explain.evidence import Evidence, Explanation, Rows
from flows.explain.selection import Wanted, choose, narrowed, unknown_column
from flows.journal import FrameRef, Journal, Producer, RunRecord, StepRecord
from schemas.audit import Alerts, FrameCompactions, FrameSnapshots, FrameWrites, RowWrites
from schemas.frame import Frame
from tasks.connections.problems import Problem
from tasks.wording import listed

RECEIPTS = {model.__name__ for model in (Alerts, FrameCompactions, FrameSnapshots, FrameWrites, RowWrites)}
"""What effects yield: that something was done, not what it was done with."""
_WRITERS = 10
"""Runs that are followed where rows of many were read; the others are only counted."""


def explain(
    journal: Journal,
    run: str,
    step: str | None,
    where: Mapping[str, str] | None,
    schemas: Mapping[str, type[Frame]] | None = None,
) -> Explanation:
    """Where the rows of a step come from.

    Parameters
    ----------
    journal
        What happened.
    run
        A run's id, the start of it, or a pipeline's name: its latest run.
    step
        A step of it, or `step.field` for one frame of several. None: what the pipeline yields (`output:`),
        or the last step that yielded rows for others to use.
    where
        Columns and values: only such rows. Where the step's own frame has none, its rows stay whole and the
        condition narrows the first frames further up that have some.
    schemas
        By name; those of the project by default.

    Raises
    ------
    Problem
        No such run, step or column (close matches are named), a value that is none of its column's type, or
        conditions that no frame fulfils.
    """
    if schemas is None:
        from tasks.registry import catalog

        schemas = catalog().schemas
    return _Walk(journal, schemas).explanation(run, step, dict(where or {}))


class _Walk:
    def __init__(self, journal: Journal, schemas: Mapping[str, type[Frame]]) -> None:
        self.journal = journal
        self.schemas = schemas
        self.runs: dict[str, RunRecord] = {}
        self.frames: dict[str, pd.DataFrame] = {}
        self.shown: set[tuple[object, ...]] = set()
        self.columns: set[str] = set()
        self.fulfilled: set[str] = set()

    def explanation(self, run: str, step: str | None, where: dict[str, str]) -> Explanation:
        record = self.journal.run(run)
        self.runs[record.id] = record
        step = _yielding(record) if step is None else step
        name, field = _step_and_field(record, step)
        root = self.step(record.id, name, field, None, Wanted(where=where))
        for column, text in where.items():
            if column not in self.columns:
                raise unknown_column(column, self.columns, step)
            if column not in self.fulfilled:
                raise Problem(f"No row of `{step}`, nor of what it came from, has {column} = {text}.")
        remarks = [
            f"No row of {step} has {column} = {text}: its rows are shown whole, and what they came from is narrowed."
            for column, text in where.items()
            if not any(f"{column} = {text}" in rows.chosen for rows in root.rows)
        ]
        return Explanation(root, where, tuple(remarks))

    def step(
        self, run: str, name: str, field: str | None, parameter: str | None, wanted: Wanted, through: bool = False
    ) -> Evidence:
        """A step with what it came from; `through`: what is wanted is sought in its inputs, not in its own frames."""
        record = self._run(run)
        step = _found(record, name)
        rows: list[Rows] = []
        further = wanted
        read: tuple[FrameRef, Rows] | None = None
        for output, ref in step.outputs.items():
            if field is not None and output != field:
                continue
            chosen, further_here = self._chosen(output, ref, Wanted() if through else wanted)
            rows.append(chosen)
            if (len(rows) == 1 or further.rows is wanted.rows) and not through:
                further = further_here
                read = ref, chosen
        con_ids = _union(wanted.con_ids, further.con_ids)
        messages = self.journal.messages(run, name, con_ids)
        evidence = Evidence(parameter, record, step, tuple(rows), con_ids, tuple(messages), remark=_state(step))
        if self._was_shown(run, name, rows, further):
            return replace(evidence, repeated=True)
        return self._with_inputs(evidence, further, read)

    def _with_inputs(self, evidence: Evidence, wanted: Wanted, read: tuple[FrameRef, Rows] | None) -> Evidence:
        step = evidence.step
        if (doer := self._doer(step)) is not None:
            # What this run gave the step had no effect: the recorded result came from the inputs of that run.
            done = self.step(doer.run, doer.step, None, "done by", wanted)
            return replace(evidence, inputs=(done,))
        columns = {name for given in step.inputs if given.frame for name in self._columns(given.frame)}
        wanted = replace(wanted, inherited=wanted.inherited | columns)
        inputs = [
            self.step(given.producer.run, given.producer.step, given.producer.field, given.parameter, wanted)
            for given in step.inputs
        ]
        if len(inputs) > 1 and step.task == "gather":
            inputs = [one for one in inputs if any(len(rows.frame) for rows in one.rows)] or inputs
        if read is None or (origin := read[0].origin) is None:
            return replace(evidence, inputs=tuple(inputs))
        said = _place(origin)
        writers = self.journal.writers(origin, [int(row) for row in read[1].frame.index])
        if not writers:
            return replace(evidence, inputs=tuple(inputs), remark=f"{said}, which no run in this journal wrote")
        inputs += [
            self.step(writer.run, writer.step, None, "written by", wanted, through=True)
            for writer in writers[:_WRITERS]
        ]
        told = f"written by run{'' if len(writers) == 1 else 's'} {listed([one.run for one in writers], _WRITERS)}"
        return replace(evidence, inputs=tuple(inputs), remark=f"{said}, {told}")

    def _doer(self, step: StepRecord) -> Producer | None:
        """The step of an earlier run that had the effect whose result this one only repeats."""
        key = step.arguments.get("$key")
        done = self.journal.effect(key) if isinstance(key, str) else None
        if done is None or done["run"] == step.run:
            return None
        return Producer(done["run"], done["step"])

    def _chosen(self, output: str | None, ref: FrameRef, wanted: Wanted) -> tuple[Rows, Wanted]:
        model = self.schemas.get(ref.schema)
        try:
            frame = self._frame(ref)
        except Problem as problem:
            return Rows(output, ref.schema, pd.DataFrame(), ref.rows, "", lost=str(problem)), wanted
        self.columns |= set(frame.columns)
        rows, said, left = choose(frame, model, wanted)
        self.fulfilled |= set(wanted.where) - set(left)
        return Rows(output, ref.schema, rows, len(frame), said), narrowed(wanted, rows, model, left)

    def _was_shown(self, run: str, name: str, rows: list[Rows], wanted: Wanted) -> bool:
        places = tuple((one.field, tuple(one.frame.index)) for one in rows)
        sought = frozenset(wanted.con_ids) if wanted.con_ids is not None else None
        mark = (run, name, places, sought, tuple(sorted(wanted.where.items())))
        if mark in self.shown:
            return True
        self.shown.add(mark)
        return False

    def _run(self, run: str) -> RunRecord:
        if run not in self.runs:
            self.runs[run] = self.journal.run(run)
        return self.runs[run]

    def _columns(self, ref: FrameRef) -> list[str]:
        try:
            return list(self._frame(ref).columns)
        except Problem:  # told where its rows would stand
            return []

    def _frame(self, ref: FrameRef) -> pd.DataFrame:
        if ref.id not in self.frames:
            self.frames[ref.id] = self.journal.frame(ref)
        return self.frames[ref.id]


def _place(origin: Mapping[str, Any]) -> str:
    if "table" in origin:
        return f"table {origin['table']} of `{origin['database']}`"
    return f"{origin['library']}/{origin['symbol']} version {origin['version']} of `{origin['store']}`"


def _yielding(record: RunRecord) -> str:
    """The step that a run was for."""
    file = parse(record.text, record.pipeline).value
    names = {one.step for one in record.steps}
    if isinstance(file, dict) and str(file.get("output")).partition(".")[0] in names:
        return str(file["output"])
    for one in reversed(record.steps):
        if any(ref.rows and ref.schema not in RECEIPTS for ref in one.outputs.values()):
            return one.step
    raise Problem(f"No step of run {record.id} of {record.pipeline} yielded any rows.", "Name the step to explain.")


def _step_and_field(record: RunRecord, step: str) -> tuple[str, str | None]:
    names = [one.step for one in record.steps]
    if step in names:
        return step, None
    name, _, field = step.rpartition(".")
    if name in names:
        _found_field(_found(record, name), field)
        return name, field
    raise _unknown_step(record, step)


def _found(record: RunRecord, name: str) -> StepRecord:
    try:
        return record.step(name)
    except KeyError:
        raise _unknown_step(record, name) from None


def _found_field(step: StepRecord, field: str) -> None:
    fields = [name for name in step.outputs if name is not None]
    if field not in fields:
        known = f"It has {', '.join(fields)}." if fields else "It yields one frame."
        raise Problem(f"Step `{step.step}` has no frame `{field}`.", known)


def _unknown_step(record: RunRecord, name: str) -> Problem:
    names = [step.step for step in record.steps]
    close = difflib.get_close_matches(name, names, n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"It has {', '.join(names) or 'none'}."
    return Problem(f"Run {record.id} of {record.pipeline} has no step `{name}`.", hint)


def _state(step: StepRecord) -> str:
    if step.status == "completed":
        return ""
    return f"{step.status}: {step.error}" if step.error else step.status


def _union(some: set[int] | None, others: set[int] | None) -> tuple[int, ...] | None:
    if some is None and others is None:
        return None
    return tuple(sorted((some or set()) | (others or set())))
