"""What a run shows is sent beside it: whatever the server does, the run goes on."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows import sender
from flows.sender import Job, Sender

ROOT = Path(__file__).resolve().parents[2]


class Api:
    """A server that notes what it was sent, and answers when it may."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.under_way = self.most = 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/api"

    def _handler(api) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with api.lock:
                    api.under_way += 1
                    api.most = max(api.most, api.under_way)
                api.may_answer.wait(20)
                with api.lock:
                    api.under_way -= 1
                    api.taken.append(said)
                self.send_response(201)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def do_GET(self) -> None:  # whether it wants a token
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        return Handler


@pytest.fixture
def api() -> Iterator[Api]:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    own = Api()
    thread = threading.Thread(target=own.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    with temporary_settings({PREFECT_API_URL: own.url}):
        yield own
    own.may_answer.set()
    own.server.shutdown()
    own.server.server_close()


def job(number: int) -> Job:
    return lambda client: client.request("POST", "/artifacts/", json=number) and None


def begun(caplog: pytest.LogCaptureFixture) -> Sender:
    caplog.set_level(logging.WARNING)
    return Sender("artifacts", logging.getLogger("the run"))


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "the run"]


def test_everything_is_sent_several_at_once(api, caplog):
    api.may_answer.clear()
    own = begun(caplog)
    for number in range(10):
        own.put(job(number))
    until = time.monotonic() + 10
    while api.most < sender.AT_ONCE and time.monotonic() < until:
        time.sleep(0.01)
    api.may_answer.set()
    own.close()
    sender.finish_all(10)
    assert sorted(api.taken) == list(range(10))
    assert api.most == sender.AT_ONCE
    assert said(caplog) == []


def test_the_report_goes_before_what_waits(api, caplog):
    api.may_answer.clear()
    own = begun(caplog)
    for number in range(10):
        own.put(job(number))
    own.put(job(99), first=True)
    api.may_answer.set()
    own.close()
    sender.finish_all(10)
    assert 99 in api.taken[: 2 * sender.AT_ONCE]


def test_a_slow_server_delays_the_run_by_less_than_a_second_and_loses_nothing(api, caplog):
    api.may_answer.clear()
    own = begun(caplog)
    for number in range(10):
        own.put(job(number))
    before = time.monotonic()
    own.close()
    assert time.monotonic() - before < 1
    assert api.taken == []
    api.may_answer.set()
    sender.finish_all(10)
    assert sorted(api.taken) == list(range(10))
    assert said(caplog) == []


def test_what_a_server_does_not_take_until_the_end_is_given_up_and_said_once(api, caplog):
    api.may_answer.clear()
    own = begun(caplog)
    for number in range(10):
        own.put(job(number))
    own.close()
    before = time.monotonic()
    sender.finish_all(0.3)
    assert time.monotonic() - before < 1
    sender.finish_all(0.3)
    assert said(caplog) == ["this run shows no more artifacts: the server takes too long for them"]


def test_a_job_that_fails_ends_it_and_is_said_once(api, caplog):
    own = begun(caplog)

    def fail(_: Any) -> None:
        raise ValueError("no such thing")

    for _ in range(5):
        own.put(fail)
    own.close()
    sender.finish_all(10)
    own.put(job(1))
    assert said(caplog) == ["this run shows no more artifacts: ValueError: no such thing"]
    assert api.taken == []


def test_a_process_that_ends_sends_what_is_left(api):
    """As `hedgerow run` does: its run has ended, and so does it."""
    code = """
import logging
import prefect.client.orchestration
from flows.sender import Sender
own = Sender("artifacts", logging.getLogger())
for number in range(5):
    own.put(lambda client, number=number: client.request("POST", "/artifacts/", json=number) and None)
own.close()
print("ended", flush=True)
"""
    api.may_answer.clear()
    environment = {"PATH": "", "PREFECT_API_URL": api.url, "PREFECT_HOME": "/nonexistent", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "ended\n"
    assert api.taken == []
    api.may_answer.set()
    assert process.wait(20) == 0
    assert sorted(api.taken) == list(range(5))
