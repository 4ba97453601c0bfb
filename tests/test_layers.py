"""Imports go one way: schemas ← tasks.connections ← tasks ← flows."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ["schemas", "tasks.connections", "tasks", "flows"]


def layer(module: str) -> int | None:
    if module.split(".")[0] not in ("schemas", "tasks", "flows"):
        return None
    return (
        LAYERS.index("tasks.connections")
        if module.startswith("tasks.connections")
        else LAYERS.index(module.split(".")[0])
    )


def imports(path: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
            found += [f"{node.module}.{alias.name}" for alias in node.names if node.module == "tasks"]
    return found


def sources() -> list[Path]:
    return sorted(path for folder in ("schemas", "tasks", "flows") for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_its_own_layer_and_those_below(path: Path) -> None:
    own = layer(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert own is not None
    above = [name for name in imports(path) if (other := layer(name)) is not None and other > own]
    assert above == []


@pytest.mark.parametrize("client", ["prefect", "ibapi", "arcticdb", "sqlalchemy", "sklearn", "exchange_calendars"])
def test_checking_needs_no_client_of_the_world(client: str) -> None:
    """Importing every task, as `hedgerow check` does, imports none of the slow clients."""
    code = f"import sys; from tasks.registry import catalog; catalog(); sys.exit({client!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_help_imports_nothing_heavy() -> None:
    heavy = ("pandas", "numpy", "pydantic", "rich", "prefect")
    code = f"import sys, flows.__main__; sys.exit(any(name in sys.modules for name in {heavy!r}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
