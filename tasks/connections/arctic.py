"""The desk's store of frames: ArcticDB, where every write is a new version and no version is lost."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from pydantic import Field, field_validator

from tasks.connections import base, lmdb
from tasks.connections.content import content_id
from tasks.connections.exact import flatten, restore, unnatural_columns
from tasks.connections.problems import DataProblem
from tasks.connections.scope import current

_PATIENCE = 60.0
"""Seconds to wait for another writer, where the step has no less."""
_OURS = ("layout", "content")


class FrameStore(base.Connection):
    """Frames by library, symbol and version."""

    kind: ClassVar[str] = "arctic"

    class Settings(base.Settings):
        uri: str = Field(
            default="lmdb",
            description="`lmdb`: in the desk's data folder; `lmdb://folder` likewise, in a folder of that name;"
            " `s3://…` as ArcticDB writes it",
        )

        @field_validator("uri")
        @classmethod
        def _known(cls, uri: str) -> str:
            scheme = uri.partition("://")[0]
            if scheme not in ("lmdb", "s3", "s3s"):
                raise ValueError(f"expected lmdb, lmdb://folder or s3://…, got {scheme}")
            return uri

    def _open(self) -> None:
        self._uri = _address(self.settings.uri, self.folder)
        self._store = lmdb.open_store(self._uri)

    def _close(self) -> None:
        del self._store
        lmdb.close_store(self._uri)

    def write(self, library: str, symbol: str, frame: pd.DataFrame, metadata: Mapping[str, Any]) -> int:
        """Write a frame as a new version, and return the version.

        Where the latest version has this very content and metadata, nothing is written and its number is
        returned: a write that was cut off before it was recorded can be repeated.

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
        _check_names(library, symbol)
        if refused := unnatural_columns(frame):
            raise DataProblem(
                f"{what} can't be stored: {_listed(refused)}.",
                "Store numbers, text, categories of text, naive or zoned times; turn nullable types into plain ones.",
            )
        flat, layout = flatten(frame)
        content = content_id(frame)
        kept = {**metadata, "content": content, "layout": layout}
        with lmdb.write_lock(self._lock_path(library), what, current().deadline.remaining(_PATIENCE)):
            current().deadline.check(what)
            with self._explained():
                shelf = self._store.get_library(library, create_if_missing=True)
                latest = _latest_metadata(shelf, symbol)
                if latest is not None and latest[1] == kept:
                    return latest[0]
                return int(shelf.write(symbol, flat, metadata=kept, prune_previous_versions=False).version)

    def read(
        self, library: str, symbol: str, version: int | None = None, columns: Sequence[str] | None = None
    ) -> tuple[pd.DataFrame, int]:
        """A frame, as it was written, and its version: the latest, or the one asked for.

        Raises `DataProblem` with close matches for a library, symbol, version or column that isn't there.
        """
        frame, number, _ = self._read(library, symbol, version, columns)
        return frame, number

    def read_with_content(self, library: str, symbol: str, version: int | None) -> tuple[pd.DataFrame, int, str]:
        """A whole frame, its version, and the hash of its content."""
        frame, number, metadata = self._read(library, symbol, version, None)
        return frame, number, metadata.get("content") or content_id(frame)

    def version_as_of(self, library: str, symbol: str, session: date) -> int:
        """The latest version that a run of this session or an earlier one wrote, or that no run wrote.

        Raises `DataProblem` where there is none, besides what `read` raises.
        """
        _check_names(library, symbol)
        with self._explained():
            shelf = self._shelf(library, symbol, None)
            known = shelf.read_metadata(symbol)  # the latest, nearly always: the others are looked at only if it is not
            if _by(known.metadata, session):
                return int(known.version)
            there = (one.version for one, info in shelf.list_versions(symbol).items() if not info.deleted)
            for version in sorted(there, reverse=True):
                if _by(shelf.read_metadata(symbol, as_of=version).metadata, session):
                    return int(version)
        raise DataProblem(
            f"{library}/{symbol} has no version of {session} or before: all were written in later sessions.",
            "Give a `version:`, or run that session's own pipeline first.",
        )

    def metadata(self, library: str, symbol: str, version: int | None = None) -> dict[str, Any]:
        """What was written along with a version."""
        with self._explained():
            kept = self._shelf(library, symbol, version).read_metadata(symbol, as_of=version).metadata or {}
        return {name: value for name, value in kept.items() if name not in _OURS}

    def check_health(self) -> str:
        """Open it and list its libraries."""
        self.open()
        with self._explained():
            count = len(self._store.list_libraries())
        return f"{count} librar{'y' if count == 1 else 'ies'}"

    def _read(
        self, library: str, symbol: str, version: int | None, columns: Sequence[str] | None
    ) -> tuple[pd.DataFrame, int, dict[str, Any]]:
        _check_names(library, symbol)
        with self._explained():
            shelf = self._shelf(library, symbol, version)
            known = shelf.read_metadata(symbol, as_of=version)
            layout = (known.metadata or {}).get("layout")
            names = None if layout is None else [how["name"] for how in layout["columns"]]
            if columns is not None and names is not None and (unknown := [one for one in columns if one not in names]):
                raise _unknown(f"{library}/{symbol} has no column", unknown[0], names)
            wanted = None if columns is None else list(columns)
            found = shelf.read(symbol, as_of=known.version, columns=wanted)
        if layout is None:
            return found.data, int(known.version), {}
        if columns is not None:
            layout = {**layout, "columns": [how for how in layout["columns"] if how["name"] in columns]}
        frame = restore(found.data if layout["rows"] else None, layout)
        return frame if columns is None else frame[list(columns)], int(known.version), known.metadata

    def _shelf(self, library: str, symbol: str, version: int | None) -> Any:
        """The library, in which this version of the symbol is."""
        if not self._store.has_library(library):
            raise _unknown(f"`{self.name}` has no library", library, self._store.list_libraries())
        shelf = self._store[library]
        if not shelf.has_symbol(symbol, as_of=version):
            if version is None or not shelf.has_symbol(symbol):
                raise _unknown(f"Library `{library}` of `{self.name}` has no symbol", symbol, shelf.list_symbols())
            versions = sorted(info.version for info in shelf.list_versions(symbol))
            raise DataProblem(f"{library}/{symbol} has no version {version}.", f"It has {_ranges(versions)}.")
        return shelf

    def _lock_path(self, library: str) -> Path:
        # Beside the data of this machine: writers on other machines that share an s3 store aren't held off.
        folder = self.folder / "locks"
        lmdb.make_folder(folder, "The data folder")
        return folder / f"{self.name}.{library}.lock"

    def _explained(self) -> lmdb.Explained:
        return lmdb.Explained(f"`{self.name}`")


def _address(uri: str, folder: Path) -> str:
    if uri == "lmdb":
        return f"lmdb://{(folder / 'frames').absolute()}"
    if uri.startswith("lmdb://"):
        path, mark, options = uri.removeprefix("lmdb://").partition("?")
        return f"lmdb://{(folder / path).absolute()}{mark}{options}"
    return uri


def _check_names(library: str, symbol: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,98}", library):
        raise DataProblem(f"`{library}` can't name a library.", "Use letters, digits, `_`, `-` and `.`.")
    if not re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?", symbol) or "*" in symbol:
        raise DataProblem(f"`{symbol}` can't name a symbol.", "Use up to 255 printable ASCII characters, without `*`.")


def _by(metadata: Mapping[str, Any] | None, session: date) -> bool:
    """Whether a version was written by a session's end, as far as anybody knows."""
    written = (metadata or {}).get("session")
    return written is None or date.fromisoformat(written) <= session


def _latest_metadata(shelf: Any, symbol: str) -> tuple[int, Mapping[str, Any]] | None:
    if not shelf.has_symbol(symbol):
        return None
    latest = shelf.read_metadata(symbol)
    return int(latest.version), latest.metadata or {}


def _unknown(what: str, name: str, known: Sequence[str]) -> DataProblem:
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"It has {', '.join(sorted(known)[:10]) or 'none yet'}."
    return DataProblem(f"{what} `{name}`.", hint)


def _listed(refused: Mapping[str, str]) -> str:
    return ", ".join(f"column `{name}` is {kind}" for name, kind in refused.items())


def _ranges(versions: Sequence[int]) -> str:
    return f"{versions[0]} to {versions[-1]}" if len(versions) > 1 else f"{versions[0]}"
