"""`hedgerow lsp`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from tasks.connections.problems import Problem

if TYPE_CHECKING:
    from flows.lsp.server import Server


def serve(port: int | None) -> None:
    """Serve an editor, over standard input and output or, for one connection, a port of this machine."""
    try:
        import pygls  # noqa: F401 - the extra's own import error names no extra
    except ImportError:
        raise Problem(
            "The language server needs pygls, which isn't installed.", "Run `pip install 'hedgerow[editor]'`."
        ) from None
    if port is not None:
        _server().start_tcp("127.0.0.1", port)
        return
    # What a task's module prints, or a library below it, must not end up among the messages.
    protocol = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _server().start_io(stdout=protocol)


def _server() -> Server:
    from flows.lsp.notices import make_server

    return make_server(version("hedgerow"))
