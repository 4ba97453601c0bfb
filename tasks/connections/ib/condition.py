"""What a gateway lacks just now, by what it says."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

BROKER, SERVER = "the broker", "the broker's server"

_LOST = {1100: BROKER, 2110: SERVER}
_FARM_LOST = {2103, 2105, 2157}
_FARM_FOUND = {2104, 2106, 2107, 2108, 2158}
_BROKER_FOUND = {1101, 1102}


class Lack(NamedTuple):
    """Something that the gateway lacks."""

    name: str
    """The broker, or a data farm."""
    code: int
    since_ns: int
    """Nanoseconds since 1970."""


class Condition:
    """What the gateway lacks: nothing, the broker (1100, 2110), or data farms (2103, 2105, 2157).

    The broker is back with 1101 or 1102, a farm with 2104, 2106, 2107, 2108 or 2158 that names it. 2110
    is over with any of these: no farm is connected without the broker.
    """

    def __init__(self) -> None:
        self._lacks: dict[str, Lack] = {}
        self._lock = threading.Lock()

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """All that it lacks, the longest missed first."""
        with self._lock:
            return tuple(sorted(self._lacks.values(), key=lambda lack: lack.since_ns))

    @property
    def is_whole(self) -> bool:
        """Whether it lacks nothing."""
        return not self._lacks

    @property
    def has_broker(self) -> bool:
        """Whether it has the broker, if perhaps not every farm."""
        return not {BROKER, SERVER} & self._lacks.keys()

    def hear(self, code: int, text: str) -> bool:
        """Take a code of the gateway's; whether it changes anything."""
        name = _LOST.get(code) or (_farm(text) if code in _FARM_LOST else "")
        with self._lock:
            if name:
                known = name in self._lacks
                self._lacks.setdefault(name, Lack(name, code, time.time_ns()))
                return not known
            gone: set[str] = set()
            if code in _BROKER_FOUND:
                gone = {BROKER, SERVER}
            elif code in _FARM_FOUND:
                gone = {SERVER, _farm(text)}
            found = gone & self._lacks.keys()
            for item in found:
                del self._lacks[item]
            return bool(found)


def _farm(text: str) -> str:
    """`usfarm` in `Market data farm connection is broken:usfarm`."""
    name = text.rpartition(":")[2].strip()
    return f"the data farm {name}" if name else "a data farm"
