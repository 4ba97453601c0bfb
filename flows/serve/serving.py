"""Serves the pipelines of a project: runs what its server says is due, until told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable

from flows.serve.alive import Alive
from flows.serve.crashes import Crashes
from flows.serve.deploy import Registered
from flows.serve.deployments import Deployments, Say
from flows.serve.prefect_server import PrefectServer
from flows.serve.runner import DeskRunner
from tasks.connections.clock import WallClock

_TICK = 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
                await asyncio.to_thread(crashes.look, now, runner.has())
            if deployments.is_due(now):
                for registered in await asyncio.to_thread(deployments.refresh, now):
                    await runner.add(registered)
                    say(f"{registered.name}: served")
            try:
                await asyncio.wait_for(stopping.wait(), _TICK)
            except TimeoutError:
                continue
    finally:
        if not task.done():
            await runner.astop()
        await asyncio.gather(task, return_exceptions=True)


async def _started(served: Iterable[Registered], limit: int) -> tuple[DeskRunner, asyncio.Task[None]]:
    runner = DeskRunner(limit)
    for registered in served:
        await runner.add(registered)
    task = asyncio.create_task(runner.start())
    while not runner.started and not task.done():
        await asyncio.sleep(0.05)
    return runner, task
