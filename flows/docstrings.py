"""What a numpydoc docstring says of each parameter."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

_SECTION = re.compile(r"^(\S[^\n]*)\n-{3,}$", re.MULTILINE)
_NAMES = re.compile(r"^(\w+(?:, *\w+)*)(?: *:.*)?$")


def of_parameters(function: Callable[..., Any]) -> dict[str, str]:
    """The description of each parameter under `Parameters`, its lines as one; none where there is no such section."""
    parts = _SECTION.split(inspect.getdoc(function) or "")
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for line in sections.get("Parameters", "").splitlines():
        if line[:1].isspace():
            for name in names:
                found[name].append(line.strip())
        elif match := _NAMES.match(line):
            names = [name.strip() for name in match[1].split(",")]
            found |= {name: [] for name in names}
    return {name: " ".join(lines) for name, lines in found.items()}
