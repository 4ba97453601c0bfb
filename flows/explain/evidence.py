"""What an explanation is made of: a tree of steps, each with the rows that count and what brought them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from flows.journal import RawMessage, RunRecord, StepRecord


@dataclass(frozen=True)
class Rows:
    """The rows of one frame that count here."""

    field: str | None
    schema: str
    frame: pd.DataFrame
    """Those rows; in the frame's order."""
    total: int
    """How many rows the whole frame has."""
    chosen: str
    """How they were chosen; empty where all are shown."""
    lost: str = ""
    """Why the frame can't be read any more; empty where it can."""


@dataclass(frozen=True)
class Evidence:
    """A step, the rows of it that count, and what they came from."""

    parameter: str | None
    """As what the step below takes it; None at the top."""
    run: RunRecord
    step: StepRecord
    rows: tuple[Rows, ...]
    con_ids: tuple[int, ...] | None = None
    """The contracts that count here, whether or not there are rows of them; None where there is no telling."""
    messages: tuple[RawMessage, ...] = ()
    """The raw messages that brought the rows, where the step talked to the world: those about these contracts, and
    those about none."""
    inputs: tuple[Evidence, ...] = ()
    remark: str = ""
    repeated: bool = False
    """The same step with the same rows stands further up, with its inputs."""


@dataclass(frozen=True)
class Explanation:
    """Where the rows of a step come from."""

    root: Evidence
    where: Mapping[str, str]
    remarks: tuple[str, ...] = ()
