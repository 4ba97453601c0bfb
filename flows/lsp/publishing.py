"""The checker's diagnostics as an editor shows them."""

from __future__ import annotations

from collections.abc import Iterable

from lsprotocol.types import Diagnostic as Shown
from lsprotocol.types import DiagnosticSeverity, DiagnosticTag

from flows.diagnostics import Diagnostic
from flows.lsp.positions import Text

SOURCE = "hedgerow"

_SEVERITY = {"error": DiagnosticSeverity.Error, "note": DiagnosticSeverity.Information}
_UNNECESSARY = ("unused-parameter",)
"""Codes of what could go: an editor greys it."""


def shown(diagnostics: Iterable[Diagnostic], text: Text) -> list[Shown]:
    """Each with its place in the text, its hint on a line of its own."""
    return [
        Shown(
            range=text.range(*text.at(diagnostic.span)),
            message=f"{diagnostic.message}\n{diagnostic.hint}".rstrip(),
            severity=_SEVERITY.get(diagnostic.severity, DiagnosticSeverity.Warning),
            code=diagnostic.code,
            source=SOURCE,
            tags=[DiagnosticTag.Unnecessary] if diagnostic.code in _UNNECESSARY else None,
        )
        for diagnostic in diagnostics
    ]
