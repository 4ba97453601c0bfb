"""The JSON Schema of pipeline files, by which an editor's YAML support completes and checks as one types.

It is made from the same models and signatures as the checker: keys, tasks with their arguments by type,
choices and bounds. What it can't say (does the wiring fit?) the checker does; what the checker takes,
it takes.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Union

from pydantic import BaseModel, TypeAdapter

from flows import notation
from flows.docstrings import of_parameters
from flows.grammar import (
    Defaults,
    FailureStep,
    ParameterKeys,
    ParameterPolicy,
    PipelineFile,
    RetryKeys,
    RetryPolicy,
    Runner,
    RunnerKeys,
    Schedule,
    Source,
    Step,
)
from flows.references import as_text
from tasks.connections.durations import Duration
from tasks.declare import TaskSpec
from tasks.registry import Catalog

Json = dict[str, Any]

FILE = "pipeline.schema.json"
DRAFT = "http://json-schema.org/draft-07/schema#"
"""What YAML language servers know."""

DURATION = r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"
DATE = r"^\d{4}-\d{2}-\d{2}$"
REFERENCE: Json = {"type": "string", "pattern": r"\$"}
"""A parameter or what a run knows in place of a value."""

FORMS = (("calendar", "at"), ("calendar", "from", "until"), ("cron", "timezone"), ("after",))
"""The keys that a schedule must have, by its form; `missed` goes with each, `every` with a span."""

MODELS = (PipelineFile, Schedule, ParameterKeys, Defaults, Source, Step, FailureStep, RetryKeys, RunnerKeys)


def schema_text(catalog: Catalog) -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(catalog), indent=1, ensure_ascii=False) + "\n"


def schema(catalog: Catalog) -> Json:
    """The JSON Schema (draft 7) of a pipeline file that may name these tasks and schemas."""
    whole = PipelineFile.model_json_schema(by_alias=True, ref_template="#/definitions/{model}")
    definitions: Json = whole.pop("$defs")
    for model in MODELS:
        _refine(whole if model is PipelineFile else definitions.setdefault(model.__name__, {}), model)
    _schedule(definitions)
    steps = {name: spec for name, spec in sorted(catalog.tasks.items()) if spec.kind != "source"}
    sources = {name: spec for name, spec in sorted(catalog.tasks.items()) if spec.kind == "source"}
    on_failure = {name: spec for name, spec in steps.items() if all(one.optional for one in spec.frames.values())}
    for name, spec in {**steps, **sources}.items():
        definitions[f"with {name}"] = _values(spec)
    for place, tasks in ((Step, steps), (Source, sources), (FailureStep, on_failure)):
        _tasks(definitions[place.__name__], tasks)
    step = definitions["Step"]
    step["oneOf"] = [{"required": ["task"]}, {"required": ["pipeline"]}]
    step["properties"]["schema"] = {
        **_named(catalog.schemas, lambda model: _line(model.__doc__)),
        "description": step["properties"]["schema"]["description"],
    }
    named = {name: _plain(made) for name, made in definitions.items()}
    return {"$schema": DRAFT, **_plain(whole), "patternProperties": {"^x-": True}, "definitions": named}


def _refine(made: Json, model: type[BaseModel]) -> None:
    """Say of each key what pydantic can't: how names, times and durations are written, and the short forms."""
    hints = typing.get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        key = field.alias or name
        special = _special(hints[name])
        if special is not None:
            kept = {word: made["properties"][key][word] for word in ("description",) if word in made["properties"][key]}
            made["properties"][key] = {**special, **kept}
        made["properties"][key] = _present(made["properties"][key])


