"""What a stream took in and what the world answered, firing by firing, on disk: for resuming and for replay.

One file a slot: a run that goes on after a crash goes on in it, and numbers its firings from where the
last one ended. A thread of its own writes; before an effect acts, what it rests on has been written.
"""

from __future__ import annotations

import json
import queue
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from flows.stream.codec import Encoder, decode
from tasks.connections.problems import ConnectionProblem, DataProblem

_TABLES = """
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS starts (firing INTEGER NOT NULL, run TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS firings (
    number INTEGER PRIMARY KEY, time INTEGER NOT NULL, stale TEXT NOT NULL, finished INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS rows (
    firing INTEGER NOT NULL, source TEXT NOT NULL, frame BLOB NOT NULL, is_all INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS rows_firing ON rows (firing);
CREATE TABLE IF NOT EXISTS answers (
    firing INTEGER NOT NULL, step TEXT NOT NULL, field TEXT, frame BLOB, error TEXT);
CREATE INDEX IF NOT EXISTS answers_firing ON answers (firing);
CREATE TABLE IF NOT EXISTS checkpoints (firing INTEGER PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS checkpoint_frames (
    firing INTEGER NOT NULL, owner TEXT NOT NULL, part TEXT NOT NULL, field TEXT, place INTEGER NOT NULL,
    frame BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine (
    firing INTEGER NOT NULL, source TEXT NOT NULL, reason TEXT NOT NULL, frame BLOB NOT NULL);
"""
_BEHIND = 10_000
"""Firings that may wait to be written; then the stream waits for the disk."""


@dataclass(frozen=True)
class Answer:
    """What a step got from the world in a firing: frames, or an error."""

    frames: Mapping[str | None, pd.DataFrame] = field(default_factory=dict)
    error: str | None = None
    is_unclear: bool = False
    """It failed, and what was to be done may have been."""


@dataclass(frozen=True)
class Recorded:
    """A firing as it was."""

    number: int
    time: pd.Timestamp
    stale: Mapping[str, str]
    rows: Mapping[str, pd.DataFrame]
    answers: Mapping[str, Answer]
    whole: frozenset[str] = frozenset()
    """Sources whose rows are all that there is."""


@dataclass(frozen=True)
class Part:
    """A frame of a checkpoint: whose, and what it is to it."""

    owner: str
    part: str
    field: str | None
    place: int
    frame: pd.DataFrame


@dataclass(frozen=True)
class Checkpoint:
    """The state of a graph after a firing."""

    firing: int
    state: Mapping[str, Any]
    parts: tuple[Part, ...]


