"""`hedgerow gateway`."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import click
import pandas as pd

from tasks.connections.ib.simulator.book_file import read_book
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.script import read_script
from tasks.connections.problems import Problem


@dataclass(frozen=True)
class Options:
    """How to serve; a path or moment left out is None."""

    host: str = "127.0.0.1"
    port: int = 4002
    moment: str | None = None
    speed: float = 0.0
    seed: int = 7
    book: Path | None = None
    faults: Path | None = None
    read_only: bool = False
    pacing: bool = False
    lines: int = 100


def serve(options: Options) -> None:
    """Serve until Ctrl-C."""
    with _made(options) as gateway:
        for line in _told(gateway, options):
            click.echo(line)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            click.echo("stopped")


def _made(options: Options) -> SimulatedGateway:
    try:
        now = None if options.moment is None else pd.Timestamp(options.moment)
    except ValueError:
        raise Problem(f"--at {options.moment} is no instant.", "Write it as 2022-12-28T20:45:00Z.") from None
    return SimulatedGateway(
        book=None if options.book is None else read_book(options.book),
        host=options.host,
        port=options.port,
        now=now,
        speed=options.speed,
        seed=options.seed,
        script=None if options.faults is None else read_script(options.faults),
        read_only=options.read_only,
        pacing=options.pacing,
        lines=options.lines,
    )


def _told(gateway: SimulatedGateway, options: Options) -> list[str]:
    """What is served, in lines for a person."""
    first, last = gateway.market.sessions[1], gateway.market.sessions[-1]
    speed = f"{options.speed:g} times real time" if options.speed else "time stands still"
    contracts = [item for item in gateway.market.instruments.values() if item.security_type != "OPT"]
    pace = "limited as at the broker" if options.pacing else "not limited"
    return [
        f"simulated gateway at {options.host}:{gateway.port}, {gateway.clock.now():%Y-%m-%d %H:%M:%S} UTC, {speed}",
        f"market    {len(contracts)} stocks, funds and indices and their option chains, sessions {first} to {last}",
        "prices    daily closes are real; between them generated, seed " + str(options.seed),
        f"accounts  {', '.join(gateway.accounts)}, {len(gateway.book)} holding{'s' * (len(gateway.book) != 1)}"
        + (", read-only" if options.read_only else ""),
        f"pace      {pace}; {options.lines} market-data lines",
        f"faults    {'none' if options.faults is None else options.faults}",
        "Ctrl-C stops it",
    ]
