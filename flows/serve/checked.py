"""The pipelines of a project that can be deployed, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path

from flows.check import check_file, render
from flows.desk import Desk
from flows.plan import Plan
from flows.project import FOLDER, pipeline_paths
from tasks.registry import catalog


def checked_plans(root: Path, desk: Desk) -> tuple[dict[str, Plan], dict[str, str]]:
    """(plans that can be deployed, what is wrong with the others), by pipeline."""
    tasks, folder = catalog(), root / FOLDER
    paths = pipeline_paths(root)
    beside = [path.stem for path in paths]
    plans: dict[str, Plan] = {}
    wrong: dict[str, str] = {}
    for path in paths:
        checked = check_file(_short(path), tasks, desk, folder, beside)
        if checked.plan is None:
            wrong[path.stem] = render(checked).rstrip()
        else:
            plans[path.stem] = checked.plan
    return plans, wrong


def _short(path: Path) -> Path:
    """The path from where the user stands, if that is above it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
