"""What a tracked run shows in Prefect's UI: a table a step, a report, and bars of progress.

An artifact is a request to the server, which takes 10 ms for it: so they are sent beside the steps. A
run waits a second at most for those that are still on their way when its last step has ended.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import pandas as pd
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

from flows.context import RunContext
from flows.graph import Node
from flows.markup import frame_table
from flows.outcome import Outcome
from flows.plan import Port
from flows.report import explain_command, report
from flows.sender import Sender
from flows.terminal import cell
from tasks.wording import counted

if TYPE_CHECKING:
    import logging

    from prefect.client.orchestration import SyncPrefectClient

ROWS = 200
"""Rows of a frame that its artifact shows."""
LAG = 1.0
"""Seconds that a step's progress runs before it gets a bar, and between two updates of it."""


class Artifacts:
    """Sends a run's artifacts. As a context: leaving it waits until they are sent, but not for long.

    That one can't be sent is logged once, and fails nothing.

    Parameters
    ----------
    context
        The run.
    flow_run
        The flow run that they belong to.
    logger
        Told of artifacts that can't be sent.
    """

    def __init__(
        self, context: RunContext, flow_run: UUID, logger: logging.Logger | logging.LoggerAdapter[Any]
    ) -> None:
        self._context = context
        self._flow_run = flow_run
        self._task_runs: dict[str, UUID] = {}
        self._bars: dict[str, _Bar] = {}
        self._lock = threading.Lock()
        self._sender = Sender("artifacts", logger)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._sender.close()
        else:
            self._sender.abandon()

    def step_runs(self, node: Node, task_run: UUID) -> None:
        """A node is run by this task run."""
        self._task_runs[node.name] = task_run

    def step_progress(self, node: Node, done: int, total: int, what: str) -> None:
        """Show how far a node has come, once it has gone on for `LAG` seconds."""
        now = time.monotonic()
        with self._lock:
            bar = self._bars.setdefault(node.name, _Bar(now))
            if now - bar.told < LAG:
                return
            bar.told = now
            bar.state = (round(100.0 * done / total, 1) if total else 0.0, f"{what}: {done:,} of {total:,}")
        self._sender.put(partial(self._draw, node, bar))

    def step_ended(self, node: Node, outcome: Outcome) -> None:
        """Show what a node yielded, and its bar as full. Items of `each` are shown gathered, not one by one."""
        bar = self._bars.get(node.name)
        if bar is not None and bar.state is not None and outcome.status == "completed":
            bar.state = (100.0, f"done in {outcome.seconds:.1f} s")
            self._sender.put(partial(self._draw, node, bar))
        if node.prefix or node.item is not None:
            return
        for name, frame in outcome.frames.items():
            schema = node.step.outputs.get(name)
            kind = schema.__name__ if schema else "Frame"
            self._sender.put(partial(self._show, Port(node.name, name), frame, kind))

    def run_ended(self, nodes: Sequence[Node], outcomes: Mapping[str, Outcome]) -> None:
        """Show the run's report: before what else is still to be sent, as it tells the most."""
        self._sender.put(partial(self._report, nodes, outcomes), first=True)

    def _report(self, nodes: Sequence[Node], outcomes: Mapping[str, Outcome], client: SyncPrefectClient) -> None:
        self._create(
            client,
            key=_key(self._context.plan.name),
            type="markdown",
            description=f"Report of run {self._context.id}, session {self._context.session}",
            data=report(nodes, outcomes, self._context),
        )

    def _show(self, port: Port, frame: pd.DataFrame, kind: str, client: SyncPrefectClient) -> None:
        told = f"{kind}, {counted(len(frame), 'row')}.{_whole(frame)}"
        told += f" Run `{self._context.id}`; where they come from: `{explain_command(self._context, port.step)}`"
        is_table = len(frame) > 1
        self._create(
            client,
            key=_key(self._context.plan.name, port.step, port.field or ""),
            type="table" if is_table else "markdown",
            description=told,
            data=_rows(frame) if is_table else f"{frame_table(frame) if len(frame) else 'No rows.'}\n\n{told}",
            task_run=self._task_runs.get(port.step),
        )

    def _draw(self, node: Node, bar: _Bar, client: SyncPrefectClient) -> None:
        with bar.drawing:  # one after the other, each as it stands by then
            share, told = bar.state or (0.0, "")
            if bar.artifact is not None:
                client.update_artifact(bar.artifact, ArtifactUpdate(data=share, description=told))
                return
            bar.artifact = self._create(
                client,
                key=_key(self._context.plan.name, node.name, "progress"),
                type="progress",
                description=told,
                data=share,
                task_run=self._task_runs.get(node.name),
            )

    def _create(
        self,
        client: SyncPrefectClient,
        *,
        key: str,
        type: str,  # noqa: A002 - Prefect's own name of it
        description: str,
        data: Any,
        task_run: UUID | None = None,
    ) -> UUID:
        wanted = ArtifactCreate(
            key=key,
            type=type,
            description=description,
            data=data,
            flow_run_id=self._flow_run,
            task_run_id=task_run,
        )
        # Not `create_artifact`: it sends an event about it too, which costs the server as much again.
        answer = client.request("POST", "/artifacts/", json=wanted.model_dump(mode="json", exclude_unset=True))
        return UUID(answer.json()["id"])


@dataclass
class _Bar:
    """The progress of one node."""

    told: float
    """When it was last put down to be sent."""
    state: tuple[float, str] | None = None
    """How far the node has come, and in words; None until it has gone on for long enough."""
    artifact: UUID | None = None
    drawing: threading.Lock = field(default_factory=threading.Lock)


def _whole(frame: pd.DataFrame) -> str:
    return f" The first {ROWS} are shown; the journal has them all." if len(frame) > ROWS else ""


def _rows(frame: pd.DataFrame) -> str:
    """The first rows as Prefect's tables are sent: JSON, every value as a person reads it."""
    names = [str(name) for name in frame.columns]
    head = frame.head(ROWS).itertuples(index=False, name=None)
    return json.dumps([dict(zip(names, map(cell, row), strict=True)) for row in head])


def _key(*parts: str) -> str:
    """A key as Prefect wants it: small letters, digits and dashes."""
    return "-".join(filter(None, (re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in parts)))
