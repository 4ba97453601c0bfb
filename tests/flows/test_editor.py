"""An editor completes and checks pipeline files by a schema that says what the checker would, and no more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from flows.check import check_file
from flows.desk import load_desk
from flows.document import read
from flows.editor import FILE, MODELS, schema, schema_text
from flows.shape import known_keys
from tasks.registry import catalog

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "pipelines").glob("[!_]*.yaml"))
BROKEN = sorted((ROOT / "tests" / "errors").glob("[!_]*.yaml"))

TOLD = {
    "bad_argument", "bad_value", "missing_argument", "missing_key", "misplaced_source", "misplaced_task",
    "required_last",
    "unknown_argument", "unknown_input", "unknown_key", "unknown_schema", "unknown_task",
}  # fmt: skip
"""Mistakes that a schema can see: those of a key, a name or a value by itself."""


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return schema(catalog())


@pytest.fixture(scope="module")
def validator(made: dict[str, Any]) -> Draft7Validator:
    return Draft7Validator(made)


def test_the_file_is_current():
    text = (ROOT / "pipelines" / FILE).read_text()
    assert text == schema_text(catalog()), "run `hedgerow editor`"


def test_it_is_a_schema(made):
    Draft7Validator.check_schema(made)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file_is_right_by_it(validator, path):
    assert [error.message for error in validator.iter_errors(read(path).value)] == []


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_of_the_broken_files_it_tells_what_a_schema_can_see_and_nothing_that_the_checker_would_take(validator, path):
    document = read(path)
    if not document.readable:
        return
    known = catalog().tasks
    tasks = {step.get("task") for part in ("steps", "stream") for step in document.value.get(part, {}).values()}
    told = list(validator.iter_errors(document.value))
    if path.stem in TOLD:
        assert told
        lines = {one.span.line for one in check_file(path, catalog(), load_desk(path.parent)).errors}
        places = {document.at(tuple(error.absolute_path)).line for error in told}
        assert places & lines or places == {1}
    elif tasks <= {*known, None} and path.stem not in ("missing_input", "unproven"):  # on_failure; a test's own schema
        assert told == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_it_has_every_key_of_the_grammar(made, model):
    part = made if model.__name__ == "PipelineFile" else made["definitions"][model.__name__]
    forms = part.get("oneOf", []) if model.__name__ == "Schedule" else [part]
    keys = {key for form in forms for key in form["properties"]}
    assert keys == known_keys(model, ())


def test_a_task_s_arguments_are_there_with_type_bounds_choices_and_what_they_mean(made):
    values = made["definitions"]["with size_hedge"]["properties"]
    assert values["band"]["anyOf"][0] == {"type": "number", "minimum": 0}
    assert values["rounding"]["anyOf"][0]["enum"] == ["nearest", "toward_zero"]
    assert values["band"]["description"] == "How far from the target the book may be, as a fraction of its value."
    assert made["definitions"]["with pull_history"]["properties"]["broker"]["type"] == ["string", "null"]


@pytest.mark.parametrize(
    ("with_", "is_right"),
    [
        ("band: 0.1", True),
        ("band: -1", False),
        ("band: wide", False),
        ("band: $benchmark", True),
        ("maximum_age: 4d", True),
        ("maximum_age: 4 days", False),
        ("at_close: yes", False),
        ("at_close: true", True),
        ("bnad: 1", False),
    ],
)
def test_values_are_held_against_their_type_and_names_may_stand_for_them(validator, tmp_path, with_, is_right):
    path = tmp_path / "trial.yaml"
    path.write_text(f"steps: {{hedge: {{task: size_hedge, with: {{instrument: SPY, {with_}}}}}}}")
    assert (not list(validator.iter_errors(read(path).value))) == is_right


@pytest.mark.parametrize(
    ("schedule", "is_right"),
    [
        ("{calendar: XNYS, at: close - 15m}", True),
        ("{calendar: XNYS, at: close - 15}", False),
        ("{calendar: XNYS, from: open, until: close, every: 5m, missed: run}", True),
        ("{calendar: XNYS, from: open}", False),
        ("{cron: 30 16 * * 1-5, timezone: America/New_York}", True),
        ("{cron: 30 16 * *, timezone: America/New_York}", False),
        ("{after: beta_hedge}", True),
        ("{after: beta_hedge, at: close}", False),
    ],
)
def test_a_schedule_has_one_form(validator, tmp_path, schedule, is_right):
    path = tmp_path / "trial.yaml"
    path.write_text(f"schedule: {schedule}\nsteps: {{positions: {{task: read_positions}}}}")
    assert (not list(validator.iter_errors(read(path).value))) == is_right


def test_the_command_writes_it_and_says_whether_it_is_current(tmp_path):
    (tmp_path / "pipelines").mkdir()

    def editor(*options: str) -> int:
        command = [sys.executable, "-m", "flows", "editor", *options]
        environment = {"HEDGEROW_PROJECT": str(tmp_path), "PYTHONPATH": str(ROOT), "PATH": ""}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False).returncode

    assert editor("--check") == 1
    assert editor() == 0
    assert editor("--check") == 0
    assert json.loads((tmp_path / "pipelines" / FILE).read_text())["$schema"].startswith(
        "http://json-schema.org/draft-07"
    )
