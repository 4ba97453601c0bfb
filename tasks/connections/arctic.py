"""The desk's store of frames: ArcticDB, where every write is a new version and no version is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from tasks.connections import arctic_series, base, lmdb
from tasks.connections.arctic_names import check_names, listed, ranges, unknown
from tasks.connections.arctic_owner import claim
from tasks.connections.arctic_query import Selection, read_selected
from tasks.connections.content import content_id
from tasks.connections.exact import flatten, unnatural_columns
from tasks.connections.problems import DataProblem
from tasks.connections.scope import current

T = TypeVar("T")
_PATIENCE = 60.0
"""Seconds to wait for another writer, where the step has no less."""
_OURS = ("layout", "content", "last")
_AT_ONCE = 100
"""Versions that are looked at together."""


@dataclass(frozen=True)
class Stored:
    """A frame that was read."""

    frame: pd.DataFrame
    version: int
    content: str
    """Hash of the frame."""
    versions: np.ndarray[Any, np.dtype[np.int64]] | None = None
    """Which version brought each row, where rows were added over time; None where all came with this one."""


class FrameStore(base.Connection):
    """Frames by library, symbol and version."""

    kind: ClassVar[str] = "arctic"

    class Settings(base.Settings):
        uri: str = Field(
            default="lmdb",
            description="`lmdb`: in the desk's data folder; `lmdb://folder` likewise, in a folder of that name;"
            " `s3://…` as ArcticDB writes it",
        )
        access: str | None = Field(default=None, description="Access key of an S3 store, such as `$secret.s3_access`")
        secret: str | None = Field(default=None, description="Its secret key, such as `$secret.s3_secret`", repr=False)
        takes_over: bool = Field(
            default=False, description="Write to libraries of an S3 store that another machine wrote until now"
        )

        @field_validator("uri")
        @classmethod
        def _known(cls, uri: str) -> str:
            scheme = uri.partition("://")[0]
            if scheme not in ("lmdb", "s3", "s3s"):
                raise ValueError(f"expected lmdb, lmdb://folder or s3://…, got {scheme}")
            return uri

    def _open(self) -> None:
        self._uri = _address(self.settings, self.folder)
        self._store = lmdb.open_store(self._uri)
        self._claimed: set[str] = set()

    def _close(self) -> None:
        del self._store
        lmdb.close_store(self._uri)

    def write(self, library: str, symbol: str, frame: pd.DataFrame, metadata: Mapping[str, Any]) -> int:
        """Write a frame as a new version, and return the version.

        Where the latest version has this very content and metadata, but for the `time`, nothing is written and
        its number is returned: a write that was cut off before it was recorded can be repeated.

        Raises
        ------
        DataProblem
            A column's type, the name or the symbol can't be kept.
        ConnectionProblem
            Another run writes to the library for longer than this step's time.
        Problem
            The store is full, or the disk is.
        """
        what = f"{library}/{symbol}"
        check_names(library, symbol)
        flat, layout = flatten(frame)
        if refused := unnatural_columns(frame, layout):
            raise DataProblem(
                f"{what} can't be stored: {listed(refused)}.",
                "Store numbers, text, categories of text, naive or zoned times; turn nullable types into plain ones.",
            )
        kept = {**metadata, "content": content_id(frame), "layout": layout}

        def write(shelf: Any) -> int:
            latest = arctic_series.latest_of(shelf, symbol)
            if latest is not None and {**latest[1], "time": None} == {**kept, "time": None}:
                return latest[0]
            return int(shelf.write(symbol, flat, metadata=kept, prune_previous_versions=False).version)

        return self.writing(library, what, write)

    def append(
        self,
        library: str,
        symbol: str,
        frame: pd.DataFrame,
        key: Sequence[str],
        metadata: Mapping[str, Any],
        *,
        upsert: bool = False,
        on: str | None = None,
    ) -> arctic_series.Added:
        """Add rows to a symbol that grows, late ones in their place, and say what became of them.

        Parameters
        ----------
        key
            Columns that tell one row from another.
        metadata
            Kept with the version, in the same commit.
        upsert
            A row takes the place of the stored one of its key; otherwise the stored one stays. Two rows of
            one key in the frame itself are refused.
        on
            The column by which rows are ordered; by default `time`, `session`, or the only one that has times.

        Raises
        ------
        DataProblem
            Columns other than the symbol's, a key that isn't one, a row with no time, a type that can't be appended.
        ConnectionProblem, Problem
            As `write`.
        """
        what = f"{library}/{symbol}"
        check_names(library, symbol)
        rows = arctic_series.Rows(frame, tuple(key), on, what, upsert=upsert)
        return self.writing(library, what, lambda shelf: arctic_series.add(shelf, symbol, rows, metadata))

    def writing(self, library: str, what: str, write: Callable[[Any], T]) -> T:
        """Call `write` with an ArcticDB library, which is made if need be, as its only writer."""
        with lmdb.write_lock(self._lock_path(library), what, current().deadline.remaining(_PATIENCE)):
            current().deadline.check(what)
            with self.explained():
                shelf = self._store.get_library(library, create_if_missing=True)
                if not self._uri.startswith("lmdb://") and library not in self._claimed:
                    claim(shelf, f"{self.name}/{library}", self.folder, takes_over=self.settings.takes_over)
                    self._claimed.add(library)
                return write(shelf)

    def read(
        self, library: str, symbol: str, version: int | None = None, columns: Sequence[str] | None = None
    ) -> tuple[pd.DataFrame, int]:
        """A frame, as it was written, and its version: the latest, or the one asked for.

        Raises `DataProblem` with close matches for a library, symbol, version or column that isn't there.
        """
        found = self.select(library, symbol, Selection(columns=None if columns is None else tuple(columns)), version)
        return found.frame, found.version

    def select(self, library: str, symbol: str, selection: Selection, version: int | None = None) -> Stored:
        """The part of a frame that is asked for, looked up in the store as far as it can be.

        Raises `DataProblem` as `read` does, and for conditions that don't suit their columns.
        """
        with self.explained():
            shelf, as_of, known = self._known(library, symbol, version)
            layout = (known.metadata or {}).get("layout")
            number = int(known.version)
            frame, versions = read_selected(shelf, symbol, as_of, layout, selection, f"{library}/{symbol}")
        content = (known.metadata or {}).get("content") if selection.is_whole else None
        return Stored(frame, number, content or content_id(frame), versions)

    def version_as_of(self, library: str, symbol: str, moment: date | pd.Timestamp) -> int:
        """The latest version written in a session or before, or by a moment; what no run wrote counts as always there.

        A moment is held against the clocks of the runs that wrote.
        Raises `DataProblem` where there is none, besides what `read` raises.
        """
        with self.explained():
            shelf = self.shelf(library, symbol)
            known = shelf.read_metadata(symbol)  # the latest, nearly always: the others are looked at only if it is not
            if _by(known.metadata, moment):
                return int(known.version)
            there = [one.version for one, info in shelf.list_versions(symbol).items() if not info.deleted]
            for version, metadata in _metadata(shelf, symbol, sorted(there, reverse=True)):
                if _by(metadata, moment):
                    return version
        when = "sessions" if not isinstance(moment, pd.Timestamp) else "moments"
        raise DataProblem(
            f"{library}/{symbol} has no version of {moment} or before: all were written in later {when}.",
            "Give a `version:`, or run that session's own pipeline first.",
        )

    def version_in(self, library: str, symbol: str, snapshot: str) -> int:
        """The version that a snapshot holds. Raises `DataProblem` with close matches where it holds none."""
        with self.explained():
            shelf = self.library(library)
            names = shelf.list_snapshots(load_metadata=False)
            if snapshot not in names:
                raise unknown(f"Library `{library}` of `{self.name}` has no snapshot", snapshot, names)
            held = shelf.list_versions(symbol, snapshot=snapshot)
            if not held:
                raise unknown(f"Snapshot `{snapshot}` of `{library}` has no", symbol, shelf.list_symbols(snapshot))
            return max(int(one.version) for one in held)

    def metadata(self, library: str, symbol: str, version: int | None = None) -> dict[str, Any]:
        """What was written along with a version."""
        with self.explained():
            kept = self._known(library, symbol, version)[2].metadata or {}
        return {name: value for name, value in kept.items() if name not in _OURS}

    def has(self, library: str, symbol: str) -> bool:
        """Whether there is such a symbol."""
        check_names(library, symbol)
        with self.explained():
            return bool(self._store.has_library(library) and self._store[library].has_symbol(symbol))

    def check_health(self) -> str:
        """Open it and list its libraries."""
        self.open()
        with self.explained():
            count = len(self._store.list_libraries())
        return f"{count} librar{'y' if count == 1 else 'ies'}"

    def library(self, library: str) -> Any:
        """The ArcticDB library of this name. Raises `DataProblem` with close matches where there is none."""
        check_names(library, "any")
        if not self._store.has_library(library):
            raise unknown(f"`{self.name}` has no library", library, self._store.list_libraries())
        return self._store[library]

    def shelf(self, library: str, symbol: str) -> Any:
        """The library, in which this symbol is. Raises `DataProblem` where it isn't."""
        check_names(library, symbol)
        shelf = self.library(library)
        if not shelf.has_symbol(symbol):
            raise unknown(f"Library `{library}` of `{self.name}` has no symbol", symbol, shelf.list_symbols())
        return shelf

    def _known(self, library: str, symbol: str, version: int | None) -> tuple[Any, int | str, Any]:
        """(the library, by what to read this version of a symbol, its number and metadata)."""
        from arcticdb.exceptions import NoDataFoundException

        shelf = self.shelf(library, symbol)
        try:
            known = shelf.read_metadata(symbol, as_of=version)
            return shelf, int(known.version), known
        except NoDataFoundException as error:
            there = {one.version: info for one, info in shelf.list_versions(symbol).items()}
            if version in there and there[version].snapshots:  # pruned, and held by these alone
                snapshot = there[version].snapshots[0]
                return shelf, snapshot, shelf.read_metadata(symbol, as_of=snapshot)
            readable = sorted(one for one, info in there.items() if info.snapshots or not info.deleted)
            raise DataProblem(f"{library}/{symbol} has no version {version}.", f"It has {ranges(readable)}.") from error

    def explained(self) -> AbstractContextManager[None]:
        """A block in which ArcticDB's own errors become problems for a person."""
        return lmdb.Explained(f"`{self.name}`")

    def _lock_path(self, library: str) -> Path:
        # Beside the data of this machine; other machines are held off by the library's owner.
        folder = self.folder / "locks"
        lmdb.make_folder(folder, "The data folder")
        return folder / f"{self.name}.{library}.lock"


