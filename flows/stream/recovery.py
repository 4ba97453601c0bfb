"""The state of a graph on disk, and back: what a stream that was killed goes on from."""

from __future__ import annotations

from typing import Any

import pandas as pd

from flows.stream.firing import Graph, Held
from flows.stream.spool import Checkpoint, Part


def checkpoint(graph: Graph) -> Checkpoint:
    """The state of a graph between two firings."""
    parts: list[Part] = []
    state: dict[str, Any] = {}
    for name, held in graph.held.items():
        state[name] = {
            "firing": held.firing,
            "at": None if held.at is None else held.at.value,
            "failed": held.failed,
            "owed": held.owed,
            "has": held.frames is not None,
            "had": held.before is not None,
            "entered": [moment.value for moment in held.entered],
        }
        for part, frames in (("now", held.frames), ("before", held.before)):
            parts += [Part(name, part, field, 0, frame) for field, frame in (frames or {}).items()]
        for parameter, waiting in held.waiting.items():
            parts += [Part(name, f"waiting {parameter}", None, place, frame) for place, frame in enumerate(waiting)]
    return Checkpoint(graph.number, {"time": graph.clock.now().value, "held": state}, tuple(parts))


def restore(graph: Graph, kept: Checkpoint) -> None:
    """Put a graph, as it was laid out, into the state of a checkpoint; steps that are new since begin empty."""
    graph.number = kept.firing
    graph.clock.move_to(pd.Timestamp(kept.state["time"], unit="ns", tz="UTC"))
    for name, told in kept.state["held"].items():
        if (held := graph.held.get(name)) is None:
            continue
        graph.held[name] = _held(held, told)
    for part in kept.parts:
        if (held := graph.held.get(part.owner)) is None:
            continue
        if part.part == "now":
            held.frames = {**(held.frames or {}), part.field: part.frame}
        elif part.part == "before":
            held.before = {**(held.before or {}), part.field: part.frame}
        else:
            held.waiting.setdefault(part.part.removeprefix("waiting "), []).append(part.frame)
    graph.restore_tables()


def _held(held: Held, told: dict[str, Any]) -> Held:
    at = None if told["at"] is None else pd.Timestamp(told["at"], unit="ns", tz="UTC")
    return Held(
        frames={} if told["has"] else None,
        before={} if told["had"] else None,
        firing=told["firing"],
        at=at,
        failed=told["failed"],
        owed=told["owed"],
        entered=[pd.Timestamp(moment, unit="ns", tz="UTC") for moment in told["entered"]],
    )
