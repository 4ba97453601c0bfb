"""The state of a graph on disk, and back: what a stream that was killed goes on from."""

from __future__ import annotations

from typing import Any

import pandas as pd

from flows.stream.firing import Graph
from flows.stream.held import Attempt, Held
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
        if held.attempt is not None:
            inputs = held.attempt.inputs
            absent = [parameter for parameter, frame in inputs.items() if frame is None]
            state[name]["attempt"] = [held.attempt.firing, held.attempt.is_behind, absent]
            parts += [
                Part(name, f"attempt {parameter}", None, 0, frame)
                for parameter, frame in inputs.items()
                if frame is not None
            ]
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
        elif part.part.startswith("attempt "):
            if held.attempt is not None:
                held.attempt.inputs[part.part.removeprefix("attempt ")] = part.frame
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
        attempt=_attempt(told.get("attempt")),
        entered=[pd.Timestamp(moment, unit="ns", tz="UTC") for moment in told["entered"]],
    )


def _attempt(told: list[Any] | None) -> Attempt | None:
    if told is None:
        return None
    firing, is_behind, absent = told
    return Attempt(firing, dict.fromkeys(absent), is_behind)
