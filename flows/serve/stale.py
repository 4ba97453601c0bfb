"""Whether `prefect.yaml` still says what the pipelines say, and until when its schedules last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from flows.desk import Desk
from flows.plan import Plan
from flows.serve.deploy import deployment_name
from flows.serve.followers import tags
from flows.serve.instants import instants_of, upcoming
from flows.serve.prefect_yaml import FILE, entrypoint
from tasks.connections.problems import Problem

ENDS_SOON = pd.Timedelta(days=30)


def stale(
    root: Path, desk: Desk, plans: Mapping[str, Plan], now: pd.Timestamp
) -> tuple[list[str], pd.Timestamp | None]:
    """Compare the file with the folder.

    Parameters
    ----------
    root
        The project's folder.
    desk, plans
        What it should hold: the pipelines that check, and the desk they are pinned to.
    now
        The wall's time.

    Returns
    -------
    (list of str, Timestamp or None)
        What is wrong with it, a sentence each; and the instant after which the first of its schedules has no
        more, None where it has none that ends.

    Raises
    ------
    Problem
        There is no such file, or it can't be read.
    """
    entries = _entries(root / FILE)
    wanted = {deployment_name(plan, desk): plan for plan in plans.values()}
    wrong = [f"{name} isn't in it" for name in sorted(wanted.keys() - entries.keys())]
    wrong += [f"{name} has no pipeline that can be deployed" for name in sorted(entries.keys() - wanted.keys())]
    ends = []
    for name in sorted(wanted.keys() & entries.keys()):
        faults, end = _compared(entries[name], wanted[name], desk, root, now)
        wrong += [f"{name}: {fault}" for fault in faults]
        ends += [end] if end is not None else []
    return wrong, min(ends, default=None)


def _entries(path: Path) -> dict[str, Mapping[str, Any]]:
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {str(entry["name"]): entry for entry in written["deployments"]}
    except FileNotFoundError:
        raise Problem(f"There is no {FILE} in {path.parent}.", "`hedgerow deploy` writes it.") from None
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise Problem(f"{FILE} can't be read: {error}", "`hedgerow deploy` writes it anew.") from error


def _compared(
    entry: Mapping[str, Any], plan: Plan, desk: Desk, root: Path, now: pd.Timestamp
) -> tuple[list[str], pd.Timestamp | None]:
    schedule = plan.file.schedule
    wanted = {
        "its description is another": ("description", plan.file.description),
        "its tags are others": ("tags", tags(desk, schedule.after if schedule else None)),
        "its entrypoint is another": ("entrypoint", entrypoint(plan)),
        "what a run is given isn't held against its form": ("enforce_parameter_schema", True),
    }
    found = [fault for fault, (key, value) in wanted.items() if entry.get(key) != value]
    file = str(entry.get("entrypoint")).partition(":")[0]
    if not (root / file).is_file():
        found.append(f"its entrypoint names {file}, which isn't in the project")
    faults, end = _schedule_compared(entry.get("schedules") or [], plan, now)
    return [*found, *faults], end


def _schedule_compared(
    rules: list[Mapping[str, Any]], plan: Plan, now: pd.Timestamp
) -> tuple[list[str], pd.Timestamp | None]:
    listed = [instant for rule in rules for instant in instants_of(str(rule.get("rrule"))) if instant >= now]
    due = [slot.instant for slot in upcoming(plan.file.schedule, now, len(listed) + 1)]
    if not due:
        return (["it has a schedule, and its pipeline has none"] if rules else []), None
    if not listed:
        return ["its schedule has run out" if rules else "its schedule is missing"], None
    if listed != due[: len(listed)]:
        return ["its schedule is another"], None
    is_short = len(due) > len(listed) and listed[-1] < now + ENDS_SOON
    return ([f"its schedule runs out after {listed[-1]:%Y-%m-%d}"] if is_short else []), listed[-1]
