"""The shipped pipelines as a user runs them: the real command, in a project of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Command:
    """Runs `hedgerow` in a project's folder."""

    root: Path

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return subprocess.run(
            [sys.executable, "-m", "flows", *arguments],
            cwd=self.root,
            env=inherited | {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(self.root / "prefect")} | environment,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        done = self(*arguments, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        path = self.root / "pipelines" / name
        before = path.read_text()
        after = change(before)
        assert after != before
        path.write_text(after)


@pytest.fixture
def hedgerow(tmp_path: Path) -> Command:
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines")
    return Command(tmp_path)
