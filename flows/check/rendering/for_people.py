"""Each mistake with the line that it is in, and a count at the end."""

from __future__ import annotations

from collections.abc import Sequence

from flows.check.rendering.findings import Findings
from flows.diagnostics import rendered


def as_text(files: Sequence[Findings], color: bool = False) -> str:
    """What a terminal shows."""
    told = [rendered(file.diagnostics, file.text, color) for file in files if file.diagnostics]
    broken = sum(file.is_broken for file in files)
    count = f"{len(files)} file{'' if len(files) == 1 else 's'}"
    return "\n".join([*told, f"{count} checked: {f'{broken} with errors' if broken else 'no errors'}\n"])