def _special(hint: Any) -> Json | None:
    """The schema of a type that is written in a way of its own; None where pydantic's will do."""
    for known, said in _written():
        if hint == known:
            return said
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        parts = [_special(part) for part in arguments if part is not type(None)]
        if len(parts) == 1 and parts[0] is not None:
            return {"anyOf": [parts[0], {"type": "null"}]}
    if origin is dict and (inner := _special(arguments[1])) is not None:
        return {"type": "object", "additionalProperties": inner, **_keys(arguments[0])}
    if origin is dict and isinstance(arguments[1], type) and issubclass(arguments[1], BaseModel):
        inner = {"$ref": f"#/definitions/{arguments[1].__name__}"}
        least = {"minProperties": 1} if arguments[1] is Step else {}
        return {"type": "object", "additionalProperties": inner, **_keys(arguments[0]), **least}
    if origin is list and (inner := _special(arguments[0])) is not None:
        return {"type": "array", "items": inner}
    return None


def _keys(hint: Any) -> Json:
    return {"propertyNames": {"pattern": f"^{notation.NAME.pattern}$"}} if hint == notation.Name else {}


def _written() -> list[tuple[Any, Json]]:
    port = {"type": "string", "pattern": f"^{notation.PORT.pattern}$"}
    moment = rf"^\s*(open|close)(\s*[+-]\s*{DURATION[1:-1]})?\s*$"
    scalar = {"type": ["string", "number", "boolean", "null"]}
    return [
        (Duration, {"type": "string", "pattern": DURATION, "examples": ["30s", "5m", "1h30m"]}),
        (notation.Name, {"type": "string", "pattern": f"^{notation.NAME.pattern}$"}),
        (notation.PortText, port),
        (notation.WhenText, {"type": "string", "pattern": f"^(not +)?{notation.PORT.pattern}$"}),
        (notation.DaskAddress, {"type": "string", "examples": ["tcp://10.0.0.5:8786"]}),
        (notation.Moment, {"type": "string", "pattern": moment, "examples": ["open + 5m", "close - 15m"]}),
        (notation.Cron, {"type": "string", "pattern": r"^\s*(\S+\s+){4}\S+\s*$", "examples": ["30 16 * * 1-5"]}),
        (notation.Bound, {"type": ["string", "number"]}),
        (notation.Keep, {"anyOf": [{"enum": ["all", "latest"]}, {"type": "string", "pattern": DURATION}]}),
        (
            notation.Inputs,
            {"anyOf": [port, {"type": "array", "items": port}, {"type": "object", "additionalProperties": port}]},
        ),
        (
            notation.Items,
            {
                "anyOf": [
                    REFERENCE,
                    {"type": "array", "minItems": 1, "items": {"type": "object"}},
                    {
                        "type": "object",
                        "additionalProperties": {"anyOf": [REFERENCE, {"type": "array", "minItems": 1}]},
                    },
                ]
            },
        ),
        (RetryPolicy, {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 50}, _ref(RetryKeys)]}),
        (ParameterPolicy, {"anyOf": [scalar, {"type": "array"}, _ref(ParameterKeys)]}),
        (Runner, {"anyOf": [{"const": "threads"}, _ref(RunnerKeys)]}),
    ]


def _ref(model: type[BaseModel]) -> Json:
    return {"$ref": f"#/definitions/{model.__name__}"}


def _schedule(definitions: Json) -> None:
    """One form at a time: an editor then offers only what still goes together."""
    keys = definitions["Schedule"].pop("properties")
    forms = []
    for form in FORMS:
        taken = [*form, *(["every"] if "from" in form else []), "missed"]
        properties = {key: keys[key] for key in taken}
        forms.append(
            {"type": "object", "properties": properties, "required": list(form), "additionalProperties": False}
        )
    definitions["Schedule"] = {"description": definitions["Schedule"]["description"], "oneOf": forms}


def _present(key: Json) -> Json:
    """The schema of a key that, where it stands, isn't null."""
    parts = [part for part in key.get("anyOf", []) if part != {"type": "null"}]
    if len(parts) != 1:
        return key
    return {**{word: said for word, said in key.items() if word != "anyOf"}, **parts[0]}


def _tasks(place: Json, tasks: Mapping[str, TaskSpec]) -> None:
    """The tasks that may stand here, and what each takes."""
    place["properties"]["task"] = _named(tasks, lambda spec: spec.summary)
    place["allOf"] = [
        {"if": {"properties": {"task": {"const": name}}, "required": ["task"]}, "then": _calling(name, spec, place)}
        for name, spec in tasks.items()
    ]


