"""When somebody was last up to run what is due; one process a desk."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
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
        self._process = folder / "alive.process"
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
        self._process.write_text(f"{socket.gethostname()}:{os.getpid()}")
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def stop(self, seconds: float = 90.0) -> int | None:
        """End the process that serves the desk, as Ctrl-C does; its id, None where there is none.

        Raises
        ------
        Refused
            It is on another machine, or doesn't end in time.
        """
        try:
            self._lock.acquire()
        except FileNotFoundError:  # there is no such folder: nobody ever was up
            return None
        except Timeout:
            host, _, process = self._process.read_text().rpartition(":")
            if host != socket.gethostname():
                raise Refused(f"This desk is served by a process on {host}.", "Stop it there.") from None
        else:
            self._lock.release()
            return None
        with suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGTERM)
        try:
            self._lock.acquire(timeout=seconds)
        except Timeout:
            raise Refused(f"Process {process} has been told to stop, and hasn't within {seconds:g} s.") from None
        self._lock.release()
        return int(process)

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
