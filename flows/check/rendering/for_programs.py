"""One JSON object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flows.check.rendering.findings import Findings, counted
from flows.diagnostics import Diagnostic


def as_json(files: Sequence[Findings]) -> str:
    """`{"errors", "notes", "files": [{"path", "diagnostics": […]}]}`.

    Lines and columns count from 1, columns in characters; `end_column` is that of the first character after.
    """
    errors, notes = counted(files)
    told = [{"path": file.path, "diagnostics": [_one(each) for each in file.diagnostics]} for file in files]
    return json.dumps({"errors": errors, "notes": notes, "files": told}, indent=2, ensure_ascii=False) + "\n"


def _one(diagnostic: Diagnostic) -> dict[str, Any]:
    span = diagnostic.span
    return {
        "line": span.line,
        "column": span.column,
        "end_column": span.column + span.width,
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }
