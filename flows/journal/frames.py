"""Large frames under their content hash: each kept once, and read back exactly."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.connections import lmdb
from tasks.connections.exact import restore
from tasks.connections.problems import Problem

_LIBRARY = "frames"
_PATIENCE = 60.0


class FrameShelf:
    """An ArcticDB library of frames; opened at first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._uri = f"lmdb://{folder}"
        self._library: Any = None
        self._opening = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nobody else puts or removes frames. Raises `ConnectionProblem` where one's turn doesn't come."""
        self._opened()  # it takes the lock by itself where there is no library yet
        with lmdb.write_lock(self.folder / "frames.lock", "The journal", _PATIENCE):
            yield

    def put(self, content: str, flat: pd.DataFrame, layout: Mapping[str, Any]) -> None:
        """Keep what `flatten` made of a frame under the frame's hash; while `writing`. Raises `Problem`."""
        with lmdb.Explained(str(self.folder)):
            self._opened().write(content, flat, metadata=layout, prune_previous_versions=True)

    def remove(self, content: str) -> None:
        """Keep the frame of this hash no longer; while `writing`."""
        with lmdb.Explained(str(self.folder)):
            self._opened().delete(content)

    def sizes(self) -> dict[str, int]:
        """Bytes of each frame that is kept here."""
        if not self.folder.exists():
            return {}
        with lmdb.Explained(str(self.folder)):
            library = self._opened()
            by_symbol = library.admin_tools().get_sizes_by_symbol()  # it knows removed ones too
            names = library.list_symbols()
        return {name: sum(size.bytes_compressed for size in by_symbol[name].values()) for name in names}

    def get(self, content: str) -> pd.DataFrame:
        """The frame of this hash. Raises `Problem` where there is none."""
        from arcticdb.exceptions import NoSuchVersionException

        try:
            kept = self._opened().read(content)
        except NoSuchVersionException as error:
            raise Problem(f"Frame {content[:12]} is no longer in the journal at {self.folder}.") from error
        return restore(kept.data if len(kept.data) else None, kept.metadata)

    def close(self) -> None:
        """Let go of the store; the next use opens it again."""
        with self._opening:
            if self._library is not None:
                self._library = None
                lmdb.close_store(self._uri)

    def _opened(self) -> Any:
        with self._opening:
            if self._library is None:
                store = lmdb.open_store(self._uri)
                try:
                    with lmdb.write_lock(self.folder / "frames.lock", "The journal", _PATIENCE):
                        self._library = store.get_library(_LIBRARY, create_if_missing=True)
                except BaseException:
                    lmdb.close_store(self._uri)
                    raise
            return self._library
