"""Frames and words as the Markdown that Prefect's UI renders: tables and images, no inline HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from flows.terminal import cell

_MEANT_FOR_MARKDOWN = re.compile(r"([\\`*_~|\[\]<>])")
_LONGEST = 300
"""Characters of a value that a table shows."""


def literal(text: object) -> str:
    """Text that stands for itself, on one line."""
    line = " ".join(str(text).split())
    if len(line) > _LONGEST:
        line = line[: _LONGEST - 1] + "…"
    return _MEANT_FOR_MARKDOWN.sub(r"\\\1", line)


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]], right: Iterable[str] = ()) -> str:
    """A table of values as `cell` shows them; the columns named by `right` end flush."""
    flush = frozenset(right)
    lines = [
        _line(literal(head) for head in heads),
        _line("---:" if head in flush else "---" for head in heads),
        *(_line(literal(cell(value)) for value in row) for row in rows),
    ]
    return "\n".join(lines)


def frame_table(frame: pd.DataFrame) -> str:
    """A frame as a table, one row as a list of its fields."""
    if len(frame) == 1:
        return table(("field", "value"), [(name, frame[name].iloc[0]) for name in frame.columns])
    names = [str(name) for name in frame.columns]
    numbers = [name for name, kind in zip(names, frame.dtypes, strict=True) if getattr(kind, "kind", "") in "iuf"]
    return table(names, frame.itertuples(index=False, name=None), numbers)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
