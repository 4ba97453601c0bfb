"""The journal: what each run was given, did, and yielded. Only added to, but for frames that expire."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from flows.journal import messages, queries, writers
from flows.journal.database import JournalDatabase, insert
from flows.journal.kept import KeptFrames, ReadOrigin
from flows.journal.records import FrameRef, Producer, RawMessage, RunRecord
from flows.journal.retention import Expired, Retention
from tasks.connections.scope import Message

_FLUSH_AT = 500
"""Messages of a step that are held in memory before they are written."""


class Journal:
    """The journal of a desk: a SQLite database, and an ArcticDB library for large frames, under `<data>/journal`.

    Threads and processes may use it at once. Making one costs nothing: it is opened at first use.

    Parameters
    ----------
    folder
        The desk's data folder.
    read_origin
        Reads a frame that is kept by reference, given its origin (store, library, symbol, version).
        Where absent, such frames can't be read back.
    row_versions
        Tells, given such an origin, which version of the symbol brought each row; None where all came at once.
    """

    def __init__(
        self, folder: Path, read_origin: ReadOrigin | None = None, row_versions: writers.RowVersions | None = None
    ) -> None:
        self.folder = folder / "journal"
        self._database = JournalDatabase(self.folder)
        self._frames = KeptFrames(self.folder, self._database, read_origin)
        self._row_versions = row_versions
        self._lock = threading.Lock()
        self._messages: dict[tuple[str, str], list[Message]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is held in memory and close."""
        with self._lock:
            held = [key for key, some in self._messages.items() if some]
        for run, step in held:
            self._flush(run, step)
        self._frames.close()
        self._database.close()

    def begin_run(
        self,
        *,
        run: str,
        pipeline: str,
        text: str,
        params: Mapping[str, Any],
        desk: Mapping[str, Any],
        session: date,
        slot: str,
        clock: str,
        trigger: str,
        started: pd.Timestamp,
        versions: Mapping[str, str],
    ) -> None:
        """A run begins. Raises `Problem` where the journal can't be written."""
        asked = (run, pipeline, text, _json(params), _json(desk), session.isoformat(), slot, clock, trigger)
        state = (_json(versions), started.value, socket.gethostname(), os.getpid(), "running")
        with self._database.transaction() as database:
            database.execute(
                "INSERT INTO runs (id, pipeline, text, params, desk, session, slot, clock, trigger, versions, started,"
                " host, process, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*asked, *state),
            )

    def end_run(self, run: str, status: str, error: str | None, ended: pd.Timestamp) -> None:
        """A run has ended: completed, failed or crashed."""
        with self._database.transaction() as database:
            database.execute(
                "UPDATE runs SET status = ?, error = ?, ended = ? WHERE id = ?", (status, error, ended.value, run)
            )

    def begin_step(
        self,
        *,
        run: str,
        step: str,
        task: str,
        item: str | None,
        source_hash: str,
        arguments: Mapping[str, Any],
        inputs: Mapping[str, tuple[str, str | None] | Producer],
    ) -> None:
        """A step begins, or begins another attempt.

        `inputs` gives each frame parameter its (step, field) of the same run, or its producer in another.
        """
        producers = {
            name: source if isinstance(source, Producer) else Producer(run, *source) for name, source in inputs.items()
        }
        with self._database.transaction() as database:
            database.execute(
                "INSERT INTO steps (run, step, item, task, source_hash, arguments, status, attempts, notes)"
                " VALUES (?, ?, ?, ?, ?, ?, 'running', 0, '[]')"
                " ON CONFLICT (run, step) DO UPDATE SET status = 'running', arguments = excluded.arguments",
                (run, step, item, task, source_hash, _json(arguments)),
            )
            insert(
                database,
                "INSERT OR REPLACE INTO inputs",
                [(run, step, name, made.run, made.step, made.field or "") for name, made in producers.items()],
            )

    def end_step(
        self,
        run: str,
        step: str,
        status: str,
        *,
        seconds: float,
        attempts: int,
        error: str | None = None,
        outputs: Mapping[str | None, FrameRef],
        notes: Sequence[str] = (),
    ) -> None:
        """A step, or one attempt at it, has ended: completed, skipped, failed or blocked."""
        written = [row for ref in outputs.values() if ref.schema == "FrameWrites" for row in self._writes(ref)]
        with self._lock:
            held = self._messages.pop((run, step), [])
        with self._frames.with_frames(outputs.values()) as database:
            messages.insert(database, run, step, held)
            database.execute(
                "UPDATE steps SET status = ?, seconds = ?, attempts = ?, error = ?, notes = ?"
                " WHERE run = ? AND step = ?",
                (status, seconds, attempts, error, _json(list(notes)), run, step),
            )
            insert(
                database,
                "INSERT OR REPLACE INTO outputs",
                [(run, step, name or "", ref.id, ref.schema, _origin(ref)) for name, ref in outputs.items()],
            )
            # The first writer of a version is its writer: a receipt handed out again names the same one.
            insert(database, "INSERT OR IGNORE INTO writes", [(*row, run, step) for row in written])

    def put_frame(self, frame: pd.DataFrame, schema: str) -> FrameRef:
        """Keep a frame under its content hash, once, or by reference where it was read from a store unchanged.

        It is on disk when its step ends, or the effect that yields it is done.

        Raises `DataProblem` for a frame that can't be kept, `Problem` where the journal can't be written.
        """
        return self._frames.put(frame, schema)

    def frame(self, ref: str | FrameRef) -> pd.DataFrame:
        """The frame of a reference, or of its id. Raises `Problem` where it can't be read any more."""
        return self._frames.get(ref if isinstance(ref, str) else ref.id)

    def shelved(self, run: str, step: str, field: str | None) -> tuple[Path, str] | None:
        """The folder in which a step's large output stands, and its content id; None for any other frame.

        Other processes of this machine may read it there by a `FrameShelf`.
        """
        return self._frames.shelved(run, step, field or "")

    def message(self, run: str, step: str, message: Message) -> None:
        """Keep a raw message; it is on disk when its step ends, or sooner when there are many."""
        with self._lock:
            held = self._messages.setdefault((run, step), [])
            held.append(message)
            full = len(held) >= _FLUSH_AT
        if full:
            self._flush(run, step)

    def messages(self, run: str, step: str, con_ids: Sequence[int] | None = None) -> list[RawMessage]:
        """The raw messages of a step, in order; with `con_ids`, those of these contracts and those of none."""
        return messages.read(self._database, run, step, con_ids)

    def last_output(self, pipeline: str, step: str, field: str | None, before: date) -> pd.DataFrame | None:
        """A step's output in the latest completed run of an earlier session that has one; None where none has."""
        producer = self.last_producer(pipeline, step, field, before)
        return None if producer is None else self._output(producer)

    def last_producer(self, pipeline: str, step: str, field: str | None, before: date) -> Producer | None:
        """Which run `last_output` takes its frame from."""
        return queries.producer(self._database, pipeline, step, field, date.min, before - timedelta(days=1))

    def session_output(self, pipeline: str, step: str, field: str | None, session: date) -> pd.DataFrame | None:
        """A step's output in the latest completed run of this very session; None where there is none."""
        producer = queries.producer(self._database, pipeline, step, field, session, session)
        return None if producer is None else self._output(producer)

    def effect(self, key: str) -> dict[str, Any] | None:
        """What was recorded of an effect that is done: run, step, outputs (references by field). None until then."""
        found = self._database.rows("SELECT run, step, outputs FROM effects WHERE key = ? AND done", [key])
        if not found:
            return None
        outputs = {name or None: FrameRef(**ref) for name, ref in json.loads(found[0]["outputs"]).items()}
        return {"run": found[0]["run"], "step": found[0]["step"], "outputs": outputs}

    def intend(self, key: str, run: str, step: str) -> None:
        """An effect is about to be had: on disk before it is."""
        with self._database.transaction() as database:
            database.execute(
                "INSERT INTO effects (key, run, step) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE"
                " SET run = excluded.run, step = excluded.step WHERE NOT done",
                (key, run, step),
            )

    def done(self, key: str, outputs: Mapping[str | None, FrameRef]) -> None:
        """An effect is done, with these results. Only the first time counts."""
        text = _json({name or "": vars(ref) for name, ref in outputs.items()})
        with self._frames.with_frames(outputs.values()) as database:
            database.execute("UPDATE effects SET done = 1, outputs = ? WHERE key = ? AND NOT done", (text, key))

    def writer(self, store: str, library: str, symbol: str, version: int) -> Producer | None:
        """The step that wrote a version of a frame to a store; None where no run of this desk did."""
        found = self._database.rows(
            "SELECT run, step FROM writes WHERE store = ? AND library = ? AND symbol = ? AND version = ?",
            [store, library, symbol, version],
        )
        return Producer(found[0]["run"], found[0]["step"]) if found else None

    def writers(self, origin: Mapping[str, Any], rows: Sequence[int]) -> list[Producer]:
        """The steps that wrote these rows of a frame that was read, the latest first; those of this journal."""
        return writers.of_rows(self._database, origin, rows, self._row_versions)

    def runs(self, limit: int = 20, pipeline: str | None = None) -> list[RunRecord]:
        """The latest runs, latest first, without their steps."""
        return queries.runs(self._database, limit, pipeline)

    def run(self, id_or_prefix: str) -> RunRecord:
        """A run with its steps, by its id, the start of it, or the name of a pipeline: its latest run.

        Raises `Problem` with close matches where there is none, or several.
        """
        return queries.run(self._database, id_or_prefix)

    def prune(self, retention: Retention, now: pd.Timestamp) -> Expired:
        """Let go of what is due; runs may go on meanwhile. Killed at any point, the next time finishes it.

        What expired is known as such, and said where it is asked for. Its room is used again by frames to come:
        the files on disk don't shrink.
        """
        expired = retention.expire(self._database, self._frames.sizes(), now)
        self._frames.remove_expired()
        return expired

    def _output(self, producer: Producer) -> pd.DataFrame:
        (row,) = self._database.rows(
            "SELECT frame FROM outputs WHERE run = ? AND step = ? AND field = ?",
            [producer.run, producer.step, producer.field or ""],
        )
        return self.frame(str(row["frame"]))

    def _writes(self, ref: FrameRef) -> list[tuple[str, str, str, int]]:
        columns = ["store", "library", "symbol", "version"]
        return [tuple(row) for row in self.frame(ref)[columns].astype(object).itertuples(index=False)]

    def _flush(self, run: str, step: str) -> None:
        with self._lock:
            held = self._messages.pop((run, step), [])
        with self._database.transaction() as database:
            messages.insert(database, run, step, held)


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _origin(ref: FrameRef) -> str | None:
    return None if ref.origin is None else _json(ref.origin)
