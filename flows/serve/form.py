"""The form that Prefect's UI shows for a pipeline, and by which its server refuses what doesn't suit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from flows.flow import RUN_FIELDS, as_function
from flows.plan import Plan
from flows.references import as_text
from tasks.connections.problems import Refused

DATE = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"
DURATION = r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"


def form(plan: Plan) -> dict[str, Any]:
    """The JSON Schema of what a pipeline's run may be given, with unknown keys refused.

    The server checks types, choices, patterns and the bounds of numbers. Bounds of dates and
    durations are only checked when the run begins: JSON Schema knows none for text.
    """
    from prefect.utilities.callables import parameter_schema

    schema = parameter_schema(as_function(plan, _not_here, RUN_FIELDS)).model_dump_for_openapi()
    for name, field in schema["properties"].items():
        _refine(field)
        keys = plan.file.params.get(name)
        if keys is not None and keys.enum is not None and not {"enum", "$ref"} & field.keys():
            field["enum"] = [_plain(choice) for choice in keys.enum]
        parameter = plan.parameters.get(name)
        if parameter is not None:
            field["description"] = parameter.description or name
            if not parameter.required:
                field["default"] = _plain(parameter.default)
    # A date that may be left out is, to a person, a date: a choice between a date and nothing is harder to fill in.
    session = schema["properties"]["session"]
    session |= {"type": "string", "format": "date", "pattern": DATE}
    session.pop("anyOf")
    session.pop("default")
    return {**schema, "additionalProperties": False}


def _refine(field: dict[str, Any]) -> None:
    """The server checks no formats, and the form shows no list for one choice."""
    if field.get("format") == "duration":
        field.pop("format")
        field["pattern"] = DURATION
    elif field.get("format") == "date":
        field["pattern"] = DATE
    if "const" in field:
        field["enum"] = [field.pop("const")]
    for part in field.get("anyOf", []):
        _refine(part)


def _plain(value: Any) -> Any:
    """A value as JSON has it, durations as people write them."""
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, date):
        return as_text(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _not_here(_: dict[str, Any]) -> None:
    raise Refused("A deployment's flow runs in a process of its own, not in the one that registers it.")
