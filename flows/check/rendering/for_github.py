"""Workflow commands of GitHub Actions: each mistake becomes an annotation at its line.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Sequence

from flows.check.rendering.findings import Findings

LEVELS = {"error": "error", "note": "notice"}


def as_github(files: Sequence[Findings]) -> str:
    """A line a mistake; nothing where there is none."""
    lines: list[str] = []
    for file in files:
        for one in file.diagnostics:
            end = one.span.column + one.span.width - 1
            place = f"file={_property(file.path)},line={one.span.line},col={one.span.column},endColumn={end}"
            told = f"{one.message}\n{one.hint}" if one.hint else one.message
            lines.append(f"::{LEVELS[one.severity]} {place},title={_property(one.code)}::{_data(told)}\n")
    return "".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
