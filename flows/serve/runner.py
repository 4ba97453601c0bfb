"""Prefect's runner, with what it leaves to be wished for."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from pydantic import PrivateAttr

from flows.serve.deploy import Registered

POLL = 2.0
"""Seconds between two questions to the server for what is due."""
HEARTBEAT = 30.0
"""Seconds between two signs of life of a flow run; the least that Prefect takes."""


class _Known(RunnerDeployment):
    """A deployment that the server has already."""

    _identity: UUID = PrivateAttr()

    async def aapply(self, *_: Any, **__: Any) -> UUID:
        return self._identity


class DeskRunner(Runner):
    """Starts what is due, a process each.

    Parameters
    ----------
    limit
        How many flow runs may be under way at once.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(
            name="hedgerow", query_seconds=POLL, heartbeat_seconds=HEARTBEAT, limit=limit, pause_on_shutdown=False
        )

    async def add(self, registered: Registered) -> None:
        """Serve a deployment."""
        known = _Known(name=registered.name)
        known._identity = registered.id
        await self.aadd_deployment(known)

    def has(self) -> set[UUID]:
        """The flow runs that it is starting or has started, until it has told the server of their end."""
        return {*self._process_manager.flow_run_ids(), *self._scheduled_run_poller._submitting_flow_run_ids}

    async def cancel_all(self) -> None:
        """Cancel what is under way, all at once: each has half a minute, and Prefect would let them have it in turn."""
        await asyncio.gather(*(self._cancel(each) for each in self._process_manager.flow_run_ids()))

    async def _cancel(self, identity: UUID) -> None:
        try:
            flow_run = await self._client.read_flow_run(identity)
            await self._cancellation_manager.cancel(flow_run, state_msg="`hedgerow up` was stopped.")
        except Exception:
            self._logger.exception("flow run %s could not be cancelled", identity)
