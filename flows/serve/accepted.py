"""The pipelines that are being served, each as it was when it last checked.

A flow run reads its pipeline here and not in `pipelines/`: there it may just be edited, or wrong.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from flows.desk import FILE, Desk, load_desk
from flows.plan import Plan
from tasks.connections.problems import Problem

_CURRENT = "current"


def folder_of(desk: Desk) -> Path:
    """Where the accepted pipelines of a desk are kept, each profile's apart."""
    return desk.data / "accepted" / (desk.profile or "_")


def accept(folder: Path, plan: Plan, desk_text: str) -> str:
    """Keep a pipeline, those that it inlines and the desk file, as they were checked; return its version."""
    texts = {f"{each.name}.yaml": each.text for each in _with_inlined(plan)} | {FILE: desk_text}
    digest = hashlib.sha256()
    for name, text in sorted(texts.items()):
        digest.update(f"{name}\0{text}\0".encode())
    version = digest.hexdigest()[:12]
    home = folder / plan.name
    kept = home / version
    kept.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        _write(kept / name, text)
    _write(home / _CURRENT, version)
    return version


def current(folder: Path, name: str) -> Path:
    """The folder of a pipeline's accepted files. Raises `Problem` where it was never accepted."""
    try:
        version = (folder / name / _CURRENT).read_text()
    except OSError:
        raise Problem(f"There is no pipeline `{name}` among those that are served.") from None
    return folder / name / version


def desk_in(pipelines: Path, root: Path, profile: str | None) -> Desk:
    """The desk as an accepted file has it, in the project's own folder."""
    desk = load_desk(pipelines, profile)
    data = root / desk.data.relative_to(desk.root) if desk.data.is_relative_to(desk.root) else desk.data
    return replace(desk, root=root, data=data)


def _with_inlined(plan: Plan) -> Iterator[Plan]:
    yield plan
    for step in plan.steps:
        if step.pipeline is not None:
            yield from _with_inlined(step.pipeline)


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a run may be reading."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    draft.write_text(text, encoding="utf-8", newline="")
    draft.replace(path)
