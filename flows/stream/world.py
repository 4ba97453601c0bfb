"""What a live stream asks of the world: each answer is written down, each act done once."""

from __future__ import annotations

from collections.abc import Callable

from flows.context import RunContext
from flows.execute import describe
from flows.stream.held import Frames, may_be_done
from flows.stream.layout import Place
from flows.stream.spool import Answer, Spool


class LiveWorld:
    """Performs what isn't pure.

    Parameters
    ----------
    context
        The run; its journal knows which effects have been done.
    spool
        Where answers are written; before an effect acts, what it rests on is on disk.
    """

    def __init__(self, context: RunContext, spool: Spool) -> None:
        self.number = 0
        """Of the firing under way."""
        self._context = context
        self._spool = spool

    def __call__(self, place: Place, key: str, perform: Callable[[], Frames]) -> Frames:
        """The frames of the step, after they are written down."""
        try:
            frames = self._act(place, key, perform) if key else perform()
        except Exception as error:
            self._spool.answered(
                self.number, place.name, Answer(error=describe(error), is_unclear=may_be_done(place.trades, error))
            )
            raise
        self._spool.answered(self.number, place.name, Answer(frames))
        return frames

    def _act(self, place: Place, key: str, perform: Callable[[], Frames]) -> Frames:
        journal = self._context.journal
        if (done := journal.effect(key)) is not None:
            return {name: journal.frame(ref) for name, ref in done["outputs"].items()}
        self._spool.flush()
        journal.intend(key, self._context.id, place.name)
        frames = perform()
        schemas = place.node.step.outputs
        refs = {}
        for name, frame in frames.items():
            schema = schemas.get(name)
            refs[name] = journal.put_frame(frame, schema.__name__ if schema else "")
        journal.done(key, refs)
        return frames
