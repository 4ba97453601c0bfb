"""How single values of a file are written: names, steps, times of a session, cron, what a source keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Discriminator, Tag

from flows.values import shown
from tasks.connections.durations import parse_duration

NAME = re.compile(r"[a-z][a-z0-9_]*")
PORT = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
_WHEN = re.compile(rf"(not +)?{PORT.pattern}")
_DASK = re.compile(r"(tcp|tls)://[^/\s:]+:\d{1,5}")
_SESSION_TIME = re.compile(r"(open|close)(?:\s*([+-])\s*(\S+))?")


@dataclass(frozen=True)
class SessionTime:
    """A moment of a trading session: `open + 5m`, `close - 15m`."""

    anchor: Literal["open", "close"]
    offset: timedelta = timedelta()


def _named(pattern: re.Pattern[str], what: str) -> Any:
    def check(value: Any) -> Any:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"expected {what}, got {shown(value)}")
        return value

    return BeforeValidator(check)


def _session_time(value: Any) -> Any:
    if isinstance(value, SessionTime):
        return value
    found = _SESSION_TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise ValueError(f"expected a time of the session such as `open + 5m` or `close - 15m`, got {shown(value)}")
    offset = parse_duration(found[3]) if found[3] else timedelta()
    return SessionTime("open" if found[1] == "open" else "close", -offset if found[2] == "-" else offset)


def _cron(value: Any) -> Any:
    fields = value.split() if isinstance(value, str) else []
    if len(fields) != 5 or not all(re.fullmatch(r"[\w*/,\-#]+", field) for field in fields):
        raise ValueError(
            f"expected five fields, minute hour day month weekday, such as `30 16 * * 1-5`: got {shown(value)}"
        )
    return value


def _shape(value: Any) -> str | None:
    if isinstance(value, str):
        return "<text>"
    if isinstance(value, list):
        return "<list>"
    if isinstance(value, (dict, BaseModel)):
        return "<mapping>"
    return None


def _one_of_shapes(sentence: str) -> Any:
    return Discriminator(_shape, custom_error_type="shape", custom_error_message=sentence)


Name = Annotated[str, _named(NAME, "a name of small letters, digits and `_`")]
"""Name of a step or a parameter."""

PortText = Annotated[str, _named(PORT, "a step, or `step.field`")]
"""`step`, or `step.field` where the step's task yields several frames."""

WhenText = Annotated[str, _named(_WHEN, "`step` or `not step`")]
"""`step`: it has rows; `not step`: it has none."""

DaskAddress = Annotated[str, _named(_DASK, "the address of a Dask scheduler such as tcp://10.0.0.5:8786")]

Moment = Annotated[SessionTime, BeforeValidator(_session_time)]
Cron = Annotated[str, BeforeValidator(_cron)]

Inputs = Annotated[
    Annotated[PortText, Tag("<text>")]
    | Annotated[list[PortText], Tag("<list>")]
    | Annotated[dict[str, PortText], Tag("<mapping>")],
    _one_of_shapes("expected a step, a list of steps, or a mapping from the task's parameters to steps"),
]

Items = Annotated[
    Annotated[str, Tag("<text>")]
    | Annotated[list[dict[str, Any]], Tag("<list>")]
    | Annotated[dict[str, Any], Tag("<mapping>")],
    _one_of_shapes("expected a mapping of lists, a list of mappings, or a `$parameter` that is one"),
]


def _keep(value: Any) -> Any:
    if value in ("all", "latest"):
        return value
    try:
        return parse_duration(value)
    except ValueError:
        raise ValueError(f"expected `all`, `latest` or a duration such as 5m, got {shown(value)}") from None


Keep = Annotated[Literal["all", "latest"] | timedelta, BeforeValidator(_keep)]
"""What of a source's rows is kept: all, the latest of each key, or those of a span of time."""


def _bound(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"expected a number, a date or a duration, got {shown(value)}")
    return value


Bound = Annotated[Any, BeforeValidator(_bound)]
"""Least or greatest value of a parameter."""
