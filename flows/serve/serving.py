"""Serves the pipelines of a project: runs what its server says is due, until told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from pydantic import PrivateAttr

from flows.serve.alive import Alive
from flows.serve.crashes import Crashes
from flows.serve.deploy import Registered
from flows.serve.deployments import Deployments, Say
from flows.serve.prefect_server import PrefectServer
from tasks.connections.clock import WallClock

POLL = 2.0
"""Seconds between two questions to the server for what is due."""
HEARTBEAT = 30.0
"""Seconds between two signs of life of a flow run; the least that Prefect takes."""
_TICK = 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Known(RunnerDeployment):
    """A deployment that the server has already."""

    _identity: UUID = PrivateAttr()

    async def aapply(self, *_: Any, **__: Any) -> UUID:
        return self._identity


async def serve(
    deployments: Deployments, crashes: Crashes, server: PrefectServer | None, alive: Alive, limit: int, say: Say
) -> None:
    """Serve until a signal comes; runs under way are then cancelled.

    Parameters
    ----------
    deployments
        The pipelines; looked at every second for edits and for schedules that run out.
    crashes
        Asked every few seconds for flow runs that have lost their process.
    server
        Our own server, which is started again should it end; None where it is another's.
    alive
        Told every second that we are.
    limit
        How many flow runs may be under way at once.
    say
        Takes what a person should know.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heed() -> None:
        for sign in SIGNALS:
            loop.add_signal_handler(sign, stopping.set)

    heed()
    runner, task = await _started(deployments.served.values(), limit)
    heed()  # a runner takes SIGTERM for itself as it starts
    try:
        while not stopping.is_set():
            now = WallClock().now()
            alive.tell(now)
            if server is not None and not server.is_up:
                say("the Prefect server has ended; starting it again")
                await asyncio.to_thread(server.start)
            if task.done():
                say(f"the runner has ended ({task.exception() or 'for no reason'}); starting it again")
                runner, task = await _started(deployments.served.values(), limit)
                heed()
            if crashes.is_due(now):
                await asyncio.to_thread(crashes.look, now)
            if deployments.is_due(now):
                for registered in await asyncio.to_thread(deployments.refresh, now):
                    await runner.aadd_deployment(_known(registered))
                    say(f"{registered.name}: served")
            try:
                await asyncio.wait_for(stopping.wait(), _TICK)
            except TimeoutError:
                continue
    finally:
        if not task.done():
            await runner.astop()
        await asyncio.gather(task, return_exceptions=True)


async def _started(served: Iterable[Registered], limit: int) -> tuple[Runner, asyncio.Task[None]]:
    runner = Runner(
        name="hedgerow", query_seconds=POLL, heartbeat_seconds=HEARTBEAT, limit=limit, pause_on_shutdown=False
    )
    for registered in served:
        await runner.aadd_deployment(_known(registered))
    task = asyncio.create_task(runner.start())
    while not runner.started and not task.done():
        await asyncio.sleep(0.05)
    return runner, task


def _known(registered: Registered) -> _Known:
    known = _Known(name=registered.name)
    known._identity = registered.id
    return known
