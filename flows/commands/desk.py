"""`hedgerow desk`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from flows.desk import FILE, Desk, load_desk
from flows.document import shown_path
from flows.health import Health, check_connections, check_orders
from flows.project import FOLDER, find_root
from tasks.connections.problems import Problem
from tasks.wording import amount


@dataclass(frozen=True)
class _Secret:
    name: str
    used_by: tuple[str, ...]
    place: str | None
    """Where it is; None where it is nowhere."""
    told: str
    """Where it was looked for, or what is wrong with that place."""


def show_desk(profile: str | None, patience: float, *, as_json: bool) -> int:
    """Print what the desk is, and try it; return the exit status: 1 where something is unwell.

    Parameters
    ----------
    profile
        Of the desk file.
    patience
        Seconds that a connection has to answer.
    """
    folder = find_root() / FOLDER
    desk = load_desk(folder, profile)
    secrets = _secrets(desk)
    health = [*check_connections(desk, patience), check_orders(desk)]
    is_well = all(each.is_well for each in health) and all(each.place is not None for each in secrets)
    if as_json:
        click.echo(json.dumps(_object(desk, is_well, health, secrets), default=str))
    else:
        _show(desk, shown_path(folder / FILE), health, secrets)
    return 0 if is_well else 1


def _secrets(desk: Desk) -> list[_Secret]:
    """Every secret that a connection names, and where it is: never what it is."""
    users: dict[str, list[str]] = {}
    for spec in desk.connections.values():
        for name in spec.secret_names():
            users.setdefault(name, []).append(spec.name)
    found: list[_Secret] = []
    for name, used_by in users.items():
        place, told = None, ""
        try:
            place = desk.secrets.find(name).place
        except Problem as problem:
            told = str(problem)
        found.append(_Secret(name, tuple(used_by), place, told))
    return found


def _limits(desk: Desk) -> dict[str, Any]:
    """The order policy, but for the mode and what sets no limit."""
    policy = desk.orders.model_dump(exclude={"mode"})
    return {name: value for name, value in policy.items() if value is not None and value != []}


def _show(desk: Desk, path: str, health: list[Health], secrets: list[_Secret]) -> None:
    console = Console(soft_wrap=True)

    def say(text: str) -> None:
        console.print(text, highlight=False)

    profile = f", profile {escape(desk.profile)}" if desk.profile else ""
    say(f"desk [bold]{escape(desk.name)}[/]{profile}")
    say(f"  file    {escape(path)}")
    say(f"  data    {escape(shown_path(desk.data))}")
    say(f"  orders  mode [bold]{desk.orders.mode}[/]")
    limits = _limits(desk)
    width = max((len(name) for name in limits), default=0)
    for name, value in limits.items():
        say(f"          {name:<{width}}  {escape(_shown(value))}")
    say("")
    width = max(len(each.name) for each in health)
    kinds = max(len(each.kind) for each in health)
    for one in health:
        say(f"  {_mark(one.is_well)} {escape(one.name):<{width}}  {one.kind:<{kinds}}  {escape(one.told)}")
    if not secrets:
        return
    say("")
    width = max(len(each.name) for each in secrets)
    for each in secrets:
        told = f"from {each.place}" if each.place is not None else each.told
        users = f"for {', '.join(each.used_by)}"
        say(f"  {_mark(each.place is not None)} $secret.{escape(each.name):<{width}}  {escape(told)}, {escape(users)}")


def _mark(is_well: bool) -> str:
    return "[green]✓[/]" if is_well else "[red]✗[/]"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    return amount(value)


def _object(desk: Desk, is_well: bool, health: list[Health], secrets: list[_Secret]) -> dict[str, Any]:
    *connections, orders = health
    limits = desk.orders.model_dump(mode="json", exclude={"mode"})
    return {
        "desk": desk.name,
        "profile": desk.profile,
        "data": str(desk.data),
        "well": is_well,
        "orders": {
            "mode": desk.orders.mode,
            "limits": limits,
            "well": orders.is_well,
            "told": orders.told,
        },
        "connections": [
            {"name": each.name, "kind": each.kind, "well": each.is_well, "told": each.told} for each in connections
        ],
        "secrets": [
            {"name": each.name, "used_by": each.used_by, "from": each.place, "told": each.told} for each in secrets
        ],
    }
