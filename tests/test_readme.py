"""The README is true: its file is the shipped one, its outputs are what the commands print."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


@pytest.fixture
def hedgerow(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines")
    monkeypatch.setenv("COLUMNS", "108")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "flows", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        return done.stdout + done.stderr

    run.root = tmp_path
    return run


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [text for named, text in fenced if named == language]


def block(beginning: str) -> str:
    (found,) = (block for block in blocks("") if block.startswith(beginning))
    return found


def lines(text: str) -> set[str]:
    """Lines without what differs from run to run: seconds, ids, the order of steps that run side by side."""
    text = re.sub(r"\d+\.\d{2,3} s\b", "… s", text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "RUN", text)
    return {" ".join(line.split()) for line in text.splitlines() if line.strip()}


def test_the_file_that_it_shows_is_the_shipped_one():
    assert (ROOT / "pipelines" / "beta_hedge.yaml").read_text() in blocks("yaml")


def test_the_run_that_it_shows_is_what_a_run_prints(hedgerow):
    shown = lines(block("$ make run").removeprefix("$ make run\n"))
    assert shown <= lines(hedgerow("run", "beta_hedge"))


def test_the_mistake_that_it_shows_is_what_check_prints(hedgerow):
    path = hedgerow.root / "pipelines" / "beta_hedge.yaml"
    text = path.read_text()
    for right, wrong in (
        ("in: [exposure, quotes], with", "in: [exposure], with"),
        ("[positions, quotes, betas]", "[positions, quotes, beta]"),
        ("default: 252, min", "default: 20, min"),
    ):
        assert right in text
        text = text.replace(right, wrong)
    path.write_text(text)
    shown = block("$ hedgerow check").removeprefix("$ hedgerow check beta_hedge\n")
    assert shown.strip() == hedgerow("check", "beta_hedge").strip()


def test_the_explanation_that_it_shows_is_what_explain_prints(hedgerow):
    hedgerow("run", "beta_hedge")
    shown = block("$ hedgerow explain")
    command = shown.splitlines()[0].removeprefix("$ hedgerow ").split()
    # Raw messages are numbered and ordered as the requests of a run happen to be: other tests hold them.
    wanted = lines("\n".join(line for line in shown.splitlines()[1:] if line != "⋮" and "|" not in line))
    wanted = {line for line in wanted if "gateway" not in line and "more" not in line}
    assert wanted <= lines(hedgerow(*command))


def test_the_task_that_it_adds_checks_and_runs(hedgerow):
    (code,) = (code for code in blocks("python") if "drop_small_positions" in code)
    (steps,) = (text for text in blocks("yaml") if "drop_small_positions" in text)
    for package in ("tasks", "schemas", "flows"):
        shutil.copytree(ROOT / package, hedgerow.root / package, ignore=shutil.ignore_patterns("__pycache__"))
    (hedgerow.root / "tasks" / "trim.py").write_text(code)
    path = hedgerow.root / "pipelines" / "beta_hedge.yaml"
    path.write_text(path.read_text().replace("  positions: {task: read_positions}\n", steps))
    assert "no errors" in hedgerow("check")
    told = hedgerow("run", "beta_hedge")
    assert re.search(r"✓ positions +12 rows", told), told
    assert re.search(r"✓ held +16 rows", told), told
