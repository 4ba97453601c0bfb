"""Copies of a desk's data folder that are consistent while runs go on.

Each SQLite file is copied by its own backup, each LMDB folder as of one reading transaction, so that nobody
who writes has to wait. The journal comes first: whatever it says was done is in what is copied after it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from tasks.connections import lmdb as locks
from tasks.connections.problems import Problem

_SQLITE = b"SQLite format 3\0"
_PASSING = (".lock", "-wal", "-shm", "-journal", ".draft", ".writable", "lock.mdb", "alive", "alive.process")
"""How names of files end that mean something to processes of now alone."""
_PATIENCE = 60.0


def copy_data(data: Path, to: Path) -> list[str]:
    """Copy a data folder to a new one; the paths of its files there.

    What belongs to running processes (locks, drafts) is left out, and so are data folders of the desk's
    profiles inside this one.

    Raises
    ------
    Problem
        A file can't be read, or is damaged.
    """
    journal = data / "journal"
    copied: list[Path] = []
    if journal.is_dir():
        copied += _copy_journal(journal, to / "journal")
    stores = sorted(path.parent for path in _files(data) if path.name == "data.mdb")
    inside = {folder for folder in stores if not folder.is_relative_to(journal)}
    copied += _copy_stores([(folder, to / folder.relative_to(data)) for folder in sorted(inside)])
    for path in _files(data):
        if path.is_relative_to(journal) or path.parent in inside:
            continue
        target = to / path.relative_to(data)
        if _copy_file(path, target):
            copied.append(target)
    return sorted(str(path.relative_to(to)) for path in copied)


def _copy_journal(journal: Path, to: Path) -> list[Path]:
    """The journal, with the large frames that it says it has: none expires between the two."""
    frames = journal / "frames"
    stores = sorted(path.parent for path in frames.rglob("data.mdb")) if frames.is_dir() else []
    copied: list[Path] = []
    with ExitStack() as reading:
        if stores:
            with locks.write_lock(frames / "frames.lock", "The journal", _PATIENCE):
                copied += _copy_sqlite(journal / "journal.db", to / "journal.db")
                views = [reading.enter_context(_View(folder)) for folder in stores]
        else:
            copied += _copy_sqlite(journal / "journal.db", to / "journal.db")
            views = []
        for folder, view in zip(stores, views, strict=True):
            copied.append(view.copy(to / folder.relative_to(journal)))
    for path in _files(journal):
        if path.name != "journal.db" and path.parent not in stores:
            target = to / path.relative_to(journal)
            copied += [target] if _copy_file(path, target) else []
    return copied


def _copy_stores(stores: Sequence[tuple[Path, Path]]) -> list[Path]:
    with ExitStack() as reading:
        views = [(reading.enter_context(_View(folder)), target) for folder, target in stores]
        return [view.copy(target) for view, target in views]


class _View:
    """An LMDB folder as it is at one moment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> _View:
        import lmdb

        size = (self.folder / "data.mdb").stat().st_size
        try:
            self._environment = lmdb.open(
                str(self.folder), readonly=True, create=False, max_dbs=128, map_size=max(4 * size, 1 << 30)
            )
            self._transaction: Any = self._environment.begin()
        except lmdb.Error as error:
            raise Problem(f"The store {self.folder} can't be copied: {error}.") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._transaction.abort()
        self._environment.close()

    def copy(self, to: Path) -> Path:
        """Write what it holds, without the room that is free in it."""
        import lmdb

        to.mkdir(parents=True)
        try:
            self._environment.copy(str(to), compact=True, txn=self._transaction)
        except lmdb.Error as error:
            raise Problem(f"The store {self.folder} can't be copied: {error}.") from error
        return to / "data.mdb"


def _copy_file(path: Path, to: Path) -> bool:
    """Copy a file of any kind; False where it has gone meanwhile."""
    try:
        with path.open("rb") as file:
            is_database = file.read(len(_SQLITE)) == _SQLITE
        if is_database:
            return bool(_copy_sqlite(path, to))
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to)
    except FileNotFoundError:
        to.unlink(missing_ok=True)
        return False
    except OSError as error:
        raise Problem(f"{path} can't be copied: {error.strerror or error}.") from error
    return True


def _copy_sqlite(path: Path, to: Path) -> list[Path]:
    if not path.exists():
        return []
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            closing(sqlite3.connect(path, timeout=_PATIENCE)) as source,
            closing(sqlite3.connect(to)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # all of it in the one file
            found = [str(said) for (said,) in target.execute("PRAGMA quick_check")]
    except sqlite3.Error as error:
        raise Problem(f"The database {path} can't be copied: {error}.") from error
    # Of tables without rowid, SQLite up to 3.41 takes a column beside the key for a null one.
    if wrong := [said for said in found if said != "ok" and not said.startswith("NULL value in")]:
        raise Problem(f"The database {path} is damaged: {wrong[0]}.")
    return [to]


def _files(folder: Path) -> Iterator[Path]:
    """The files that are worth keeping, by path."""
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        # A profile keeps its own data folder in that of the desk.
        folders[:] = sorted(name for name in folders if not (here / name / "journal" / "journal.db").exists())
        for name in sorted(names):
            path = here / name
            if not name.endswith(_PASSING) and path.is_file() and not path.is_symlink():
                yield path