def _calling(name: str, spec: TaskSpec, place: Json) -> Json:
    """What may stand beside `task: name`."""
    said: Json = {"properties": {"with": {"$ref": f"#/definitions/with {name}"}}}
    if "in" in place["properties"]:
        said["properties"]["in"] = _frames(spec)
    if "last" in place["properties"]:
        remembered = sorted(name for name, frame in spec.frames.items() if frame.optional)
        said["properties"]["last"] = {"propertyNames": {"enum": remembered}} if remembered else {"maxProperties": 0}
    needed = [argument.name for argument in spec.arguments.values() if argument.required]
    if needed:
        given = {"required": ["with"], "properties": {"with": {"required": needed}}}
        said["anyOf"] = [given, {"required": ["each"]}] if "each" in place["properties"] else [given]
    return said


def _frames(spec: TaskSpec) -> Json:
    if not spec.frames:
        return {"type": "null"}
    port = {"type": "string"}
    properties = {
        name: {**port, "description": f"{frame.schema.__name__ if frame.schema else 'any frame'}"}
        for name, frame in spec.frames.items()
    }
    mapping = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"anyOf": [port, {"type": "array", "items": port, "maxItems": len(spec.frames)}, mapping]}


def _values(spec: TaskSpec) -> Json:
    """The `with:` of a task."""
    told = of_parameters(spec.function)
    properties: Json = {}
    for argument in spec.arguments.values():
        made = _or_reference(_typed(argument.annotation))
        if argument.name in told:
            made["description"] = told[argument.name]
        if not argument.required and argument.default is not None:
            made["default"] = _plain(argument.default)
        properties[argument.name] = made
    for name, cls in spec.connections.items():
        what = f"A connection of kind `{cls.kind}`; may be left out where the desk has only one."
        properties[name] = {"type": ["string", "null"], "description": what}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _typed(annotation: Any) -> Json:
    made = TypeAdapter(annotation).json_schema(ref_template="{model}")
    if "$defs" in made:
        return {}  # a model: the checker knows it, an editor needn't
    return made


def _or_reference(made: Json) -> Json:
    """The same, or a `$name` in its place, also inside lists and mappings."""
    made = dict(made)
    for key in ("items", "additionalProperties"):
        if isinstance(made.get(key), dict):
            made[key] = _or_reference(made[key])
    if "anyOf" in made:
        parts = [_or_reference(part) for part in made.pop("anyOf")]
        flat = [inner for part in parts for inner in part.get("anyOf", [part]) if inner != REFERENCE]
        return {**made, "anyOf": [*flat, REFERENCE]}
    if made.get("format") == "duration":
        made = {**{key: said for key, said in made.items() if key != "format"}, "pattern": DURATION}
    if made.get("format") == "date":
        made = {**{key: said for key, said in made.items() if key != "format"}, "pattern": DATE}
    is_plain_text = made.get("type") == "string" and not {"pattern", "enum", "const", "maxLength"} & made.keys()
    return made if is_plain_text or not made else {"anyOf": [made, REFERENCE]}


def _named(known: Mapping[str, Any], summary: Callable[[Any], str]) -> Json:
    """One of these names, each with a line that an editor shows beside it."""
    told = [summary(known[name]) for name in known]
    return {"type": "string", "enum": list(known), "markdownEnumDescriptions": told}


def _line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _plain(value: Any) -> Any:
    """As JSON has it; without titles, and defaults of nothing."""
    if isinstance(value, Mapping):
        is_schema = not _is_names(value)
        return {
            str(key): _plain(part)
            for key, part in value.items()
            if not (is_schema and ((key == "title" and isinstance(part, str)) or (key == "default" and part is None)))
        }
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, date):
        return as_text(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return value


def _is_names(value: Mapping[str, Any]) -> bool:
    """Whether it maps names to schemas, rather than being one."""
    return bool(value) and all(isinstance(part, Mapping) for part in value.values())
