"""The frames that a journal keeps: small ones in its database, large ones on a shelf, those of a store by reference."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from flows.journal.database import JournalDatabase
from flows.journal.frames import FrameShelf
from flows.journal.packing import pack, unpack
from flows.journal.records import FrameRef
from tasks.connections.content import content_id
from tasks.connections.exact import flatten
from tasks.connections.problems import Problem

_RECENT = 64
_RECENT_ROWS = 10_000

ReadOrigin = Callable[[Mapping[str, Any]], pd.DataFrame]


class KeptFrames:
    """Frames by their content hash.

    What goes into the database is held in memory until something refers to it, and is put down
    together with that: each transaction is a sync of the disk.

    Parameters
    ----------
    folder
        The journal's folder.
    database
        The journal's database.
    read_origin
        Reads a frame that is kept by reference; None where nothing can.
    """

    def __init__(self, folder: Path, database: JournalDatabase, read_origin: ReadOrigin | None) -> None:
        self.folder = folder
        self.read_origin = read_origin
        self._database = database
        self._shelf = FrameShelf(folder / "frames")
        self._lock = threading.Lock()
        self._held: dict[tuple[str, bool], tuple[FrameRef, bytes | None]] = {}
        self._unnamed: dict[str, tuple[FrameRef, pd.DataFrame]] = {}
        self._recent: OrderedDict[str, pd.DataFrame] = OrderedDict()

    def put(self, frame: pd.DataFrame, schema: str) -> FrameRef:
        """Keep a frame; a small one is on disk once a transaction `with_frames` has named it.

        Raises `DataProblem` for a frame that can't be kept, `Problem` where the journal can't be written.
        """
        content = content_id(frame)
        origin = dict(frame.attrs.get("origin") or {})
        # Attributes outlive changes: only the hash tells whether the frame still is what was read.
        unchanged = bool(origin) and origin.pop("content", None) == content
        ref = FrameRef(content, schema, len(frame), origin if unchanged else None)
        by_reference = _is_pinned(ref)
        packed = None if by_reference else self._packed(ref, frame)
        with self._lock:
            if by_reference or packed is not None:
                self._held[_key(ref)] = (ref, packed)
            if len(frame) <= _RECENT_ROWS:
                self._recent[content] = frame.copy()
                while len(self._recent) > _RECENT:
                    self._recent.popitem(last=False)
        return ref

    def get(self, content: str) -> pd.DataFrame:
        """The frame of a hash. Raises `Problem` where it can't be read any more."""
        with self._lock:
            if content in self._recent:
                return self._recent[content].copy()
            held = self._held.get((content, False)) or self._held.get((content, True))
        if held is not None:
            origin, packed = (held[0].origin if _is_pinned(held[0]) else None), held[1]
        else:
            known = self._database.rows(
                "SELECT origin, packed, at FROM frames LEFT JOIN contents ON contents.frame = id"
                " LEFT JOIN expired ON expired.frame = id WHERE id = ?",
                [content],
            )
            if not known:
                raise Problem(f"The journal at {self.folder} has no frame {content[:12]}.")
            if known[0]["at"] is not None:
                raise self._expired(content, known[0]["at"])
            origin, packed = known[0]["origin"] and json.loads(known[0]["origin"]), known[0]["packed"]
        if origin is not None:
            return self._read_by_reference(content, origin)
        return self._shelf.get(content) if packed is None else unpack(packed)

    @contextmanager
    def with_frames(self, refs: Iterable[FrameRef]) -> Iterator[sqlite3.Connection]:
        """A transaction that first puts down these frames, where they are only held in memory yet."""
        refs = list(refs)
        keys = [_key(ref) for ref in refs]
        with self._shelved(refs) as database:
            for key in keys:
                if (held := self._held.get(key)) is not None:
                    _insert(database, *held)
            yield database
        # Only now: until it is on disk, another step that yields the same must find it held.
        for key in keys:
            self._held.pop(key, None)
        for ref in refs:
            self._unnamed.pop(ref.id, None)

    @contextmanager
    def _shelved(self, refs: Sequence[FrameRef]) -> Iterator[sqlite3.Connection]:
        """A transaction in which the large ones of these frames are there: nothing kept one before it was named."""
        while True:
            with self._database.transaction() as database:
                gone = [ref.id for ref in refs if ref.id in self._unnamed and _is_expired(database, ref.id)]
                if not gone:
                    yield database
                    return
            for content in gone:
                ref, frame = self._unnamed[content]
                self._shelve(ref, *flatten(frame))

    def remove_expired(self) -> None:
        """Take expired frames off the shelf; also those that an earlier try was killed over."""
        for content in self._shelf.sizes():
            with self._shelf.writing():
                if self._database.rows("SELECT 1 FROM expired WHERE frame = ?", [content]):
                    self._shelf.remove(content)
        with self._lock:
            self._recent.clear()

    def shelved(self, run: str, step: str, field: str) -> tuple[Path, str] | None:
        """The shelf of a step's output and its name there; None where it is kept otherwise."""
        found = self._database.rows(
            "SELECT outputs.frame FROM outputs JOIN frames ON id = frame LEFT JOIN contents USING (frame)"
            " LEFT JOIN expired USING (frame) WHERE run = ? AND step = ? AND field = ?"
            " AND frames.origin IS NULL AND packed IS NULL AND at IS NULL",
            [run, step, field],
        )
        return (self._shelf.folder, str(found[0]["frame"])) if found else None

    def sizes(self) -> dict[str, int]:
        """Bytes of each frame on the shelf."""
        return self._shelf.sizes()

    def close(self) -> None:
        """Put down what is held, and let go of the shelf."""
        with self._lock:
            refs = [ref for ref, _ in self._held.values()]
        if refs:
            with self.with_frames(refs):
                pass
        self._shelf.close()

    def _packed(self, ref: FrameRef, frame: pd.DataFrame) -> bytes | None:
        """The bytes of a small frame; None for a large one, which is kept when this returns."""
        flat, layout = flatten(frame)
        packed = pack(flat, layout)
        if packed is None:
            with self._lock:
                self._unnamed[ref.id] = (ref, frame.copy(deep=False))
            if not self._is_copied(ref):
                self._shelve(ref, flat, layout)
        return packed

    def _shelve(self, ref: FrameRef, flat: pd.DataFrame, layout: Mapping[str, Any]) -> None:
        """Put a frame on the shelf, and know of it, before anybody can take it for one that has expired."""
        with self._shelf.writing():
            self._shelf.put(ref.id, flat, layout)
            with self._database.transaction() as database:
                _insert(database, replace(ref, origin=None), None)

    def _is_copied(self, ref: FrameRef) -> bool:
        return bool(
            self._database.rows(
                "SELECT 1 FROM frames WHERE id = ? AND origin IS NULL AND id NOT IN (SELECT frame FROM expired)",
                [ref.id],
            )
        )

    def _expired(self, content: str, at: int) -> Problem:
        day = pd.Timestamp(at, unit="ns").date()
        made = self._database.rows(
            "SELECT pipeline, session FROM outputs JOIN runs ON id = run WHERE frame = ? ORDER BY started LIMIT 1",
            [content],
        )
        how = f"`hedgerow run {made[0]['pipeline']} --session {made[0]['session']}` computes it again." if made else ""
        return Problem(
            f"Frame {content[:12]} expired on {day}: the journal lets go of what can be computed again.", how
        )

    def _read_by_reference(self, content: str, origin: Mapping[str, Any]) -> pd.DataFrame:
        where = f"{origin['library']}/{origin['symbol']} version {origin['version']} in `{origin['store']}`"
        if self.read_origin is None:
            raise Problem(f"Frame {content[:12]} is kept in a store, as {where}, which isn't open here.")
        frame = self.read_origin(origin)
        if content_id(frame) != content:
            raise Problem(f"{where} is no longer what the run read.", "It was written anew outside of any run.")
        return frame


def _key(ref: FrameRef) -> tuple[str, bool]:
    """A frame may be held by reference and as a copy."""
    return ref.id, _is_pinned(ref)


def _is_pinned(ref: FrameRef) -> bool:
    """Whether it can be read again where it came from: a table's rows can't, once others have been written."""
    return ref.origin is not None and "version" in ref.origin


def _is_expired(database: sqlite3.Connection, content: str) -> bool:
    return database.execute("SELECT 1 FROM expired WHERE frame = ?", (content,)).fetchone() is not None


def _insert(database: sqlite3.Connection, ref: FrameRef, packed: bytes | None) -> None:
    origin = json.dumps(ref.origin, default=str) if _is_pinned(ref) else None
    if database.execute("DELETE FROM expired WHERE frame = ?", (ref.id,)).rowcount:
        database.execute("UPDATE frames SET origin = ? WHERE id = ?", (origin, ref.id))
    database.execute(
        "INSERT INTO frames VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET origin = NULL"
        " WHERE excluded.origin IS NULL",
        (ref.id, ref.rows, origin),
    )
    if packed is not None:
        database.execute("INSERT OR IGNORE INTO contents VALUES (?, ?)", (ref.id, packed))
