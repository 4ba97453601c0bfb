"""A server whose database is locked for a moment is asked again at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_CSRF_SUPPORT_ENABLED, temporary_settings

from flows.serve.client import server_client


class Locked(BaseHTTPRequestHandler):
    """Answers as a Prefect server whose SQLite another writer has, until it has been asked often enough."""

    left = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        is_locked, Locked.left = Locked.left > 0, Locked.left - 1
        self.send_response(503 if is_locked else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Locked) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api"
        server.shutdown()
        thread.join()


def test_it_asks_again_soon_and_each_request_anew(url: str) -> None:
    ours = {PREFECT_API_URL: url, PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False}
    with temporary_settings(ours), server_client() as client:
        for _ in range(3):
            Locked.left = 3
            begun = time.monotonic()
            assert client.request("POST", "/deployments/filter", json={}).json() == []
            assert time.monotonic() - begun < 1.5, "Prefect's own client would wait for fourteen seconds"
