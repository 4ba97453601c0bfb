"""What the journal tells of runs and their steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class FrameRef:
    """A frame in the journal."""

    id: str
    """Hash of its content."""
    schema: str
    rows: int
    origin: Mapping[str, Any] | None = None
    """Where it was read from. Of a store: store, library, symbol, version; such a frame isn't copied. Of a
    database: database, table, and who wrote its rows."""


@dataclass(frozen=True)
class Producer:
    """An output of a step of a run."""

    run: str
    step: str
    field: str | None = None


@dataclass(frozen=True)
class InputRecord:
    """A frame that a step was given."""

    parameter: str
    producer: Producer
    frame: FrameRef | None
    """None where its producer was skipped."""


@dataclass(frozen=True)
class StepRecord:
    """A step as it ran."""

    run: str
    step: str
    item: str | None
    task: str
    source_hash: str
    arguments: Mapping[str, Any]
    inputs: tuple[InputRecord, ...]
    outputs: Mapping[str | None, FrameRef]
    status: str
    """running, completed, skipped, failed or blocked."""
    seconds: float | None
    attempts: int
    error: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class RunRecord:
    """A run as it went."""

    id: str
    pipeline: str
    session: date
    slot: str
    status: str
    """running, completed, failed or crashed."""
    started: pd.Timestamp
    ended: pd.Timestamp | None
    error: str | None
    clock: str
    trigger: str
    text: str
    """The pipeline file, as it was."""
    params: Mapping[str, Any]
    desk: Mapping[str, Any]
    versions: Mapping[str, str]
    steps: tuple[StepRecord, ...] = field(default=())
    """In the order in which they began; empty in lists of runs."""

    def step(self, name: str) -> StepRecord:
        """The step of this name. Raises `KeyError`."""
        for step in self.steps:
            if step.step == name:
                return step
        raise KeyError(name)


@dataclass(frozen=True)
class RawMessage:
    """A message that came or went over a connection while a step ran."""

    connection: str
    request: int
    kind: str
    con_id: int | None
    direction: str
    time: pd.Timestamp
    payload: str
