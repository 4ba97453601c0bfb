"""The page's table of sources and steps: how much each has done, how fast, and what is wrong with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
import pandas as pd

from flows.stream.firing import Graph
from flows.stream.page.columns import Array, Kind
from flows.stream.page.picture import Picture, Standing

SPAN = 10.0
"""Seconds over which rates are told."""
KINDS: dict[str, Kind] = {
    "step": "string",
    "is": "string",
    "rows": "integer",
    "total": "integer",
    "rows/s": "float",
    "ms": "float",
    "slowest ms": "float",
    "age": "integer",
    "firings": "integer",
    "errors": "integer",
    "set aside": "integer",
    "lost": "integer",
    "state": "string",
    "since": "string",
}


class MeterTable:
    """Rates and ages from one picture to the next."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def columns(
        self,
        graph: Graph,
        picture: Picture,
        now: pd.Timestamp,
        monotonic: float,
        troubled: Mapping[str, pd.Timestamp],
    ) -> dict[str, Array]:
        """Its rows.

        Parameters
        ----------
        graph
            Whose meters have the times that firings took.
        picture
            The counts.
        now
            By the run's clock.
        monotonic
            Now, in seconds.
        troubled
            Since when each that isn't well isn't.
        """
        rows = []
        for name, its in picture.standings.items():
            taken = sorted(graph.meters[name].recent)  # in one piece: the firing thread appends to it
            is_source = name in graph.layout.sources
            since = troubled.get(name)
            rows.append(
                (
                    name,
                    "source" if is_source else "step",
                    np.nan if its.frames is None else sum(map(len, its.frames.values())),
                    its.rows,
                    round(self._rate(name, its.rows, monotonic), 1),
                    np.nan if is_source or not taken else round(1e3 * taken[len(taken) // 2], 2),
                    np.nan if is_source or not taken else round(1e3 * taken[-1], 1),
                    np.nan if its.at is None else max(0, int((now - its.at).total_seconds())),
                    its.firings,
                    its.errors,
                    its.quarantined,
                    its.lost,
                    its.trouble.splitlines()[0]
                    if its.trouble
                    else ""
                    if its.frames is not None or its.firings
                    else "waiting",
                    "" if since is None else f"{since:%H:%M:%S}Z",
                )
            )
        return {
            name: np.array(values, dtype=object if kind == "string" else np.float64)
            for (name, kind), values in zip(KINDS.items(), zip(*rows, strict=True), strict=True)
        }

    def _rate(self, name: str, rows: int, monotonic: float) -> float:
        seen = self._seen.setdefault(name, deque())
        seen.append((monotonic, rows))
        while monotonic - seen[0][0] > SPAN and len(seen) > 2:
            seen.popleft()
        seconds = seen[-1][0] - seen[0][0]
        return (seen[-1][1] - seen[0][1]) / seconds if seconds > 0 else 0.0


def _state(its: Standing) -> str:
    if its.trouble:
        return its.trouble.splitlines()[0]
    return "" if its.frames is not None or its.firings else "waiting"
