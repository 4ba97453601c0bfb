"""A stream at one moment: what every source and step held after a firing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from flows.stream.firing import Fired, Graph


class Standing(NamedTuple):
    """One source or step at that moment. Frames are replaced by a firing, never written to, so they may be shared."""

    frames: Mapping[str | None, pd.DataFrame] | None
    at: pd.Timestamp | None
    """When it last ran, or had rows."""
    firing: int
    stale: str
    failed: str
    firings: int
    rows: int
    errors: int
    quarantined: int
    lost: int

    @property
    def trouble(self) -> str:
        """Why what it yields can't be relied on; empty where it can."""
        return self.failed or self.stale


class Picture(NamedTuple):
    """All of them, after one firing."""

    number: int
    time: pd.Timestamp
    standings: Mapping[str, Standing]


def picture_of(graph: Graph, fired: Fired) -> Picture:
    """Taken by the thread that fires: microseconds, and nothing is copied."""
    held, standings = graph.held, {}
    for name, meter in graph.meters.items():
        its = held[name]
        standings[name] = Standing(
            its.frames,
            its.at,
            its.firing,
            its.stale,
            its.failed,
            meter.firings,
            meter.rows,
            meter.errors,
            meter.quarantined,
            meter.lost,
        )
    return Picture(fired.number, fired.time, standings)
