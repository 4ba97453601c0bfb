"""`hedgerow check` speaks to people, programs, forges and scanners, and says by its status what it found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.check.rendering import FORMATS, Findings
from flows.commands.check import check_files
from flows.diagnostics import Diagnostic, Span

ROOT = Path(__file__).parents[2]

DESK = "connections: {gateway: {kind: ib, simulated: true}, frames: {kind: arctic}, tables: {kind: sql}}\n"
RIGHT = "steps:\n  positions: {task: read_positions}\noutput: positions\n"
WRONG = "steps:\n  positions: {task: read_position}\n  prices: {task: pull_history, in: {univers: positions}}\n"
LINE = "::error file=pipelines/wrong.yaml,line=2,col=21,endColumn=33,title=unknown-task::no task `read_position`"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "_desk.yaml").write_text(DESK)
    (tmp_path / "pipelines" / "right.yaml").write_text(RIGHT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEDGEROW_PROJECT", str(tmp_path))
    return tmp_path


@pytest.fixture
def wrong(project: Path) -> Path:
    (project / "pipelines" / "wrong.yaml").write_text(WRONG)
    return project


def test_its_status_says_whether_there_are_errors_or_it_was_asked_for_what_is_not_there(project, capsys):
    assert check_files([], None) == 0
    assert check_files(["right"], None) == 0
    assert check_files(["wrong"], None) == 2
    assert "There is no pipeline `wrong`" in capsys.readouterr().err
    (project / "pipelines" / "wrong.yaml").write_text(WRONG)
    assert check_files(["wrong"], None) == 1
    assert check_files(["right"], None) == 0
    assert check_files([], None) == 1


def test_a_wrong_option_is_misuse(project):
    command = [sys.executable, "-m", "flows", "check", "--format", "xml"]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 2


def test_for_people_each_mistake_has_its_line_and_there_is_a_count(wrong, capsys):
    check_files([], None)
    shown = capsys.readouterr().out
    assert "pipelines/wrong.yaml:2:21: no task `read_position` [unknown-task]\n  |\n2 | " in shown
    assert shown.endswith("2 files checked: 1 with errors\n")


def test_for_programs_it_is_one_object(wrong, capsys):
    assert check_files([], None, "json") == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["errors"], said["notes"]) == (2, 0)
    right, other = said["files"]
    assert right == {"path": "pipelines/right.yaml", "diagnostics": []}
    assert other["diagnostics"][0] == {
        "line": 2,
        "column": 21,
        "end_column": 34,
        "severity": "error",
        "code": "unknown-task",
        "message": "no task `read_position`",
        "hint": "did you mean `read_positions`?",
    }
    assert WRONG.splitlines()[1][20:33] == "read_position"


def test_for_github_each_mistake_is_an_annotation(wrong, capsys):
    check_files([], None, "github")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{LINE}%0Adid you mean `read_positions`?"
    assert len(lines) == 2


def test_on_github_no_message_can_pass_for_a_command_or_a_property():
    one = Diagnostic("a,b:c.yaml", Span(1, 2, 3), "syntax", "100 %\n::error::x", severity="note")
    assert FORMATS["github"]([Findings("a,b:c.yaml", "", (one,))]) == (
        "::notice file=a%2Cb%3Ac.yaml,line=1,col=2,endColumn=4,title=syntax::100 %25%0A::error::x\n"
    )


def test_for_scanners_each_mistake_is_a_result_of_a_rule(wrong, capsys):
    check_files([], None, "sarif")
    said = json.loads(capsys.readouterr().out)
    assert said["version"] == "2.1.0"
    (run,) = said["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["unknown-input", "unknown-task"]
    first = run["results"][0]
    assert (first["ruleId"], rules[first["ruleIndex"]], first["level"]) == ("unknown-task", "unknown-task", "error")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "pipelines/wrong.yaml"
    assert place["region"] == {"startLine": 2, "startColumn": 21, "endColumn": 34}


@pytest.mark.parametrize("style", FORMATS)
def test_a_desk_with_errors_is_told_in_every_format(project, capsys, style):
    (project / "pipelines" / "_desk.yaml").write_text("connections: {gateway: {kind: ibb}}\n")
    assert check_files([], None, style) == 1
    shown = capsys.readouterr().out
    assert "pipelines/_desk.yaml" in shown
    assert "ibb" in shown


@pytest.mark.parametrize("style", ["json", "github", "sarif"])
def test_without_a_desk_what_a_program_reads_stays_whole(project, capsys, style):
    (project / "pipelines" / "_desk.yaml").unlink()
    assert check_files([], None, style) == 0
    told = capsys.readouterr()
    assert "Connections are not checked" in told.err
    assert "Connections are not checked" not in told.out


# --watch


class Watching:
    """`hedgerow check --watch` in a process of its own."""

    def __init__(self, project: Path) -> None:
        command = [sys.executable, "-u", "-m", "flows", "check", "--watch"]
        environment = {**os.environ, "PYTHONPATH": f"{project}{os.pathsep}{ROOT}"}
        self.process = subprocess.Popen(
            command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []
        self.heard = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.heard:
                self.lines.append(line.rstrip())
                self.heard.notify_all()

    def until(self, count: int, ending: str) -> None:
        """Until this many lines have ended so."""
        with self.heard:
            found = self.heard.wait_for(lambda: sum(line.endswith(ending) for line in self.lines) >= count, 60)
        assert found, self.lines


@pytest.fixture
def watching(project: Path) -> Iterator[Callable[[], Watching]]:
    begun: list[Watching] = []

    def begin() -> Watching:
        begun.append(Watching(project))
        return begun[-1]

    yield begin
    for each in begun:
        each.process.kill()
        each.process.wait()


def test_it_checks_again_whenever_a_file_changes_until_it_is_interrupted(project, watching):
    seen = watching()
    seen.until(1, "1 file checked: no errors")
    (project / "pipelines" / "wrong.yaml").write_text(WRONG)
    seen.until(1, "2 files checked: 1 with errors")
    (project / "pipelines" / "wrong.yaml").write_text(RIGHT)
    seen.until(1, "2 files checked: no errors")
    (project / "pipelines" / "wrong.yaml").unlink()
    seen.until(2, "1 file checked: no errors")
    seen.process.send_signal(signal.SIGINT)
    assert seen.process.wait(60) == 0


def test_a_changed_task_is_taken_anew(project, watching):
    """The tasks of this project are in a package of its own, which takes the place of the shipped one."""
    for package in ("tasks", "schemas"):
        (project / package).symlink_to(ROOT / package)
    (project / "tasks").unlink()
    (project / "tasks").mkdir()
    for path in (ROOT / "tasks").iterdir():
        (project / "tasks" / path.name).symlink_to(path)
    (project / "pipelines" / "own.yaml").write_text("steps:\n  held: {task: read_holdings_of_mine}\noutput: held\n")
    seen = watching()
    seen.until(1, "2 files checked: 1 with errors")
    (project / "tasks" / "mine.py").write_text(
        "from pandera.typing import DataFrame\nfrom schemas.book import Positions\nfrom tasks.declare import task\n\n\n"
        "@task\ndef read_holdings_of_mine() -> DataFrame[Positions]:\n    raise NotImplementedError\n"
    )
    seen.until(1, "2 files checked: no errors")
