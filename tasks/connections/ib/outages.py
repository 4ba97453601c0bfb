"""Connections that processes of the desk have lost and want back, for whoever asks how the desk is."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger("hedgerow.ib")


class Outage(NamedTuple):
    """A connection that is lost."""

    client_id: int
    since_ns: int
    """Nanoseconds since 1970."""
    attempts: int
    """To connect again."""
    reason: str
    """Of the latest failure."""


class Outages:
    """A file for each lost connection, in the desk's data folder; it goes when the connection is there again.

    Parameters
    ----------
    folder
        The desk's data folder.
    host, port
        The gateway.
    owner_is_gone
        Whether the process that had this client id has ended: its outage has, too.
    """

    def __init__(self, folder: Path, host: str, port: int, owner_is_gone: Callable[[int], bool]) -> None:
        self._folder = folder / "outages"
        self._gateway = f"{host.replace('/', '_')}-{port}-"
        self._owner_is_gone = owner_is_gone

    def keep(self, outage: Outage) -> None:
        """Write it down; where that fails the log says so, and no more comes of it."""
        path = self._path(outage.client_id)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps(outage._asdict()))
            draft.replace(path)
        except OSError as error:
            log.warning("The outage can't be written to %s: %s", path, error)

    def end(self, client_id: int) -> None:
        """The connection of this client id is there again, or no longer wanted."""
        with contextlib.suppress(OSError):
            self._path(client_id).unlink(missing_ok=True)

    def read(self) -> list[Outage]:
        """Those of processes that live, the longest first."""
        found = []
        for path in self._folder.glob(f"{self._gateway}*.json"):
            try:
                outage = Outage(**json.loads(path.read_text()))
            except (OSError, ValueError, TypeError):
                continue  # it has just ended
            if self._owner_is_gone(outage.client_id):
                self.end(outage.client_id)
            else:
                found.append(outage)
        return sorted(found, key=lambda outage: outage.since_ns)

    def _path(self, client_id: int) -> Path:
        return self._folder / f"{self._gateway}{client_id}.json"
