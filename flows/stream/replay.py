"""A captured stream again: the same rows, firing by firing, at the same moments, with the answers that were had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flows.context import RunContext
from flows.stream.firing import Fired, Graph, World
from flows.stream.held import AnsweredThen, Frames
from flows.stream.layout import Place, lay_out
from flows.stream.spool import Recorded, Spool
from tasks.connections.problems import DataProblem


class Recording:
    """Answers as the world did in one firing.

    Parameters
    ----------
    firing
        What was recorded of it.
    live
        Who performs what the firing was about to do when its process ended; None in a replay: what
        wasn't done then isn't done.
    """

    def __init__(self, firing: Recorded, live: World | None = None) -> None:
        self._firing = firing
        self._live = live

    def __call__(self, place: Place, key: str, perform: Callable[[], Frames]) -> Frames | None:
        """The recorded frames."""
        answer = self._firing.answers.get(place.name)
        if answer is None:
            return None if self._live is None else self._live(place, key, perform)
        if answer.error is not None:
            error = AnsweredThen(answer.error)
            error.is_unclear = answer.is_unclear
            raise error
        return dict(answer.frames)


def replay(context: RunContext, path: Path, seen: Callable[[Graph, Fired], None], until: int | None = None) -> Graph:
    """Fire everything that a stream's file holds.

    Parameters
    ----------
    context
        The run: the plan may be another than the captured one's, and so may its parameters; then it is a
        what-if, open-loop: the world's answers are those that were had.
    path
        The stream's file.
    seen
        Called after each firing.
    until
        The last firing to take; None: all.

    Raises
    ------
    DataProblem
        There is no such file, or nothing in it.
    """
    if not path.exists():
        raise DataProblem(f"No stream of {context.plan.name} was captured for {context.session}.")
    layout = lay_out(context.plan, context.names)
    graph = Graph(layout, replace(context, past=True), _nothing, lambda name, text: None)
    with Spool(path) as spool:
        for firing in spool.recorded():
            if until is not None and firing.number > until:
                break
            rows = {name: frame for name, frame in firing.rows.items() if name in layout.sources}
            seen(graph, graph.replay(rows, firing.time, firing.stale, Recording(firing), firing.whole))
    return graph


def _nothing(place: Place, key: str, perform: Callable[[], Frames]) -> Frames | None:
    return None
