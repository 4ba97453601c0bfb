"""SARIF 2.1.0, which code scanners and editors take: https://docs.oasis-open.org/sarif/sarif/v2.1.0/."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from flows.check.rendering.findings import Findings
from flows.diagnostics import Diagnostic

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_sarif(files: Sequence[Findings]) -> str:
    """One run of one tool, with a rule for each code that was told."""
    codes = sorted({diagnostic.code for file in files for diagnostic in file.diagnostics})
    rules = [{"id": code, "help": {"text": f"See `{code}` in docs/checks.md."}} for code in codes]
    results = [_result(file.path, one, codes.index(one.code)) for file in files for one in file.diagnostics]
    driver = {"name": "hedgerow check", "version": version("hedgerow"), "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _result(path: str, diagnostic: Diagnostic, rule: int) -> dict[str, Any]:
    span = diagnostic.span
    region = {"startLine": span.line, "startColumn": span.column, "endColumn": span.column + span.width}
    location = {"artifactLocation": {"uri": quote(path.replace("\\", "/"))}, "region": region}
    told = f"{diagnostic.message}: {diagnostic.hint}" if diagnostic.hint else diagnostic.message
    return {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.severity,
        "message": {"text": told},
        "locations": [{"physicalLocation": location}],
    }
