"""`hedgerow gateway`."""

from __future__ import annotations

import threading

import click
import pandas as pd

from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.problems import Problem


def serve(host: str, port: int, moment: str | None, speed: float, seed: int) -> None:
    """Serve until Ctrl-C."""
    try:
        now = None if moment is None else pd.Timestamp(moment)
    except ValueError:
        raise Problem(f"--at {moment} is no instant.", "Write it as 2022-12-28T20:45:00Z.") from None
    with SimulatedGateway(host=host, port=port, now=now, speed=speed, seed=seed) as gateway:
        click.echo(f"simulated gateway at {host}:{gateway.port}, {gateway.clock.now():%Y-%m-%d %H:%M:%S} UTC")
        click.echo("prices between real closes are generated; Ctrl-C stops it")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            click.echo("stopped")
