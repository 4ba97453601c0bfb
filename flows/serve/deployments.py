"""Keeps a server's deployments like the files of a project, also while they are edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from flows.desk import FILE, Desk, load_desk
from flows.plan import Plan
from flows.project import FOLDER, pipeline_paths
from flows.serve import accepted
from flows.serve.checked import checked_plans
from flows.serve.deploy import Registered, deployment_name, existing, register, unregister
from flows.serve.identity import is_served_from, refusal
from flows.serve.missed import make_up, overdue_runs
from tasks.connections.problems import Problem

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

Say = Callable[[str], None]
ASKED_AGAIN = pd.Timedelta(minutes=1)
"""How often it is looked whether a pipeline that others serve may now be had."""


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
        self._ask_again: pd.Timestamp | None = None

    def is_due(self, now: pd.Timestamp) -> bool:
        """Whether a file has changed, a schedule runs out, or others may have left us a pipeline."""
        times = [each.renew for each in self.served.values()] + [self._ask_again]
        return any(time is not None and time <= now for time in times) or self._stamps() != self._seen

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
        plans, wrong = checked_plans(self.root, desk)
        there = existing(self._client)
        refused = self._refused(plans, desk, there, now)
        self._ask_again = now + ASKED_AGAIN if refused else None
        wrong |= refused
        self._tell(wrong)
        is_first = plans.keys() - refused.keys() - self.served.keys()
        overdue = overdue_runs(self._client, desk, now) if is_first else {}
        new: list[Registered] = []
        for name, plan in plans.items():
            if name in refused:
                continue
            version = accepted.accept(accepted.folder_of(desk), plan, desk_text)
            before = self.served.get(name)
            is_renewed = before is not None and before.renew is not None and before.renew <= now
            if before is not None and self._versions[name] == version and not is_renewed:
                continue
            registered = register(self._client, plan, desk, version, now, there.get(deployment_name(plan, desk)))
            if before is None:
                new.append(registered)
                self._make_up(plan, desk, registered, now, overdue.get(registered.id, []))
            elif not is_renewed:
                self._say(f"{name}: edited, and served as it is now")
            self.served[name], self._versions[name] = registered, version
        self._drop_removed({*plans, *wrong}, desk, there)
        self._seen = stamps
        return new

    def _refused(
        self, plans: Mapping[str, Plan], desk: Desk, there: Mapping[str, DeploymentResponse], now: pd.Timestamp
    ) -> dict[str, str]:
        """Why pipelines that we don't serve yet can't be had, by their names."""
        found = {}
        for name in plans.keys() - self.served.keys():
            before = there.get(deployment_name(plans[name], desk))
            if before is not None and (why := refusal(before, desk, None, now)):
                found[name] = why
        return found

    def _tell(self, wrong: Mapping[str, str]) -> None:
        for name, text in wrong.items():
            if self.left_out.get(name) != text:
                served = name in self.served
                self._say(f"{text}\n{name}: {'served as it was before this edit' if served else 'left out'}")
        for name in self.left_out.keys() - wrong.keys() - {FILE}:
            if name in self.served:
                self._say(f"{name}: right again")
        self.left_out = dict(wrong)

    def _make_up(
        self, plan: Plan, desk: Desk, registered: Registered, now: pd.Timestamp, overdue: list[FlowRun]
    ) -> None:
        since = now if self._since is None else self._since
        slot, let_go = make_up(self._client, plan, desk, registered, since, now, overdue)
        if slot is not None:
            self._say(f"{plan.name}: nobody was up at {slot.instant:%Y-%m-%d %H:%M:%SZ}; it runs now")
        if let_go:
            times = "once" if let_go == 1 else f"{let_go} times"
            self._say(f"{plan.name}: was due {times} while nobody was up, and isn't made up for")

    def _drop_removed(self, there: set[str], desk: Desk, deployed: Mapping[str, DeploymentResponse]) -> None:
        for name in self.served.keys() - there:
            del self._versions[name], self.served[name]
        for label, deployment in deployed.items():
            name = label.partition("@")[0]
            if name not in there and is_served_from(deployment, desk):
                unregister(self._client, deployment.id)
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
