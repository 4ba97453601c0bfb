"""Durations as people write them: `30s`, `2m`, `1h30m`, `500ms`, `2d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(text: Any) -> timedelta:
    """A duration from text. Raises `ValueError` saying what is expected."""
    if isinstance(text, timedelta):
        return text
    if isinstance(text, str) and text and not _PART.sub("", text):
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))
    raise ValueError(f"expected a duration such as 500ms, 30s, 2m or 1h30m, got {text!r}")


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
"""The type of a duration argument or key."""
