"""Each slot of a schedule has one run: the first flow run to claim it.

A server may make two flow runs for one slot, where a schedule is renewed at the very moment that it
is due. Claims are files, so that processes agree without a database.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from flows.desk import Desk

_FORM = "%Y-%m-%dT%H%M%SZ"
KEPT = pd.Timedelta(days=100)


def claim(desk: Desk, pipeline: str, instant: pd.Timestamp, flow_run: str) -> str:
    """Claim the slot that was due at an instant.

    Returns
    -------
    str
        The flow run that has the slot: `flow_run` itself, also when it is run once more, or an earlier one.
    """
    path = _folder(desk, pipeline) / f"{instant:{_FORM}}"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{flow_run}.{os.getpid()}")
    draft.write_text(flow_run)
    try:
        os.link(draft, path)
    except FileExistsError:
        return path.read_text()
    finally:
        draft.unlink()
    return flow_run


def claimed(desk: Desk, pipeline: str) -> set[pd.Timestamp]:
    """The instants of the slots that have their run; those long past are forgotten."""
    folder = _folder(desk, pipeline)
    if not folder.is_dir():
        return set()
    found = {
        pd.Timestamp(f"{path.name[:13]}:{path.name[13:15]}:{path.name[15:]}"): path
        for path in folder.iterdir()
        if not path.name.startswith(".")
    }
    latest = max(found, default=None)
    for instant, path in found.items():
        if latest is not None and instant < latest - KEPT:
            path.unlink(missing_ok=True)
    return set(found)


def _folder(desk: Desk, pipeline: str) -> Path:
    return desk.data / "slots" / (desk.profile or "_") / pipeline
