"""Serves the page on this machine alone: its files, and one websocket a tab, which only ever sends."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from flows.stream.page.scene import Sent
from tasks.connections.problems import Problem

HOST = "127.0.0.1"
BEHIND = 4_000_000
"""Bytes that may wait for a tab; one that takes no more is told everything anew once it does."""
PING = 20
HERE = Path(__file__).parent
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
OWN = ("page.html", "page.js", "panels.js", "page.css")


class Audience:
    """The tabs that are open.

    Parameters
    ----------
    greet
        Sends everything to a tab that has just come, or was behind.
    """

    def __init__(self, greet: Callable[[Tab], None]) -> None:
        self._tabs: set[Tab] = set()
        self._greet = greet

    def __len__(self) -> int:
        return len(self._tabs)

    def __iter__(self) -> Iterator[Tab]:
        return iter(tuple(self._tabs))

    def enter(self, tab: Tab) -> None:
        """A tab is open; it is greeted with the next news."""
        self._tabs.add(tab)

    def leave(self, tab: Tab) -> None:
        """It is closed."""
        self._tabs.discard(tab)

    def tell(self, messages: list[str | bytes]) -> None:
        """Send to every tab that keeps up; greet those that are new, and anew those that were behind.

        Parameters
        ----------
        messages
            In their order.
        """
        for tab in self:
            if not tab.is_behind:
                for message in messages:
                    tab.send(message)
            elif tab.waiting == 0:
                # What is new is in what it is greeted with: the one comes from the other.
                tab.is_behind = False
                self._greet(tab)

    def close(self) -> None:
        """Say goodbye to all."""
        for tab in self:
            tab.close()


class Tab(WebSocketHandler):
    """One open page. What it says is not listened to."""

    def initialize(self, audience: Audience, guard: Guard) -> None:
        self.audience, self.guard = audience, guard
        self.waiting = 0
        """Bytes that it hasn't taken yet."""
        self.is_behind = True
        """It is sent nothing until it has been greeted."""

    def prepare(self) -> None:
        self.guard.admit(self)

    def check_origin(self, origin: str) -> bool:
        """Only pages of this server: a page of any other site could ask for it too."""
        return origin in self.guard.origins

    def open(self, *_: str, **__: str) -> None:
        self.set_nodelay(True)
        self.audience.enter(self)

    def on_message(self, message: str | bytes) -> None:
        """Nothing that a page says changes anything."""

    def on_close(self) -> None:
        self.audience.leave(self)

    def send(self, message: str | bytes) -> None:
        """Send, unless it is behind."""
        if self.is_behind:
            return
        size = len(message)
        if self.waiting + size > BEHIND and self.waiting:
            self.is_behind = True
            return
        try:
            sent = self.write_message(message, binary=isinstance(message, bytes))
        except WebSocketClosedError:
            self.audience.leave(self)
            return
        self.waiting += size

        def taken(done: Any) -> None:
            self.waiting -= size
            done.exception()  # a tab that went meanwhile

        sent.add_done_callback(taken)


class Guard:
    """Who may see the page: whoever has the token, on this machine, from the page itself.

    Parameters
    ----------
    token
        Part of the page's address.
    port
        Where the server listens.
    """

    def __init__(self, token: str, port: int) -> None:
        self._token = token
        self.hosts = {f"{host}:{port}" for host in (HOST, "localhost")}
        self.origins = {f"http://{host}" for host in self.hosts}
        self.policy = "; ".join(
            (
                "default-src 'none'",
                "script-src 'self' 'wasm-unsafe-eval' blob:",
                "worker-src 'self' blob:",
                f"connect-src 'self' data: blob: {' '.join(f'ws://{host}' for host in sorted(self.hosts))}",
                "style-src 'self' 'unsafe-inline'",  # the grid writes its columns' widths so
                "img-src 'self' data: blob:",
                "font-src 'self' data:",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            )
        )

    def admit(self, handler: RequestHandler) -> None:
        """Raise where it isn't admitted: 404, which tells nothing; or 421 for a name that isn't ours."""
        if handler.request.host not in self.hosts:  # a name that somebody pointed at this machine
            raise HTTPError(421)
        token = handler.path_kwargs.get("token") or ""
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            raise HTTPError(404)


class Files(RequestHandler):
    """The page and what it is made of."""

    def initialize(self, guard: Guard, files: dict[str, Path]) -> None:
        self.guard, self.files = guard, files

    def prepare(self) -> None:
        self.guard.admit(self)

    def set_default_headers(self) -> None:
        self.clear_header("Server")

    def get(self, token: str, name: str) -> None:
        """One file."""
        path = self.files.get(name or "page.html")
        if path is None:
            raise HTTPError(404)
        self.set_header("Content-Type", f"{TYPES[path.suffix]}; charset=utf-8")
        self.set_header("Content-Security-Policy", self.guard.policy)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Cache-Control", "no-cache" if path.parent == HERE else "private, max-age=86400")
        self.write(path.read_bytes())

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish(f"{status_code}")


def application(token: str, port: int, audience: Audience) -> Application:
    """The page's routes, under a path that only whoever was told it knows."""
    guard = Guard(token, port)
    static = _perspective()
    files = {name: HERE / name for name in OWN}
    files |= {
        "perspective.js": static / "perspective-anywidget.js",
        "perspective.css": static / "perspective-anywidget.css",
    }
    return Application(
        [
            (r"/(?P<token>[\w-]+)/live", Tab, {"audience": audience, "guard": guard}),
            (r"/(?P<token>[\w-]+)/(?P<name>[\w.]*)", Files, {"guard": guard, "files": files}),
        ],
        websocket_ping_interval=PING,
        websocket_ping_timeout=PING,
        websocket_max_message_size=1024,
        log_function=lambda _: None,
    )


def listen(make: Callable[[int], Application], port: int, exact: bool) -> tuple[HTTPServer, int]:
    """Serve on loopback.

    Parameters
    ----------
    make
        The application, for the port that it is to be served at.
    port
        The wanted one; 0: any.
    exact
        Whether another will not do.

    Raises
    ------
    Problem
        The port is taken, and no other will do.
    """
    from tornado.netutil import bind_sockets

    try:
        sockets = bind_sockets(port, HOST)
    except OSError as error:
        if exact:
            raise Problem(
                f"The page can't be served at port {port}: {error.strerror}.", "Give another: --view PORT."
            ) from None
        sockets = bind_sockets(0, HOST)
    bound = sockets[0].getsockname()[1]
    server = HTTPServer(make(bound))
    server.add_sockets(sockets)
    return server, bound


def packed(sent: Sent) -> bytes:
    """A table's message: the length of a head of JSON, the head, the rows as Arrow."""
    head = json.dumps({"table": sent.table, "whole": sent.whole, "removed": sent.change.removed}).encode()
    # Arrow's reader wants its bytes at an address that eight divides.
    head += b" " * (-(4 + len(head)) % 8)
    return len(head).to_bytes(4, "little") + head + sent.change.rows


def _perspective() -> Path:
    spec = find_spec("perspective")  # found, not imported: only the browser's part of it is used
    if spec is None or spec.origin is None:
        raise Problem(
            "The page needs perspective-python, which isn't installed.", "Run `pip install perspective-python`."
        )
    return Path(spec.origin).parent / "widget" / "static"