def _address(settings: FrameStore.Settings, folder: Path) -> str:
    uri = settings.uri
    if uri == "lmdb":
        return f"lmdb://{(folder / 'frames').absolute()}"
    if uri.startswith("lmdb://"):
        path, mark, options = uri.removeprefix("lmdb://").partition("?")
        return f"lmdb://{(folder / path).absolute()}{mark}{options}"
    given = {"access": settings.access, "secret": settings.secret}
    keys = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
    return f"{uri}{'&' if '?' in uri else '?'}{keys}" if keys else uri


def _by(metadata: Mapping[str, Any] | None, moment: date | pd.Timestamp) -> bool:
    """Whether a version was written by a session's end or a moment, as far as anybody knows."""
    told = metadata or {}
    if isinstance(moment, pd.Timestamp):
        written = told.get("time")
        return written is None or pd.Timestamp(written) <= moment
    session = told.get("session")
    return session is None or date.fromisoformat(session) <= moment


def _metadata(shelf: Any, symbol: str, versions: Sequence[int]) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
    """(version, metadata) of each, a few at a time: most often one of the first is wanted."""
    from arcticdb import ReadInfoRequest

    for begin in range(0, len(versions), _AT_ONCE):
        some = versions[begin : begin + _AT_ONCE]
        for one in shelf.read_metadata_batch([ReadInfoRequest(symbol, as_of=version) for version in some]):
            yield int(one.version), one.metadata
