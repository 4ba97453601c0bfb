"""Sends what a run shows, beside the run: its steps never wait for it, and its end waits only so long."""

from __future__ import annotations

import atexit
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    import logging

    from prefect.client.orchestration import SyncPrefectClient

AT_ONCE = 3
"""Requests under way at once: one that is far away, or has other work, takes its time for each."""
PATIENCE = 0.2
"""Seconds that a run which has ended waits for what is still to be sent: the rest is sent beside what follows."""
FAREWELL = 5.0
"""Seconds that a process which ends waits for it."""
TIMEOUT = 10.0
"""Seconds of one request."""

Job = Callable[["SyncPrefectClient"], None]

_unfinished: WeakSet[Sender] = WeakSet()


class Sender:
    """Does jobs in the order in which they come, each with a client of Prefect's API, on threads of its own.

    It begins with the first job, in the context of whoever made it: Prefect's settings may be those
    of one flow run alone. A job that fails ends the sending, and is told of once.

    Parameters
    ----------
    what
        What is sent, for what is said of it: "artifacts".
    logger
        Told of what could not be sent.
    """

    def __init__(self, what: str, logger: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        self._what = what
        self._logger = logger
        self._context = copy_context()
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._threads = 0
        self._busy = 0
        self._is_closed = False
        self._is_lost = False

    def put(self, job: Job, first: bool = False) -> None:
        """Have a job done; `first`: before those that wait. Returns at once."""
        with self._changed:
            if self._is_lost:
                return
            (self._waiting.appendleft if first else self._waiting.append)(job)
            if self._threads < AT_ONCE and self._busy + len(self._waiting) > self._threads:
                self._threads += 1
                thread = threading.Thread(
                    target=self._context.copy().run, args=(self._work,), name=f"send {self._what}", daemon=True
                )
                thread.start()
            self._changed.notify()

    def close(self) -> None:
        """No more jobs come. Waits until all are done, at most `PATIENCE` seconds; the others are done later."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            if not self._wait(PATIENCE):
                _unfinished.add(self)

    def abandon(self) -> None:
        """Do none of the jobs that are left."""
        with self._changed:
            self._is_closed = self._is_lost = True
            self._waiting.clear()
            self._changed.notify_all()

    def finish(self, seconds: float) -> None:
        """Wait for what `close` left; what is then still to be sent is given up, and said."""
        with self._changed:
            if not self._wait(seconds):
                self._give_up("the server takes too long for them")

    def _wait(self, seconds: float) -> bool:
        return self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds)

    def _work(self) -> None:
        try:
            with _client() as client:
                while (job := self._next()) is not None:
                    try:
                        job(client)
                    finally:
                        with self._changed:
                            self._busy -= 1
                            self._changed.notify_all()
        except Exception as error:  # whatever it is, a run doesn't fail for what it shows
            with self._changed:
                self._give_up(f"{type(error).__name__}: {error}")

    def _next(self) -> Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if not self._waiting:
                return None
            self._busy += 1
            return self._waiting.popleft()

    def _give_up(self, why: str) -> None:
        if self._is_lost:
            return
        self._is_lost = self._is_closed = True
        self._waiting.clear()
        self._changed.notify_all()
        self._logger.warning("this run shows no more %s: %s", self._what, why)


def _client() -> SyncPrefectClient:
    """A client of the API that Prefect is configured with: the flow run's own is closed when the run ends."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    settings: dict[str, Any] = {"timeout": TIMEOUT}
    if (PREFECT_API_URL.value() or "").startswith("http://"):
        # Unused there, and to load the certificates that a default one trusts takes 20 ms.
        settings["verify"] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return get_client(httpx_settings=settings, sync_client=True)


def finish_all(seconds: float = FAREWELL) -> None:
    """Wait for what runs of this process have left to be sent; what is then left is given up, and said."""
    until = time.monotonic() + seconds
    for sender in list(_unfinished):
        sender.finish(max(0.0, until - time.monotonic()))


atexit.register(finish_all)
