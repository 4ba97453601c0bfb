"""The streams that a desk has captured."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from flows.stream.spool import Spool
from tasks.connections.problems import DataProblem
from tasks.wording import listed


@dataclass(frozen=True)
class Capture:
    """A slot of a stream on disk."""

    path: Path
    pipeline: str
    session: date
    parameters: dict[str, Any]
    text: str
    """The pipeline's file as it was."""
    firings: int


def find_capture(data: Path, name: str, session: date | None = None) -> Capture:
    """The capture that a person means.

    Parameters
    ----------
    data
        The desk's data folder.
    name
        A pipeline, or a run's id or its beginning.
    session
        Of a pipeline: which session's; the latest when absent.

    Raises
    ------
    DataProblem
        There is none; it says which there are.
    """
    folder = data / "streams"
    of_pipeline = sorted((folder / name).glob("*.db"), key=lambda path: (path.name[:10], path.stat().st_mtime))
    if of_pipeline:
        chosen = [path for path in of_pipeline if session is None or path.name.startswith(str(session))]
        if not chosen:
            sessions = dict.fromkeys(path.name[:10] for path in of_pipeline)
            raise DataProblem(f"No stream of {name} was captured for {session}.", f"There are {listed(sessions)}.")
        return _read(chosen[-1])
    for path in sorted(folder.glob("*/*.db")):
        if any(run.startswith(name) for run in _runs(path)):
            return _read(path)
    known = sorted(path.name for path in folder.glob("*") if path.is_dir())
    raise DataProblem(
        f"Nothing captured is called {name}: no pipeline, and no run.",
        f"There are streams of {listed(known)}." if known else "No stream has run on this desk.",
    )


def _read(path: Path) -> Capture:
    with Spool(path) as spool:
        about, last = spool.about(), spool.last
    if not about:
        raise DataProblem(f"{path} holds no stream.")
    session = date.fromisoformat(about["session"])
    return Capture(path, about["pipeline"], session, about["parameters"], about["text"], last)


def _runs(path: Path) -> list[str]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return [str(run) for (run,) in connection.execute("SELECT run FROM starts")]
    except sqlite3.Error:
        return []
