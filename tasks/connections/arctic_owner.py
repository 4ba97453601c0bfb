"""Who writes to a library of a store that machines share.

A lock file holds off the writers of one machine only, and S3 has no lock: two machines that append to one
symbol lose each other's rows. So a library belongs to the desk's data folder on the machine that wrote to it
first; any other is refused in words until it takes over.
"""

from __future__ import annotations

import socket
import uuid
from pathlib import Path
from typing import Any

from tasks.connections.problems import Refused

SYMBOL = "_writer"


def claim(shelf: Any, what: str, folder: Path, *, takes_over: bool) -> None:
    """See that a library is ours to write to; it is from now on where it was nobody's.

    Parameters
    ----------
    shelf
        The ArcticDB library.
    what
        The store and the library, for messages.
    folder
        The desk's data folder, which has a name of its own for this.
    takes_over
        Make it ours whoever's it was.

    Raises
    ------
    Refused
        Another desk, or another machine, writes to it.
    """
    import pandas as pd

    own = {"desk": _identity(folder), "host": socket.gethostname()}
    if shelf.has_symbol(SYMBOL):
        owner = shelf.read_metadata(SYMBOL).metadata or {}
        if owner.get("desk") == own["desk"]:
            return
        if not takes_over:
            raise Refused(
                f"{what} is written by another desk, on {owner.get('host')}: one desk writes to a library, since"
                " writers on two machines would lose each other's rows.",
                "Give this desk another library; or, once that one writes no more, set `takes_over: true` for the"
                " store in the desk file.",
            )
    shelf.write(SYMBOL, pd.DataFrame({"owner": [own["host"]]}), metadata=own, prune_previous_versions=True)


def _identity(folder: Path) -> str:
    """A name that no other desk has, kept in the data folder."""
    path = folder / "locks" / "desk.id"
    try:
        return path.read_text()
    except FileNotFoundError:
        draft = path.with_name(f".{uuid.uuid4().hex}")
        draft.write_text(uuid.uuid4().hex)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_text()
