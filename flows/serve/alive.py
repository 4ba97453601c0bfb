"""When somebody was last up to run what is due; one process a desk."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import pandas as pd
from filelock import FileLock, Timeout

from tasks.connections.problems import Refused


class Alive:
    """Holds the place of the one process that serves a desk, and remembers when it was last there.

    Parameters
    ----------
    folder
        Where it is remembered.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "alive"
        self._lock = FileLock(folder / "alive.lock", timeout=0)

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout:
            raise Refused(
                "This desk is being served already, by another `hedgerow up`.",
                "Stop that one, or serve another profile with --desk.",
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def last(self) -> pd.Timestamp | None:
        """When somebody was last up; None where nobody ever was."""
        try:
            return pd.Timestamp(self._path.read_text())
        except (OSError, ValueError):
            return None

    def tell(self, now: pd.Timestamp) -> None:
        """We are, now."""
        draft = self._path.with_suffix(".draft")
        draft.write_text(now.isoformat())
        draft.replace(self._path)
