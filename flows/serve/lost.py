"""Flow runs that a server takes to be under way, and whose process is no more."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pandas as pd

from flows.desk import Desk
from flows.processes import is_gone
from flows.serve.followers import tags
from flows.serve.identity import project_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

GRACE = pd.Timedelta(seconds=30)
"""As long as a process takes at most to begin a run, or to tell of its end."""
_PAGE = 200


@contextmanager
def known_to_run(desk: Desk, flow_run: str) -> Iterator[None]:
    """Within the block this process is known to run a flow run: should it be killed, that can be seen."""
    path = _folder(desk) / flow_run
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{socket.gethostname()}:{os.getpid()}")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


class Lost:
    """Finds and marks them.

    Prefect sees a killed process as long as the one that started it lives. Where both are gone, a run would
    stay as it was for ever. One whose pipeline has begun is known by the file that its process leaves; one
    that was taken and never begun, or killed between, by that nobody has it: the desk has one `hedgerow up`.

    Parameters
    ----------
    desk
        That we serve, alone.
    client
        Of the server.
    """

    def __init__(self, desk: Desk, client: SyncPrefectClient) -> None:
        self._desk = desk
        self._client = client
        self._suspects: set[UUID] = set()

    def mark(self, now: pd.Timestamp, ours: Collection[UUID]) -> None:
        """Mark as crashed what has lost its process, or as cancelled if that was under way.

        Parameters
        ----------
        now
            The wall's time.
        ours
            What our runner has: it sees to those itself.
        """
        suspects = set()
        for flow_run in self._under_way():
            path = _folder(self._desk) / str(flow_run.id)
            if path.exists():
                if _is_gone(path):
                    self._end(flow_run)
            elif flow_run.id not in ours and _since(flow_run) < now - GRACE:
                suspects.add(flow_run.id)
                if flow_run.id in self._suspects:  # twice in turn: its process may just have told of its end
                    self._end(flow_run)
        self._suspects = suspects
        for path in _folder(self._desk).glob("*"):
            if _is_gone(path):
                path.unlink(missing_ok=True)

    def _under_way(self) -> list[FlowRun]:
        from prefect.client.schemas.filters import (
            DeploymentFilter,
            DeploymentFilterTags,
            FlowRunFilter,
            FlowRunFilterState,
            FlowRunFilterStateType,
        )
        from prefect.client.schemas.objects import StateType

        states = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
        wanted: Any = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states)))
        served = [*tags(self._desk), project_of(self._desk.root)]
        ours: Any = DeploymentFilter(tags=DeploymentFilterTags(all_=served))
        found: list[FlowRun] = []
        while page := self._client.read_flow_runs(
            flow_run_filter=wanted, deployment_filter=ours, limit=_PAGE, offset=len(found)
        ):
            found += page
            if len(page) < _PAGE:
                break
        return found

    def _end(self, flow_run: FlowRun) -> None:
        from prefect.states import Cancelled, Crashed

        state = flow_run.state
        if state is not None and state.is_cancelling():
            ended: State[Any] = Cancelled(message="Its process is gone.")
        elif state is not None and state.is_pending():
            ended = Crashed(message="What took it ended before it could begin.")
        else:
            ended = Crashed(message="Its process is gone.")
        self._client.set_flow_run_state(flow_run.id, ended, force=True)


def _since(flow_run: FlowRun) -> pd.Timestamp:
    assert flow_run.state is not None  # noqa: S101 - it was found by its state
    return pd.Timestamp(flow_run.state.timestamp)


def _folder(desk: Desk) -> Path:
    """Of the files that name the process of each flow run while its pipeline runs."""
    return desk.data / "running"


def _is_gone(path: Path) -> bool:
    """Whether the process that a file names, of this machine, is no more."""
    try:
        host, _, process = path.read_text().rpartition(":")
    except FileNotFoundError:
        return False
    return process.isdigit() and is_gone(host, int(process))
