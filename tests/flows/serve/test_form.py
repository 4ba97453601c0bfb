"""The form of a pipeline: what its fields say, and what Prefect's own validation refuses by them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Le
from prefect.utilities.schema_tools import ValidationError, validate

from flows.annotations import chosen
from flows.flow import RUN_FIELDS, as_flow
from flows.grammar import PipelineFile
from flows.plan import Parameter, Plan
from flows.serve.form import form
from tasks.connections.durations import Duration

PARAMETERS = {
    "wait": Parameter("wait", Duration, timedelta(minutes=2), description="How long\nto wait: at most"),
    "day": Parameter("day", date, required=True),
    "since": Parameter("since", date | None),
    "share": Parameter("share", chosen(float, [0.25, 0.5]), 0.5),
    "kind": Parameter("kind", Literal["simple"], "simple"),
    "count": Parameter("count", Annotated[int, Ge(1), Le(9)], 3),
    "names": Parameter("names", list[str], ["SPY"]),
}
FILE = PipelineFile.model_validate(
    {
        "params": {"share": {"default": 0.5, "enum": [0.25, 0.5]}},
        "steps": {"positions": {"task": "read_positions"}},
    }
)


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    plan = Plan("shown", Path("shown.yaml"), "", FILE, PARAMETERS, ())
    return form(plan)


def accepted(schema: dict[str, Any], **given: Any) -> bool:
    try:
        validate({"day": "2026-11-27"} | given, schema, raise_on_error=True)
    except ValidationError:
        return False
    return True


def test_fields_are_as_people_write_them(schema: dict[str, Any]) -> None:
    fields = schema["properties"]
    assert list(fields) == [*PARAMETERS, "session", "again"]
    assert fields["wait"]["default"] == "120s"
    assert fields["wait"]["description"] == "How long\nto wait: at most"
    assert fields["kind"]["enum"] == ["simple"]
    assert fields["share"]["enum"] == [0.25, 0.5]
    assert fields["names"]["default"] == ["SPY"]
    assert schema["required"] == ["day"]
    assert "default" not in fields["session"]


def test_what_suits_is_taken(schema: dict[str, Any]) -> None:
    assert accepted(schema)
    assert accepted(schema, wait="1h30m", share=0.25, count=9, names=[], session="2026-11-27", again=1, since=None)


@pytest.mark.parametrize(
    "given",
    [
        {"wait": "soon"},
        {"day": "27.11.2026"},
        {"since": "lately"},
        {"share": 0.3},
        {"kind": "log"},
        {"count": 0},
        {"count": 10},
        {"count": 2.5},
        {"names": "SPY"},
        {"session": "2026-02-32"},
        {"again": -1},
        {"unknown": 1},
    ],
)
def test_what_does_not_is_refused(schema: dict[str, Any], given: dict[str, Any]) -> None:
    assert not accepted(schema, **given)


def test_the_flow_takes_what_the_form_gives() -> None:
    got: list[dict[str, Any]] = []
    plan = Plan("shown", Path("shown.yaml"), "", FILE, PARAMETERS, ())
    flow = as_flow(plan, got.append, fields=RUN_FIELDS)
    values = flow.validate_parameters({"day": "2026-11-27", "wait": "90s", "session": "2026-11-25"})
    assert values["wait"] == timedelta(seconds=90)
    assert values["session"] == date(2026, 11, 25)
    assert values["day"] == date(2026, 11, 27)
