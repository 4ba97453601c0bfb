"""Client ids of a gateway, lent to one process of a desk at a time.

A gateway refuses a second connection with the id of a first. Locks on files say which ids are in
use; the system lets go of them when a process ends, however it ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.connections.problems import ConnectionProblem, Problem

if TYPE_CHECKING:
    from filelock import FileLock

COUNT = 32
"""A gateway takes 32 clients."""


class ClientId:
    """A client id that no other connection of the desk has, until it is given back.

    Parameters
    ----------
    folder
        The desk's data folder.
    host, port
        The gateway.
    first
        The least id: the desk's connections take it and the 31 after it.

    Raises
    ------
    ConnectionProblem
        All are in use.
    Problem
        The folder can't be written.
    """

    def __init__(self, folder: Path, host: str, port: int, first: int) -> None:
        self.number, self._lock = _lend(folder / "client-ids", _name(host, port), first)

    def give_back(self) -> None:
        """Another may have it."""
        self._lock.release()


def is_free(folder: Path, host: str, port: int, number: int) -> bool:
    """Whether no process of the desk has this client id."""
    from filelock import FileLock, Timeout

    path = folder / "client-ids" / f"{_name(host, port)}-{number}.lock"
    if not path.parent.is_dir():
        return True
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return False
    lock.release()
    return True


def _name(host: str, port: int) -> str:
    return f"{host.replace('/', '_')}-{port}"


def _lend(folder: Path, gateway: str, first: int) -> tuple[int, FileLock]:
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(first, first + COUNT):
            # Given back by whichever thread closes the connection.
            lock = FileLock(folder / f"{gateway}-{number}.lock", timeout=0, thread_local=False)
            try:
                lock.acquire()
            except Timeout:
                continue
            return number, lock
    except OSError as error:
        raise Problem(
            f"The desk's data folder can't be written: {folder}: {error.strerror or error}.",
            "Mend its permissions, or name another folder with `data:` in pipelines/_desk.yaml.",
        ) from error
    raise ConnectionProblem(
        f"All {COUNT} client ids from {first} on are in use by runs of this desk.", "Let fewer run at once."
    )
