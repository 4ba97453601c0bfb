"""What `prefect.yaml` says of a project: where workers get it from, and its deployments in a work pool."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from flows.desk import Desk
from flows.plan import Plan
from flows.serve.deploy import deployment_name
from flows.serve.flow_run import PROFILE
from flows.serve.followers import tags
from flows.serve.instants import instants_text
from tasks.connections.problems import Problem

if TYPE_CHECKING:
    from flows.serve.deploy import Registered

FILE = "prefect.yaml"
HOME = "{{ $HOME }}"
"""Where workers clone the project: Prefect puts in the worker's own home folder."""
_STEPS = "prefect.deployments.steps"
_HEADER = """\
# Written by `hedgerow deploy`, which also registers what stands here with the server: run it again after an edit.
# (`prefect deploy` reads it too, but puts in the $HOME of where it runs, and has unknown parameters unchecked.)
"""


@dataclass(frozen=True)
class Pool:
    """A work pool, and how its workers come by the project."""

    name: str
    pull: tuple[Mapping[str, Any], ...]
    profile: str | None
    instants: int = 370
    """Of a schedule, so that it lasts a year of sessions: nobody renews it. Prefect's limit is a little above."""

    def keys(self, plan: Plan) -> dict[str, Any]:
        """What tells a deployment of a pool from one that is served, as Prefect's API names it."""
        return {
            "entrypoint": entrypoint(plan),
            "work_pool_name": self.name,
            "pull_steps": [dict(step) for step in self.pull],
            "job_variables": self.job_variables,
        }

    @property
    def job_variables(self) -> dict[str, Any]:
        """The environment of each run: the desk profile that it is pinned to."""
        return {"env": {PROFILE: self.profile or ""}}


def entrypoint(plan: Plan) -> str:
    """Where a worker finds the flow of a pipeline."""
    return f"flows/catalog.py:{plan.name}"


def pull_steps(
    root: Path, repository: str | None, branch: str | None, folder: str | None
) -> tuple[dict[str, Any], ...]:
    """How a worker comes by the project.

    With a repository: it is cloned into `folder`, and brought up to date before each run. The clone
    stays, and in it the journal: a worker's own temporary folder would forget which effects were had.
    Without one: workers work in this very folder.

    Parameters
    ----------
    root
        The project's folder.
    repository
        What to clone; by default the project's `origin`.
    branch
        By default the one that is checked out; of a repository that is given, its own default.
    folder
        On the workers' machines, where it exists; by default the worker's home.

    Raises
    ------
    Problem
        There is nothing to clone, or its address holds a password, which would then stand in the server's database.
    """
    if repository is None:
        repository = _git(root, "remote", "get-url", "origin")
        branch = branch or (_git(root, "branch", "--show-current") if repository else None)
    if repository is None:
        if branch or folder:
            raise Problem(
                f"{root} is no clone of a repository, so workers can't clone one either.",
                "Name it with --repository.",
            )
        return ({f"{_STEPS}.set_working_directory": {"directory": str(root)}},)
    if urlsplit(repository).password:
        raise Problem(
            "The repository's address holds a password, which everybody who sees the server would see.",
            "Give one without it by --repository, and let git on the workers know the credentials.",
        )
    clone = {"repository": repository, **({"branch": branch} if branch else {})}
    return (
        {f"{_STEPS}.set_working_directory": {"directory": folder or HOME}},
        {f"{_STEPS}.git_clone": clone},
    )


def version_of(root: Path) -> str:
    """The commit that is checked out; empty where there is none."""
    return _git(root, "rev-parse", "--short=12", "HEAD") or ""


def prefect_yaml(pool: Pool, desk: Desk, deployed: Mapping[str, tuple[Plan, Registered]], version: str) -> str:
    """The text of the file."""
    deployments = [_deployment(pool, desk, plan, registered, version) for plan, registered in deployed.values()]
    written = {"name": desk.root.name, "pull": [dict(step) for step in pool.pull], "deployments": deployments}
    return _HEADER + yaml.safe_dump(written, sort_keys=False, allow_unicode=True, width=120)


def _deployment(pool: Pool, desk: Desk, plan: Plan, registered: Registered, version: str) -> dict[str, Any]:
    schedule = plan.file.schedule
    rules = [
        {"rrule": instants_text(found), "timezone": "UTC", "active": not registered.is_paused}
        for found in ([registered.upcoming] if registered.upcoming else [])
    ]
    return {
        "name": deployment_name(plan, desk),
        "version": version or None,
        "description": plan.file.description,
        "tags": tags(desk, schedule.after if schedule else None),
        "entrypoint": entrypoint(plan),
        "enforce_parameter_schema": True,
        "schedules": rules,
        "work_pool": {"name": pool.name, "job_variables": pool.job_variables},
    }


def _git(root: Path, *arguments: str) -> str | None:
    """What git says of the project; None where it says nothing."""
    try:
        done = subprocess.run(  # noqa: S603 - git, with our own words
            ["git", "-C", str(root), *arguments],  # noqa: S607 - by its name
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:  # there is no git
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
