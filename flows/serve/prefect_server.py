"""A Prefect server of our own, for as long as we are up, where there is none."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlsplit

from tasks.connections.problems import Problem
from tasks.connections.scrubbing import PREFIX

HOST = "127.0.0.1"
LOOPBACK = (HOST, "localhost", "::1")
_PATIENCE = 120.0
_FAREWELL = 20.0
_MARK = "server.json"


def answers(url: str, seconds: float = 2.0) -> bool:
    """Whether a Prefect API answers at this URL."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=seconds) as answer:  # noqa: S310 - the user's own URL
            return bool(answer.read().strip() == b"true")
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class LeftServer:
    """A server that an earlier `hedgerow up` has started, and that outlived it."""

    folder: Path
    process: int
    url: str

    @property
    def is_up(self) -> bool:
        """Whether it lives: then it holds the lock that it was started with."""
        with _lock(self.folder) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def stop(self) -> None:
        """End it and whatever it has started."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            until = time.monotonic() + _FAREWELL
            with suppress(ProcessLookupError):
                os.killpg(self.process, sign)
            while self.is_up and time.monotonic() < until:
                time.sleep(0.1)
            if not self.is_up:
                return


def left_server(folder: Path) -> LeftServer | None:
    """The server that was left running by whoever last had one with its log in this folder; None where none was."""
    try:
        mark = json.loads((folder / _MARK).read_text())
    except (OSError, ValueError):
        return None
    left = LeftServer(folder, int(mark["process"]), str(mark["url"]))
    return left if left.is_up else None


def _lock(folder: Path) -> IO[bytes]:
    return (folder / "server.lock").open("ab")


class PrefectServer:
    """A server process on this machine.

    Its database is the one that Prefect is configured with: SQLite by default, or PostgreSQL by
    `PREFECT_SERVER_DATABASE_CONNECTION_URL`.

    Parameters
    ----------
    url
        Of its API, on a loopback address.
    log
        The file that takes what it prints.
    """

    def __init__(self, url: str, log: Path) -> None:
        parts = urlsplit(url)
        self.url = url
        self.host, self.port = parts.hostname or HOST, parts.port or 80
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._left: LeftServer | None = None

    def __enter__(self) -> Self:
        return self if self._left is not None else self.start()

    def take_over(self, left: LeftServer) -> None:
        """Have one that runs already as our own, to be stopped with us."""
        self._left = left

    def start(self) -> Self:
        """Start it and wait until it answers. Raises `Problem` where it doesn't."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._left = None
        # The server needs no secret of the desk's, and its API must be its own.
        withheld = ("PREFECT_API_URL", PREFIX)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(withheld)}
        own = {
            "PREFECT_SERVER_UI_API_URL": self.url,  # of its pages
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            # Every five seconds otherwise, in which it plans the runs of what is just being registered again and again.
            "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "20",
        }
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", self.host, "--port", str(self.port)]
        with self.log.open("wb") as log, _lock(self.log.parent) as lock:
            with suppress(OSError):  # one that can't be ended has it
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Of its own session: a terminal's Ctrl-C must not take it from under the runs that still end.
            # It has the lock as long as it lives, whatever becomes of us.
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                env=own | inherited,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
            (self.log.parent / _MARK).write_text(json.dumps({"process": self._process.pid, "url": self.url}))
        try:
            self._await()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_up(self) -> bool:
        """Whether its process lives."""
        if self._left is not None:
            return self._left.is_up
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it and whatever it has started."""
        left, self._left = self._left, None
        if left is not None:
            left.stop()
        process, self._process = self._process, None
        if process is None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, sign)
            except ProcessLookupError:
                break
            try:
                process.wait(_FAREWELL)
            except subprocess.TimeoutExpired:
                continue
        process.wait()

    def _await(self) -> None:
        until = time.monotonic() + _PATIENCE
        while not answers(self.url):
            if not self.is_up:
                raise Problem(f"The Prefect server could not start at {self.host}:{self.port}: {self._last_words()}")
            if time.monotonic() > until:
                raise Problem(f"The Prefect server doesn't answer within {_PATIENCE:.0f} s.", f"Its log is {self.log}.")
            time.sleep(0.2)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        if any("is already in use" in line for line in lines):
            return "something else uses that port; choose another with --port."
        return (lines or ["it said nothing"])[-1].strip() + f" (all of it: {self.log})"
