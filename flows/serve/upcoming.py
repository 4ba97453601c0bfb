"""What a Prefect server says of a desk's pipelines: whether they are served, and when they run next.

Asked over its REST API: importing Prefect takes longer than all that is asked.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pandas as pd

from flows import prefect_api
from flows.desk import Desk
from flows.serve.followers import PROJECT, tags
from flows.serve.identity import project_of
from flows.serve.instants import instants_of
from tasks.connections.problems import ConnectionProblem

_PAGE = 200


@dataclass(frozen=True)
class Served:
    """A pipeline's deployment."""

    is_ready: bool
    """Whether something polls for its runs."""
    is_paused: bool
    next: pd.Timestamp | None
    """When its next scheduled run is expected; None where none is."""
    pool: str | None = None
    """The work pool it is in; None where `hedgerow up` serves it."""
    until: pd.Timestamp | None = None
    """The last instant that the server knows; None where it knows none."""


def served(api: str, desk: Desk, seconds: float) -> dict[str, Served]:
    """The deployments of this desk by pipeline: its own, and those in pools.

    Raises `ConnectionProblem` where the server doesn't tell.
    """
    wanted = {"deployments": {"tags": {"all_": tags(desk)}}}
    deployments: list[Mapping[str, Any]] = []
    while page := _ask(api, "deployments/filter", {**wanted, "limit": _PAGE, "offset": len(deployments)}, seconds):
        deployments += page
        if len(page) < _PAGE:
            break
    own = {*tags(desk), project_of(desk.root)}  # another project's desk may have the same name
    deployments = [
        each
        for each in deployments
        if own <= set(each["tags"]) or not any(tag.startswith(PROJECT) for tag in each["tags"])
    ]
    with ThreadPoolExecutor(8) as threads:
        instants = threads.map(lambda each: _next(api, str(each["id"]), seconds), deployments)
        return {
            _pipeline(each): Served(
                each["status"] == "READY",
                bool(each["paused"]) or any(not schedule["active"] for schedule in each["schedules"]),
                instant,
                each.get("work_pool_name"),
                _last(each),
            )
            for each, instant in zip(deployments, instants, strict=True)
        }


def _pipeline(deployment: Mapping[str, Any]) -> str:
    """What its name has before the profile."""
    return str(deployment["name"]).partition("@")[0]


def _last(deployment: Mapping[str, Any]) -> pd.Timestamp | None:
    rules = [str(schedule["schedule"].get("rrule")) for schedule in deployment["schedules"]]
    return max((instant for rule in rules for instant in instants_of(rule)), default=None)


def _next(api: str, deployment: str, seconds: float) -> pd.Timestamp | None:
    found = _ask(
        api,
        "flow_runs/filter",
        {
            "deployments": {"id": {"any_": [deployment]}},
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
            "sort": "EXPECTED_START_TIME_ASC",
            "limit": 1,
        },
        seconds,
    )
    return pd.Timestamp(found[0]["expected_start_time"]).tz_convert("UTC").as_unit("ns") if found else None


def _ask(api: str, path: str, body: Mapping[str, Any], seconds: float) -> list[Any]:
    headers = {"Content-Type": "application/json", **prefect_api.authorization()}
    request = urllib.request.Request(f"{api.rstrip('/')}/{path}", json.dumps(body).encode(), headers)  # noqa: S310 - the user's own URL
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310 - the user's own URL
            found: list[Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        raise ConnectionProblem(
            f"The Prefect API at {api} answers {error.code} {error.reason} to {path}.",
            "Where it wants a key, set PREFECT_API_KEY or PREFECT_API_AUTH_STRING.",
        ) from error
    except (OSError, ValueError) as error:
        raise ConnectionProblem(
            f"The Prefect API at {api} is configured but doesn't answer ({error}).",
            "Start it with `hedgerow up` or `prefect server start`.",
        ) from error
