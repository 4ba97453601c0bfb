"""`hedgerow lsp`."""

from __future__ import annotations

import sys
from importlib.metadata import version

from tasks.connections.problems import Problem


def serve(port: int | None) -> None:
    """Serve an editor, over standard input and output or, for one connection, a port of this machine."""
    try:
        import pygls  # noqa: F401 - the extra's own import error names no extra
    except ImportError:
        raise Problem(
            "The language server needs pygls, which isn't installed.", "Run `pip install 'hedgerow[editor]'`."
        ) from None
    from flows.lsp.notices import make_server

    server = make_server(version("hedgerow"))
    if port is not None:
        server.start_tcp("127.0.0.1", port)
        return
    protocol, sys.stdout = sys.stdout, sys.stderr  # what a task's module prints must not end up among the messages
    server.start_io(stdout=protocol.buffer)
