"""Keeps a server's deployments like the files of a project, also while they are edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from flows.check import check_file, render
from flows.desk import FILE, Desk, load_desk
from flows.plan import Plan
from flows.project import FOLDER, pipeline_paths
from flows.schedule_faults import circle, faults
from flows.serve import accepted
from flows.serve.deploy import Registered, deployment_name, existing, register, unregister
from flows.serve.missed import make_up
from tasks.connections.problems import Problem
from tasks.registry import catalog

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

Say = Callable[[str], None]


class Deployments:
    """The pipelines of a project on a server.

    Parameters
    ----------
    root
        The project's folder.
    profile
        The desk profile that all its deployments are pinned to.
    client
        Of the server.
    say
        Takes what a person should know, a line or several at a time.
    since
        When somebody was last up: slots missed since then are made up for, as their schedules say.
    """

    def __init__(
        self, root: Path, profile: str | None, client: SyncPrefectClient, say: Say, since: pd.Timestamp | None
    ) -> None:
        self.root = root
        self.profile = profile
        self.served: dict[str, Registered] = {}
        self.left_out: dict[str, str] = {}
        """Why, by the pipeline; also those that stay served as they were before an edit."""
        self._client = client
        self._say = say
        self._since = since
        self._versions: dict[str, str] = {}
        self._seen: dict[Path, tuple[int, int]] = {}

    def is_due(self, now: pd.Timestamp) -> bool:
        """Whether a file has changed, or a schedule runs out, since it was last made like the files."""
        renewals = [each.renew for each in self.served.values() if each.renew is not None]
        return any(renewal <= now for renewal in renewals) or self._stamps() != self._seen

    def refresh(self, now: pd.Timestamp) -> list[Registered]:
        """Make the deployments like the files; return those that are new.

        A file with a mistake is left out, or served as it was before; what is wrong is said once.
        """
        stamps = self._stamps()
        try:
            desk_text = (self.root / FOLDER / FILE).read_text(encoding="utf-8")
            desk = load_desk(self.root / FOLDER, self.profile)
        except (Problem, OSError) as problem:
            if not self._seen:
                raise
            self._tell({FILE: f"{problem}\nEverything is served as it was before this edit."})
            self._seen = stamps
            return []
        plans, wrong = checked_plans(self.root, desk, now)
        self._tell(wrong)
        new: list[Registered] = []
        there = existing(self._client, desk)
        for name, plan in plans.items():
            version = accepted.accept(accepted.folder_of(desk), plan, desk_text)
            before = self.served.get(name)
            is_renewed = before is not None and before.renew is not None and before.renew <= now
            if before is not None and self._versions[name] == version and not is_renewed:
                continue
            registered = register(self._client, plan, desk, version, now, there.get(deployment_name(plan, desk)))
            if before is None:
                new.append(registered)
                self._make_up(plan, desk, registered, now)
            elif not is_renewed:
                self._say(f"{name}: edited, and served as it is now")
            self.served[name], self._versions[name] = registered, version
        self._drop_removed({*plans, *wrong})
        self._seen = stamps
        return new

    def _tell(self, wrong: Mapping[str, str]) -> None:
        for name, text in wrong.items():
            if self.left_out.get(name) != text:
                served = name in self.served
                self._say(f"{text}\n{name}: {'served as it was before this edit' if served else 'left out'}")
        for name in self.left_out.keys() - wrong.keys() - {FILE}:
            if name in self.served:
                self._say(f"{name}: right again")
        self.left_out = dict(wrong)

    def _make_up(self, plan: Plan, desk: Desk, registered: Registered, now: pd.Timestamp) -> None:
        since = now if self._since is None else self._since
        slot, let_go = make_up(self._client, plan, desk, registered, since, now)
        if slot is not None:
            self._say(f"{plan.name}: nobody was up at {slot.instant:%Y-%m-%d %H:%M:%SZ}; it runs now")
        if let_go:
            times = "once" if let_go == 1 else f"{let_go} times"
            self._say(f"{plan.name}: was due {times} while nobody was up, and isn't made up for")

    def _drop_removed(self, there: set[str]) -> None:
        for name in self.served.keys() - there:
            unregister(self._client, self.served.pop(name))
            del self._versions[name]
            self._say(f"{name}: its file is gone, and so is its deployment")

    def _stamps(self) -> dict[Path, tuple[int, int]]:
        stamps: dict[Path, tuple[int, int]] = {}
        for path in [self.root / FOLDER / FILE, *pipeline_paths(self.root)]:
            try:
                status = path.stat()
            except OSError:  # removed in between
                continue
            stamps[path] = (status.st_mtime_ns, status.st_size)
        return stamps


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
