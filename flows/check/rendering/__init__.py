"""What a check found, for whoever reads it: a person, a program, a forge. A module a format."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flows.check.rendering.findings import Findings
from flows.check.rendering.for_github import as_github
from flows.check.rendering.for_people import as_text
from flows.check.rendering.for_programs import as_json
from flows.check.rendering.for_scanners import as_sarif

__all__ = ["FORMATS", "Findings"]

FORMATS: dict[str, Callable[[Sequence[Findings]], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "sarif": as_sarif,
}
"""By the name that `--format` takes."""
