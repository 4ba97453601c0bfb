"""Whose a deployment is: what shares a server mustn't take from each other what has the same name."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from flows.desk import Desk
from flows.serve.followers import PROJECT, tags

if TYPE_CHECKING:
    from prefect.client.schemas.responses import DeploymentResponse

POLLED = pd.Timedelta(minutes=1)
"""How long ago those who serve a deployment have asked for its runs at most."""
_WAYS_OUT = "Use another server, or a profile of your own (--desk), or rename one of the pipelines."


def project_of(root: Path) -> str:
    """A project in a folder of this machine, as a tag of the deployments that are served from there."""
    return f"{PROJECT}{socket.gethostname()}:{root}"


def project_tag(given: Iterable[str]) -> str | None:
    """The tag among others that names a project; None where none does."""
    return next((tag for tag in given if tag.startswith(PROJECT)), None)


def is_served_from(deployment: DeploymentResponse, desk: Desk) -> bool:
    """Whether `hedgerow up` has served a deployment from this desk's folder."""
    return deployment.work_pool_name is None and {*tags(desk), project_of(desk.root)} <= set(deployment.tags)


def refusal(deployment: DeploymentResponse, desk: Desk, pool: str | None, now: pd.Timestamp) -> str:
    """Why a deployment mustn't be written over: others run it. Empty where it may be.

    What nobody has polled for lately is anybody's: projects move, and machines are renamed.

    Parameters
    ----------
    deployment
        As the server has it, by the name that we would give to one of ours.
    desk, pool
        Ours, and the work pool that we would put it in; None for `hedgerow up`.
    now
        The wall's time.
    """
    polled = deployment.last_polled
    if polled is None or now - pd.Timestamp(polled) > POLLED:
        return ""
    theirs, in_pool = project_tag(deployment.tags), deployment.work_pool_name
    if in_pool is not None:
        if pool is not None and set(tags(desk)) <= set(deployment.tags):
            return ""
        return f"{deployment.name} is run on this server by the workers of the pool {in_pool}. {_WAYS_OUT}"
    if pool is None and theirs in (project_of(desk.root), None):
        return ""
    where = "" if theirs is None else f" from {theirs.removeprefix(PROJECT)}"
    return f"{deployment.name} is served on this server{where}. {_WAYS_OUT}"
