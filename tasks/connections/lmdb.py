"""ArcticDB stores, one instance a path and process, and their write locks, one writer a library."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from tasks.connections.problems import ConnectionProblem, Problem

_instances: dict[str, tuple[Any, int]] = {}
_instances_lock = threading.Lock()
_KEYS = re.compile(r"((?:access|secret)=)[^&\s]+")
_writers: dict[Path, threading.Lock] = {}


def open_store(uri: str) -> Any:
    """The process's one `Arctic` of this address, opened at first use. Give it back by `close_store`.

    Two instances of one LMDB path in a process corrupt each other's view of it.
    Raises `Problem` where the folder can't be used.
    """
    with _instances_lock:
        store, users = _instances.get(uri, (None, 0))
        if store is None:
            store = _opened(uri)
        _instances[uri] = (store, users + 1)
        return store


def close_store(uri: str) -> None:
    """Give back what `open_store` gave; the last user closes it."""
    with _instances_lock:
        if uri not in _instances:
            return
        store, users = _instances.pop(uri)
        if users > 1:
            _instances[uri] = (store, users - 1)


def _opened(uri: str) -> Any:
    import arcticdb
    from arcticdb.config import set_log_level

    # Its remarks (an empty frame, a column of nulls) are about things that are handled here.
    set_log_level("ERROR")
    if uri.startswith("lmdb://"):
        path = Path(uri.removeprefix("lmdb://").partition("?")[0])
        make_folder(path, "The store of frames")
    try:
        return arcticdb.Arctic(uri)
    except Exception as error:
        raise _explained(error, _without_secrets(uri)) from error


def make_folder(path: Path, what: str) -> None:
    """Make a folder and see that it can be written to. Raises `Problem` with the path and what to do."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise Problem(
            f"{what} can't be written: {path}: {error.strerror or error}.",
            "Make that folder writable, or give the desk another by `data:` in its desk file.",
        ) from error


@contextmanager
def write_lock(path: Path, what: str, seconds: float) -> Iterator[None]:
    """Be the only writer, among this machine's threads and processes.

    Two processes that append to one symbol lose each other's rows without this.
    Raises `ConnectionProblem`, which is worth another try, when it isn't one's turn within `seconds`.
    """
    from filelock import FileLock, Timeout

    with _instances_lock:
        threads = _writers.setdefault(path, threading.Lock())
    if not threads.acquire(timeout=max(seconds, 0.0)):
        raise _busy(what, seconds)
    try:
        with FileLock(path, timeout=max(seconds, 0.0), poll_interval=0.005):
            yield
    except Timeout as error:
        raise _busy(what, seconds) from error
    finally:
        threads.release()


def _busy(what: str, seconds: float) -> ConnectionProblem:
    return ConnectionProblem(f"{what} is being written by another run, and {seconds:.0f} s of waiting weren't enough.")


class Explained:
    """A block in which the store's own errors become problems for a person."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, Problem):
            raise _explained(error, self._where) from error


def _explained(error: Exception, where: str) -> Problem:
    text = f"{type(error).__name__}: {error}"
    if "MapFull" in text or "MDB_MAP_FULL" in text:
        return Problem(
            f"The store of frames at {where} is full.",
            "Its data can still be read. Give its address a larger map, such as `lmdb://frames?map_size=800GB`.",
        )
    if "No space left" in text or "ENOSPC" in text:
        return Problem(f"There is no space left on the disk of {where}.", "Make room and run again.")
    text = _KEYS.sub(r"\1…", text)
    if "E_S3_RETRYABLE" in text or "Network error" in text:
        return ConnectionProblem(f"The store of frames at {where} is away: {text}.", "See that its address is right.")
    if "E_PERMISSION" in text or "HttpResponseCode:403" in text or "Permission error" in text:
        return Problem(
            f"The store of frames at {where} refuses the desk: {text}.", "See that its `access` and `secret` are right."
        )
    return Problem(f"The store of frames at {where} failed: {text}.")


def _without_secrets(uri: str) -> str:
    return uri.partition("?")[0]
