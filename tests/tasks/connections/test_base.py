"""Opening once, and closing at any time."""

from __future__ import annotations

import threading

import pytest

from tasks.connections.base import Connection, Settings
from tasks.connections.problems import ConnectionProblem


class Slow(Connection):
    """Opens when it is let."""

    kind = "slow"

    def __init__(self, folder):
        super().__init__("slow", Settings(), folder)
        self.begun, self.let, self.did = threading.Event(), threading.Event(), []

    def _open(self):
        self.did.append("open")
        self.begun.set()
        assert self.let.wait(10)

    def _close(self):
        self.did.append("close")


def test_many_threads_open_it_once(tmp_path):
    slow = Slow(tmp_path)
    slow.let.set()
    threads = [threading.Thread(target=slow.open) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slow.close()
    slow.close()
    assert slow.did == ["open", "close"]


def test_closing_does_not_wait_for_an_opening_that_hangs_and_it_is_closed_once_it_ends(tmp_path):
    slow = Slow(tmp_path)
    problems = []

    def opening():
        with pytest.raises(ConnectionProblem) as caught:
            slow.open()
        problems.append(str(caught.value))

    thread = threading.Thread(target=opening)
    thread.start()
    assert slow.begun.wait(5)
    slow.close()
    assert thread.is_alive()
    slow.let.set()
    thread.join(5)
    assert problems == ["`slow` was closed while it was being opened."]
    assert slow.did == ["open", "close"]
    slow.open()
    assert slow.did == ["open", "close", "open"]
