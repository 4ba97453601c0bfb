"""The project's tasks and schemas, imported anew when their files change."""

from __future__ import annotations

import sys
from importlib import invalidate_caches
from pathlib import Path

import schemas
import tasks
from tasks.registry import Catalog, catalog

_FOUNDATION = frozenset(name for name in sys.modules if name.startswith(("tasks.", "schemas.")))
"""What the checker itself stands on when this is imported: its classes are compared, so they stay as they are."""


def load() -> Catalog:
    """The tasks and schemas as their files are now. Raises `Problem` where one can't be imported."""
    before = {name: module for name, module in sys.modules.items() if _changes(name)}
    for name in before:
        del sys.modules[name]
    invalidate_caches()
    catalog.cache_clear()
    try:
        return catalog()
    except BaseException:
        for name in [name for name in sys.modules if _changes(name)]:
            del sys.modules[name]
        sys.modules.update(before)
        raise


def stamp() -> frozenset[tuple[str, int]]:
    """The files of tasks and schemas and when each was changed: another one, and `load` would find something new."""
    folders = [Path(folder) for package in (tasks, schemas) for folder in package.__path__]
    return frozenset((str(path), path.stat().st_mtime_ns) for folder in folders for path in folder.glob("*.py"))


def _changes(name: str) -> bool:
    package, _, module = name.partition(".")
    outside = package not in ("tasks", "schemas") or not module or module.startswith("connections")
    return not outside and name not in _FOUNDATION
