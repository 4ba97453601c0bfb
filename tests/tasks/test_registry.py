"""Tasks and connections are found in the project's folders and in installed packages."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tasks.registry import catalog

ROOT = Path(__file__).resolve().parents[2]


def installed(folder: Path, module: str, **entry_points: str) -> None:
    """Lay down a package as pip would: a module and its entry points."""
    (folder / "desk_extras.py").write_text(textwrap.dedent(module))
    info = folder / "desk_extras-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: desk-extras\nVersion: 1.0\n")
    groups = (f"[hedgerow.{group}]\n{line}\n" for group, line in entry_points.items())
    (info / "entry_points.txt").write_text("\n".join(groups))


def hedgerow(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows", *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "COLUMNS": "140"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_shipped_tasks_are_found_by_name_with_their_kinds():
    found = catalog().tasks
    kinds = {name: found[name].kind for name in ("compute_returns", "read_positions", "read_frame", "send_alert")}
    assert kinds == {
        "compute_returns": "pure",
        "read_positions": "now",
        "read_frame": "as_of",
        "send_alert": "effect",
    }
    assert all(spec.summary for spec in found.values())


def test_an_installed_package_brings_tasks(tmp_path):
    module = '''
        from pandera.typing import DataFrame
        from schemas.market import Prices
        from tasks.declare import task

        @task
        def smooth_prices(prices: DataFrame[Prices], window: int = 5) -> DataFrame[Prices]:
            """Smooth."""
            return prices
    '''
    installed(tmp_path, module, tasks="extras = desk_extras")
    shown = hedgerow(tmp_path, "tasks", "smooth_prices").stdout
    assert "(pure, desk_extras)" in shown
    assert "a whole number" in shown


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("raise RuntimeError('no licence')", "desk_extras can't be imported: RuntimeError: no licence."),
        (
            "from tasks.declare import task\n@task\ndef broken(x):\n    pass\n",
            "desk_extras: task `broken`: parameter `x` needs a type.",
        ),
        (
            "from pandera.typing import DataFrame\nfrom schemas.market import Prices\nfrom tasks.declare import task\n"
            "@task\ndef compute_returns() -> DataFrame[Prices]:\n    '''Again.'''\n",
            "Task `compute_returns` is declared in",
        ),
    ],
    ids=["import fails", "bad signature", "name taken"],
)
def test_a_package_that_is_broken_is_told_by_name(tmp_path, module, words):
    installed(tmp_path, module, tasks="extras = desk_extras")
    done = hedgerow(tmp_path, "tasks")
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_installed_package_brings_connections(tmp_path):
    module = """
        from tasks.connections.base import Connection

        class Feed(Connection):
            kind = "feed"
            def _open(self): ...
            def _close(self): ...
    """
    installed(tmp_path, module, connections="feed = desk_extras:Feed")
    code = "from tasks.connections.base import connection_class; print(connection_class('feed'))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "desk_extras.Feed" in told.stdout
