"""What runs in a worker of a Dask cluster: one call of a pure task. The worker has the project's code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from typing import Any

import pandas as pd

from flows.idempotency import digest
from flows.shared_frames import Reference, SharedFrames
from tasks.connections.problems import Refused
from tasks.connections.scope import Message, Scope, entered
from tasks.declare import Task

PACKAGES = ("numpy", "pandas", "pandera", "scikit-learn")
"""Those whose version may change a number."""


_shared = SharedFrames()


class _Notes:
    """Keeps the notes of a call; how far it has come nobody asks for there."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)

    def progress(self, done: int, total: int, what: str) -> None: ...

    def message(self, message: Message) -> None: ...


def versions() -> dict[str, str]:
    """The versions of what may change a number."""
    return {name: version(name) for name in PACKAGES}


def call(
    module: str,
    name: str,
    source_hash: str,
    scope: tuple[str, str],
    values: Mapping[str, Any],
    parameters: Sequence[str],
    *frames: pd.DataFrame | Reference,
) -> tuple[Any, list[str]]:
    """Call a task.

    Parameters
    ----------
    module, name
        Where it is declared.
    source_hash
        Of its source, as the run has it.
    scope
        The run and the step.
    values
        All arguments that are no frames.
    parameters, frames
        The frames, or where they are, and the parameters that take them.

    Returns
    -------
    (Any, list of str)
        What the task returned, and its notes.

    Raises
    ------
    Refused
        This worker has another version of the task.
    Elsewhere
        It can't read a frame where it is said to be.
    Exception
        Whatever the task raises.
    """
    pd.options.mode.copy_on_write = True  # calls on one worker share its frames
    task, own = _task(module, name)
    if own != source_hash:
        raise Refused(
            f"Task `{name}` on the Dask worker is another version than the run's.",
            "Bring the workers' copy of the project up to date and start them anew.",
        )
    notes = _Notes()
    given = {parameter: _own(frame) for parameter, frame in zip(parameters, frames, strict=True)}
    with entered(Scope(*scope, listener=notes)):
        return task.function(**values, **given), notes.said


def _own(frame: pd.DataFrame | Reference) -> pd.DataFrame:
    return _shared.get(frame) if isinstance(frame, Reference) else frame.copy(deep=False)


@lru_cache(maxsize=256)
def _task(module: str, name: str) -> tuple[Task[..., Any], str]:
    task: Task[..., Any] = getattr(import_module(module), name)
    return task, digest(task.spec.source)
