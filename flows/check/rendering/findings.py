"""What was found in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.diagnostics import Diagnostic


@dataclass(frozen=True)
class Findings:
    """A file that was looked at."""

    path: str
    """As it is shown to people."""
    text: str
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether anything in it is an error."""
        return any(diagnostic.severity == "error" for diagnostic in self.diagnostics)


def counted(files: Sequence[Findings]) -> tuple[int, int]:
    """(errors, notes) in all of them."""
    told = [diagnostic.severity for file in files for diagnostic in file.diagnostics]
    return told.count("error"), told.count("note")
