"""Whether a process that has left its name is still there."""

from __future__ import annotations

import os
import socket


def is_gone(host: str, process: int) -> bool:
    """Whether a process of this machine has ended; what another machine does can't be known."""
    if host != socket.gethostname():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
