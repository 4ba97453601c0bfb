"""The pipelines of a project that can be deployed, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from flows.check import check_file, render
from flows.desk import Desk
from flows.plan import Plan
from flows.project import FOLDER, pipeline_paths
from flows.schedule_faults import circle, faults
from tasks.registry import catalog


def checked_plans(root: Path, desk: Desk, now: pd.Timestamp) -> tuple[dict[str, Plan], dict[str, str]]:
    """(plans that can be deployed, what is wrong with the others), by pipeline."""
    tasks, folder = catalog(), root / FOLDER
    paths = pipeline_paths(root)
    plans: dict[str, Plan] = {}
    wrong: dict[str, str] = {}
    for path in paths:
        checked = check_file(_short(path), tasks, desk, folder)
        if checked.plan is None:
            wrong[path.stem] = render(checked).rstrip()
        elif checked.plan.file.stream:
            wrong[path.stem] = f"{path.name} has a `stream:`, and this version has no runner for streams."
        else:
            plans[path.stem] = checked.plan
    for name, plan in list(plans.items()):
        if sentences := _schedule_faults(plan, now, [path.stem for path in paths]):
            wrong[name] = sentences
            del plans[name]
    after = {name: plan.file.schedule.after for name, plan in plans.items() if plan.file.schedule}
    while found := circle({name: earlier for name, earlier in after.items() if earlier is not None}):
        for name in found[1:]:
            wrong[name] = f"{name}.yaml: {' runs after '.join(found)}, so none of them ever does."
            plans.pop(name, None)
            after.pop(name, None)
    return plans, wrong


def _schedule_faults(plan: Plan, now: pd.Timestamp, pipelines: list[str]) -> str:
    schedule = plan.file.schedule
    if schedule is None:
        return ""
    found = faults(schedule, now, is_stream=bool(plan.file.stream), pipelines=pipelines)
    return "\n".join(
        f"{plan.path.name}: schedule: {fault.key}: {fault.message}" + (f" ({fault.hint})" if fault.hint else "")
        for fault in found
    )


def _short(path: Path) -> Path:
    """The path from where the user stands, if that is above it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
