"""From what the rules found out to the plan."""

from __future__ import annotations

import graphlib
import heapq
from collections.abc import Mapping
from pathlib import Path

from flows.check.subject import Piece, Schema, Subject, Unknown
from flows.grammar import Defaults, RetryKeys, Source, Step
from flows.plan import Condition, Edge, Plan, Port, Retry, StepPlan
from schemas.frame import Frame


def build(subject: Subject, path: Path) -> Plan:
    """The plan of a file with nothing wrong in it."""
    pieces = subject.pieces
    steps = [_step(subject, pieces[name]) for name in _sorted(pieces)]
    file = subject.file
    return Plan(
        name=path.stem,
        path=path,
        text=subject.document.text,
        file=file,
        parameters=subject.parameters,
        steps=tuple(step for step in steps if step.name in file.steps),
        sources=tuple(step for step in steps if step.name in file.stream),
        output=_port(file.output) if file.output else None,
        on_failure=_step(subject, subject.failure) if subject.failure else None,
    )


def _sorted(pieces: Mapping[str, Piece]) -> list[str]:
    """Each after those it waits for; where that leaves a choice, in the order of the file."""
    order = {name: position for position, name in enumerate(pieces)}
    names = list(pieces)
    sorter = graphlib.TopologicalSorter({name: set(piece.upstream) for name, piece in pieces.items()})
    sorter.prepare()
    found: list[str] = []
    ready: list[int] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, order[name])
        name = names[heapq.heappop(ready)]
        found.append(name)
        sorter.done(name)
    return found


def _step(subject: Subject, piece: Piece) -> StepPlan:
    keys = piece.keys
    step = keys if isinstance(keys, Step) else None
    connections = piece.task.connections if piece.task else {}
    frames = piece.task.frames if piece.task else {}
    return StepPlan(
        name=piece.name,
        line=subject.document.key(piece.location).line,
        task=piece.task,
        pipeline=piece.inlined,
        edges=tuple(
            Edge(
                name,
                port,
                frames[name].schema,
                not frames[name].optional,
                piece.unproven.get(name, ()),
                _kind(subject, port),
            )
            for name, (port, _) in piece.inputs.items()
        ),
        arguments={name: value for name, value in keys.with_.items() if name not in connections},
        each=None if step is None else tuple(step.each) if isinstance(step.each, list) else step.each,  # type: ignore[arg-type]
        connections=piece.connections,
        last={name: port for name, (port, _) in piece.last.items()},
        when=_condition(step.when) if step and step.when else None,
        after=tuple(step.after) if step else (),
        outputs={name: _known(schema) for name, schema in (piece.outputs or {}).items()},
        retry=_retry(piece, subject.file.defaults),
        timeout=None if isinstance(keys, Source) else keys.timeout or subject.file.defaults.timeout,
    )


def _kind(subject: Subject, port: Port) -> type[Frame] | None:
    producer = subject.pieces.get(port.step)
    return None if producer is None else _known((producer.outputs or {}).get(port.field))


def _known(schema: Schema) -> type[Frame] | None:
    return None if isinstance(schema, Unknown) else schema


def _port(text: str) -> Port:
    step, _, field = text.partition(".")
    return Port(step, field or None)


def _condition(text: str) -> Condition:
    name = text.removeprefix("not ").strip()
    return Condition(_port(name), has_rows=name == text)


def _retry(piece: Piece, defaults: Defaults) -> Retry:
    own: RetryKeys | None = getattr(piece.keys, "retry", None)
    if own is None and piece.task is not None and piece.task.kind != "effect":
        own = defaults.retry
    return Retry(own.times, own.delay.total_seconds(), own.backoff) if own else Retry()
