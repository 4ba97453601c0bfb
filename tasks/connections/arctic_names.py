"""Names in the store of frames: which can be used, and what was meant by one that isn't there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from tasks.connections.problems import DataProblem


def check_names(library: str, symbol: str) -> None:
    """Raise `DataProblem` where ArcticDB or an S3 key couldn't bear a name."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,98}", library):
        raise DataProblem(f"`{library}` can't name a library.", "Use letters, digits, `_`, `-` and `.`.")
    if not re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?", symbol) or "*" in symbol:
        raise DataProblem(f"`{symbol}` can't name a symbol.", "Use up to 255 printable ASCII characters, without `*`.")


def unknown(what: str, name: str, known: Sequence[str]) -> DataProblem:
    """There is no such name: close ones, or what there is."""
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"It has {', '.join(sorted(known)[:10]) or 'none yet'}."
    return DataProblem(f"{what} `{name}`.", hint)


def ranges(numbers: Sequence[int]) -> str:
    """Numbers in few words: `0 to 4, 7`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{first} to {last}" if first != last else f"{first}" for first, last in spans)


def listed(refused: dict[str, str]) -> str:
    """Columns with what is wrong about each."""
    return ", ".join(f"column `{name}` is {what}" for name, what in refused.items())
