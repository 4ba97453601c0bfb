"""cycle: steps that wait for each other."""

from __future__ import annotations

from collections.abc import Mapping

from flows.check.subject import Subject


def check(subject: Subject) -> None:
    """No step may come before itself. Each knot is told once, by its shortest way round, in order."""
    graph = {
        name: [other for other in piece.upstream if other in subject.pieces] for name, piece in subject.pieces.items()
    }
    told: set[str] = set()
    for name in graph:
        if name in told:
            continue
        way = _way_round(graph, name)
        if way:
            told |= _knot(graph, name)
            location = subject.pieces[name].upstream[way[-2]]
            subject.say(location, "cycle", "steps wait for each other: " + " → ".join(f"`{step}`" for step in way))


def _way_round(graph: Mapping[str, list[str]], start: str) -> list[str]:
    """The shortest way from a step back to itself, as its frames would flow; empty where there is none."""
    before: dict[str, str] = {}
    queue = [start]
    for step in queue:
        for upstream in graph[step]:
            if upstream == start:
                way = [start, step]
                while way[-1] != start:
                    way.append(before[way[-1]])
                return way
            if upstream not in before:
                before[upstream] = step
                queue.append(upstream)
    return []


def _reached(graph: Mapping[str, list[str]], start: str) -> set[str]:
    found: set[str] = set()
    queue = [start]
    for step in queue:
        new = [upstream for upstream in graph[step] if upstream not in found]
        found.update(new)
        queue += new
    return found


def _knot(graph: Mapping[str, list[str]], start: str) -> set[str]:
    """All steps that both wait for `start` and are waited for by it."""
    return {step for step in _reached(graph, start) if start in _reached(graph, step)}
