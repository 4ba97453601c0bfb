"""Large frames by reference: processes of one machine read them from the journal's shelf, by their content.

Only of one machine: the shelf is a memory map, which file systems of a network don't keep whole.
"""

from __future__ import annotations

import socket
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flows.journal.frames import FrameShelf
from tasks.connections.problems import Problem

_HELD = 8
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Reference:
    """Columns of a frame on a shelf."""

    folder: str
    place: tuple[str, int, int]
    content: str
    columns: tuple[str, ...]


class Elsewhere(Problem):
    """This process doesn't see the shelf that a reference means, or not that frame."""


class SharedFrames:
    """The shelves that a process reads from, and the frames that it read last."""

    def __init__(self) -> None:
        self._shelves: dict[str, FrameShelf] = {}
        self._frames: OrderedDict[tuple[str, str], pd.DataFrame] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, reference: Reference) -> pd.DataFrame:
        """The frame; read once however many ask for it. Raises `Elsewhere`."""
        key = reference.folder, reference.content
        with self._lock:
            if key not in self._frames:
                self._frames[key] = self._read(reference)
            self._frames.move_to_end(key)
            while len(self._frames) > _HELD:
                self._frames.popitem(last=False)
            return self._frames[key][list(reference.columns)]

    def _read(self, reference: Reference) -> pd.DataFrame:
        if place_of(reference.folder) != reference.place:
            raise Elsewhere(f"{reference.folder} isn't the run's here.")
        shelf = self._shelves.setdefault(reference.folder, FrameShelf(Path(reference.folder)))
        try:
            return shelf.get(reference.content)
        except Exception as error:  # whatever it is, the run still has the frame itself
            raise Elsewhere(f"Frame {reference.content[:12]} can't be read here: {error}") from error


def place_of(folder: str) -> tuple[str, int, int] | None:
    """What tells a folder of this machine from all others; None where there is none."""
    try:
        found = Path(folder).stat()
        boot = _BOOT.read_text().strip() if _BOOT.exists() else ""
    except OSError:
        return None
    return f"{socket.gethostname()} {boot}", found.st_dev, found.st_ino