class Spool:
    """One slot's file. Raises `ConnectionProblem` where it can't be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._encoder = Encoder()
        self._jobs: queue.Queue[tuple[Any, ...] | None] = queue.Queue(_BEHIND)
        self._written = threading.Condition()
        self._asked = 0
        self._done = 0
        self._problem: Exception | None = None
        with closing(self._connect()) as connection, connection:
            connection.executescript(_TABLES)
        self._writer = threading.Thread(target=self._write, name="stream spool", daemon=True)
        self._writer.start()

    @property
    def last(self) -> int:
        """Number of the last firing; 0 before the first."""
        (number,) = self._read("SELECT COALESCE(MAX(number), 0) FROM firings")[0]
        return int(number)

    def begin(self, run: str, firing: int, about: Mapping[str, Any]) -> None:
        """A run begins to add to it, after this firing."""
        self._put("INSERT OR IGNORE INTO starts VALUES (?, ?)", (firing, run))
        for key, value in about.items():
            self._put("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, json.dumps(value, default=str)))
        self.flush()

    def about(self) -> dict[str, Any]:
        """What was told of it when it was begun."""
        return {key: json.loads(value) for key, value in self._read("SELECT key, value FROM about")}

    def fired(
        self,
        number: int,
        time: pd.Timestamp,
        stale: Mapping[str, str],
        rows: Mapping[str, pd.DataFrame],
        whole: Collection[str] = (),
    ) -> None:
        """A firing is about to take these rows; of the sources in `whole` they are all that there is."""
        self._put(
            "INSERT OR IGNORE INTO firings (number, time, stale) VALUES (?, ?, ?)",
            (number, time.value, json.dumps(dict(stale)) if stale else "{}"),
        )
        for source, frame in rows.items():
            self._put("INSERT INTO rows VALUES (?, ?, ?, ?)", (number, source, frame, int(source in whole)))

    def answered(self, number: int, step: str, answer: Answer) -> None:
        """The world answered a step."""
        if answer.error is not None:
            told = "unclear" if answer.is_unclear else None
            self._put("INSERT INTO answers VALUES (?, ?, ?, NULL, ?)", (number, step, told, answer.error))
        for name, frame in answer.frames.items():
            self._put("INSERT INTO answers VALUES (?, ?, ?, ?, NULL)", (number, step, name, frame))
        if answer.error is None and not answer.frames:
            self._put("INSERT INTO answers VALUES (?, ?, NULL, NULL, NULL)", (number, step))

    def quarantined(self, number: int, source: str, reason: str, frame: pd.DataFrame) -> None:
        """Rows were set aside."""
        self._put("INSERT INTO quarantine VALUES (?, ?, ?, ?)", (number, source, reason, frame))

    def finished(self, number: int) -> None:
        """A firing and its effects are done."""
        self._put("UPDATE firings SET finished = 1 WHERE number = ?", (number,))

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep the state, in place of the one before."""
        number = checkpoint.firing
        self._put("DELETE FROM checkpoints", ())
        self._put("DELETE FROM checkpoint_frames", ())
        for part in checkpoint.parts:
            values = (number, part.owner, part.part, part.field, part.place, part.frame)
            self._put("INSERT INTO checkpoint_frames VALUES (?, ?, ?, ?, ?, ?)", values)
        self._put("INSERT INTO checkpoints VALUES (?, ?)", (number, json.dumps(checkpoint.state)))

    def flush(self) -> None:
        """Wait until everything told so far is on disk. Raises `ConnectionProblem` where it can't be."""
        with self._written:
            asked = self._asked
            while self._done < asked and self._problem is None:
                self._written.wait(1.0)
        self._raise_problem()

    def latest_checkpoint(self) -> Checkpoint | None:
        """The state that was kept last."""
        found = self._read("SELECT firing, state FROM checkpoints ORDER BY firing DESC LIMIT 1")
        if not found:
            return None
        number, state = found[0]
        parts = self._read(
            "SELECT owner, part, field, place, frame FROM checkpoint_frames WHERE firing = ? ORDER BY rowid", (number,)
        )
        return Checkpoint(
            number,
            json.loads(state),
            tuple(Part(owner, kind, name, place, decode(frame)) for owner, kind, name, place, frame in parts),
        )

    def recorded(self, after: int = 0) -> Iterator[Recorded]:
        """The firings after this one, in order."""
        with closing(self._connect()) as connection:
            for number, time, stale in connection.execute(
                "SELECT number, time, stale FROM firings WHERE number > ? ORDER BY number", (after,)
            ):
                rows = connection.execute(
                    "SELECT source, frame, is_all FROM rows WHERE firing = ? ORDER BY rowid", (number,)
                ).fetchall()
                frames = {source: decode(frame) for source, frame, _ in rows}
                whole = frozenset(source for source, _, is_all in rows if is_all)
                moment = pd.Timestamp(time, unit="ns", tz="UTC")
                yield Recorded(number, moment, json.loads(stale), frames, _answers(connection, number), whole)

    def set_aside(self) -> list[tuple[int, str, str, pd.DataFrame]]:
        """(firing, source, reason, rows) of all that was quarantined."""
        found = self._read("SELECT firing, source, reason, frame FROM quarantine ORDER BY rowid")
        return [(number, source, reason, decode(frame)) for number, source, reason, frame in found]

    def close(self) -> None:
        """Write what is left, and let go of the file."""
        if self._writer.is_alive():
            self._jobs.put(None)
            self._writer.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, statement: str, values: tuple[Any, ...]) -> None:
        self._raise_problem()
        with self._written:
            self._asked += 1
        self._jobs.put((statement, values))

    def _write(self) -> None:
        try:
            with closing(self._connect()) as connection:
                while (job := self._jobs.get()) is not None:
                    jobs = [job]
                    while not self._jobs.empty() and len(jobs) < 1000:
                        if (more := self._jobs.get()) is None:
                            self._jobs.put(None)
                            break
                        jobs.append(more)
                    with connection:
                        for statement, values in jobs:
                            connection.execute(statement, [self._encoded(value) for value in values])
                    self._tell(len(jobs))
        except Exception as error:
            with self._written:
                self._problem = error
                self._written.notify_all()
            while self._jobs.get() is not None:  # whoever puts must not wait for ever
                pass

    def _encoded(self, value: Any) -> Any:
        return self._encoder.encode(value) if isinstance(value, pd.DataFrame) else value

    def _tell(self, count: int) -> None:
        with self._written:
            self._done += count
            self._written.notify_all()

    def _raise_problem(self) -> None:
        if self._problem is not None:
            if isinstance(self._problem, TypeError):
                raise DataProblem(f"A frame can't be captured: {self._problem}.")
            raise ConnectionProblem(
                f"The stream can't be captured in {self.path}: {self._problem}.",
                "Look at the disk: nothing may act on what isn't written down.",
            )

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with closing(self._connect()) as connection:
            return connection.execute(query, values).fetchall()

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, timeout=30.0)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error as error:
            raise ConnectionProblem(
                f"The stream's file {self.path} can't be opened: {error}.",
                "Look at the disk and the file's permissions.",
            ) from error
        return connection


def _answers(connection: sqlite3.Connection, number: int) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    found = connection.execute(
        "SELECT step, field, frame, error FROM answers WHERE firing = ? ORDER BY rowid", (number,)
    )
    for step, name, frame, error in found:
        frames = dict(answers[step].frames) if step in answers else {}
        if frame is not None:
            frames[name] = decode(frame)
        answers[step] = Answer(frames, error, error is not None and name == "unclear")
    return answers
