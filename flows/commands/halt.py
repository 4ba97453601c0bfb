"""`hedgerow halt` and `hedgerow resume`: the desk's kill switch."""

from __future__ import annotations

import getpass

import click

from flows.context import OpenConnections
from flows.desk import Desk, load_desk
from flows.project import FOLDER, find_root
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.orders.halt import Halt
from tasks.connections.problems import Problem


def halt(reason: str, profile: str | None, *, cancel: bool) -> None:
    """Let no order out from now on; with `cancel`, cancel every open one of the desk's logins too."""
    desk = load_desk(find_root() / FOLDER, profile)
    switch = Halt(desk.data)
    switch.set(reason or f"{getpass.getuser()} halted it")
    click.echo(f"desk {desk.name}: trading is halted: no order goes out ({switch.path})")
    if cancel:
        _cancel_all(desk)


def resume(profile: str | None) -> None:
    """Let orders out again."""
    desk = load_desk(find_root() / FOLDER, profile)
    switch = Halt(desk.data)
    was = switch.reason
    if switch.clear():
        click.echo(f"desk {desk.name}: orders go out again; it was halted: {was}")
    else:
        click.echo(f"desk {desk.name}: trading is not halted")


def _cancel_all(desk: Desk) -> None:
    connections = OpenConnections(desk)
    left: list[str] = []
    try:
        for name, spec in desk.connections.items():
            if not issubclass(spec.cls, Broker):
                continue
            broker = connections.made(name)
            if not isinstance(broker, Broker) or broker.settings.simulated:
                continue  # a simulated gateway ends with its run
            try:
                still = broker.cancel_all()
                click.echo(f"{name}: every open order was cancelled" if not still else f"{name}: {still} still open")
                left += [f"{name}: {still} still open"] if still else []
            except Problem as problem:
                left.append(f"{name}: {problem}")
    finally:
        connections.close()
    if left:
        raise Problem(f"Not everything is cancelled: {'; '.join(left)}", "Cancel the rest in TWS.")
