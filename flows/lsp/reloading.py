"""The project's tasks and schemas, imported anew when their files change."""

from __future__ import annotations

import sys
from importlib import invalidate_caches

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


def _changes(name: str) -> bool:
    package, _, module = name.partition(".")
    outside = package not in ("tasks", "schemas") or not module or module.startswith("connections")
    return not outside and name not in _FOUNDATION
