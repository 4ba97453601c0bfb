"""What is different between two runs, and where that begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from flows.journal import FrameRef, Journal, RunRecord, StepRecord
from schemas.frame import Frame

SHOWN = 5


@dataclass(frozen=True)
class FrameDifference:
    """How one frame of a step differs."""

    field: str | None
    added: int
    """Keys that only the second run has."""
    removed: int
    changed: Mapping[str, int]
    """Rows that differ by column, among those that both have."""
    largest: Mapping[str, float]
    """Of columns of numbers: the largest change."""
    examples: tuple[str, ...]


@dataclass(frozen=True)
class StepDifference:
    """A step that isn't the same in both runs."""

    step: str
    begins: bool
    """Its inputs are the same in both: the difference comes from the step itself."""
    causes: tuple[str, ...]
    """What differs about the step itself: its values, its code, how it ended; or the inputs that differ."""
    frames: tuple[FrameDifference, ...]


@dataclass(frozen=True)
class Differences:
    """Two runs held against each other."""

    one: RunRecord
    other: RunRecord
    about: tuple[str, ...]
    """What differs about the runs as wholes: the file, parameters, packages, the session."""
    steps: tuple[StepDifference, ...]
    """In the order of the first run; those at which a difference begins first."""


def compare(journal: Journal, one: RunRecord, other: RunRecord, schemas: Mapping[str, type[Frame]]) -> Differences:
    """Hold two runs against each other.

    Parameters
    ----------
    journal
        Both are in it.
    one, other
        The runs, with their steps.
    schemas
        By name: their keys say which rows belong together.
    """
    names = list(dict.fromkeys([*(step.step for step in one.steps), *(step.step for step in other.steps)]))
    first, second = ({step.step: step for step in run.steps} for run in (one, other))
    found: list[StepDifference] = []
    differing: set[str] = set()
    for name in names:
        difference = _step(journal, name, first.get(name), second.get(name), differing, schemas)
        if difference is not None:
            found.append(difference)
            differing.add(name)
    found.sort(key=lambda difference: not difference.begins)
    return Differences(one, other, tuple(_about(one, other)), tuple(found))


def _about(one: RunRecord, other: RunRecord) -> list[str]:
    about = []
    if one.pipeline != other.pipeline:
        about.append(f"pipeline: {one.pipeline}, {other.pipeline}")
    elif one.text != other.text:
        about.append("the pipeline's file")
    if one.session != other.session:
        about.append(f"session: {one.session}, {other.session}")
    for what, mine, its in (("", one.params, other.params), ("version of ", one.versions, other.versions)):
        about += [
            f"{what}{name}: {mine.get(name, '–')}, {its.get(name, '–')}"
            for name in dict.fromkeys([*mine, *its])
            if mine.get(name) != its.get(name) and (not what or (name in mine and name in its))
        ]
    return about


def _step(
    journal: Journal,
    name: str,
    one: StepRecord | None,
    other: StepRecord | None,
    differing: set[str],
    schemas: Mapping[str, type[Frame]],
) -> StepDifference | None:
    if one is None or other is None:
        where = "second" if one is None else "first"
        return StepDifference(name, True, (f"only the {where} run has it",), ())
    frames = tuple(
        _frame(journal, field, one.outputs.get(field), other.outputs.get(field), schemas)
        for field in dict.fromkeys([*one.outputs, *other.outputs])
        if _id(one.outputs.get(field)) != _id(other.outputs.get(field))
    )
    if not frames and one.status == other.status:
        return None
    upstream = [record.producer.step for record in (*one.inputs, *other.inputs)]
    changed = [step for step in dict.fromkeys(upstream) if step in differing]
    causes = [f"`{step}` differs" for step in changed]
    own = []
    if one.arguments != other.arguments:
        keys = dict.fromkeys([*one.arguments, *other.arguments])
        own += [
            f"{key}: {one.arguments.get(key)}, {other.arguments.get(key)}"
            for key in keys
            if not key.startswith("$") and one.arguments.get(key) != other.arguments.get(key)
        ]
    if one.source_hash != other.source_hash:
        own.append("the task's code")
    if one.status != other.status:
        own.append(f"it {one.status}, it {other.status}")
    return StepDifference(name, not changed or bool(own), (*own, *causes), frames)


def _id(ref: FrameRef | None) -> str | None:
    return None if ref is None else ref.id


def _frame(
    journal: Journal,
    field: str | None,
    one: FrameRef | None,
    other: FrameRef | None,
    schemas: Mapping[str, type[Frame]],
) -> FrameDifference:
    if one is None or other is None:
        there = other if one is None else one
        rows = 0 if there is None else there.rows
        return FrameDifference(field, rows if one is None else 0, rows if other is None else 0, {}, {}, ())
    model = schemas.get(one.schema)
    key = list(model.__key__) if model is not None else []
    return difference(journal.frame(one), journal.frame(other), key, field)


def difference(one: pd.DataFrame, other: pd.DataFrame, key: list[str], field: str | None = None) -> FrameDifference:
    """How the second frame differs from the first.

    Parameters
    ----------
    one, other
        The frames.
    key
        Columns by which rows belong together; none: by their place.
    """
    key = [name for name in key if name in one and name in other]
    left, right = (_keyed(frame, key) for frame in (one, other))
    both = left.index.intersection(right.index)
    added, removed = len(right.index.difference(left.index)), len(left.index.difference(right.index))
    changed: dict[str, int] = {}
    largest: dict[str, float] = {}
    examples: list[str] = []
    for name in [column for column in left.columns if column in right.columns]:
        mine, its = left.loc[both, name], right.loc[both, name]
        is_number = mine.dtype.kind in "iuf" and its.dtype.kind in "iuf"
        if is_number:
            a, b = mine.to_numpy(dtype=float), its.to_numpy(dtype=float)
            unequal = ~((a == b) | (np.isnan(a) & np.isnan(b)))
        else:
            a, b = mine.astype(object).to_numpy(), its.astype(object).to_numpy()
            unequal = np.array([not _alike(x, y) for x, y in zip(a, b, strict=True)], dtype=bool)
        if not unequal.any():
            continue
        changed[name] = int(unequal.sum())
        if is_number:
            moved = np.abs(b[unequal] - a[unequal])
            if np.isfinite(moved).any():
                largest[name] = float(np.nanmax(moved[np.isfinite(moved)]))
        for place in np.flatnonzero(unequal)[: SHOWN - len(examples)]:
            values = both[place] if len(key) > 1 else (both[place],)
            row = ", ".join(f"{part}={_plain(value)}" for part, value in zip(key or ["row"], values, strict=True))
            examples.append(f"{row}: {name} {a[place]} → {b[place]}")
    for name in set(left.columns) ^ set(right.columns):
        changed[str(name)] = len(both)
    return FrameDifference(field, added, removed, changed, largest, tuple(examples))


def _keyed(frame: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    if not key:
        return frame.reset_index(drop=True)
    plain = frame.astype({name: object for name in key if isinstance(frame[name].dtype, pd.CategoricalDtype)})
    keyed = plain.set_index(key)
    return keyed[~keyed.index.duplicated(keep="last")]


def _plain(value: Any) -> str:
    return str(value.date()) if isinstance(value, pd.Timestamp) and value.tzinfo is None else str(value)


def _alike(one: Any, other: Any) -> bool:
    if one is other:
        return True
    missing = (pd.api.types.is_scalar(value) and pd.isna(value) for value in (one, other))
    first, second = missing
    return (first and second) or (not first and not second and bool(one == other))
