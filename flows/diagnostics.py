"""What is wrong with a file, where, and what to do: the form in which every check speaks."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "note"]

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What the YAML parser counts as the end of a line."""

WIDEST = 160
"""Characters of a line in an excerpt."""

LISTED = 12
"""As many names as a person still reads in a hint."""


@dataclass(frozen=True, order=True)
class Span:
    """A place in a file: line and column from 1, and how many characters it is wide."""

    line: int
    column: int
    width: int = 1


@dataclass(frozen=True)
class Diagnostic:
    """One thing that is wrong, or worth knowing."""

    path: str
    span: Span
    code: str
    message: str
    hint: str = ""
    severity: Severity = "error"

    @property
    def order(self) -> tuple[int, int, str, str]:
        """What diagnostics of one file are sorted by."""
        return self.span.line, self.span.column, self.code, self.message


def ordered(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by line, then column; each once."""
    each: dict[tuple[int, int, str, str], Diagnostic] = {}
    for diagnostic in diagnostics:
        each.setdefault(diagnostic.order, diagnostic)
    return tuple(each[order] for order in sorted(each))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant; None where none is near."""
    folded = {candidate.lower(): candidate for candidate in sorted(known)}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def close_to(name: str, known: Iterable[str], what: str = "expected one of") -> str:
    """A hint for a name that isn't known: the nearest one, or those that are, or nothing where there are none."""
    names = sorted(known)
    if meant := nearest(name, names):
        return f"did you mean `{meant}`?"
    if not names:
        return ""
    shown = ", ".join(f"`{candidate}`" for candidate in names[:LISTED])
    return f"{what} {shown}" + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")


def rendered(diagnostics: Iterable[Diagnostic], text: str, color: bool = False) -> str:
    """Each as `file:line:column: message [code]`, the line it is about, a caret below, and the hint.

    Parameters
    ----------
    diagnostics
        Of one file.
    text
        That file's text, for the excerpts.
    color
        Whether to mark up for a terminal.
    """
    lines = LINE_BREAK.split(text)
    return "".join(_one(diagnostic, lines, color) for diagnostic in diagnostics)


def _one(diagnostic: Diagnostic, lines: list[str], color: bool) -> str:
    span = diagnostic.span

    def paint(style: str, words: str) -> str:
        return f"\x1b[{style}m{words}\x1b[0m" if color and words else words

    place = paint("1", f"{diagnostic.path}:{span.line}:{span.column}:")
    kind = "" if diagnostic.severity == "error" else paint("36", "note: ")
    head = f"{place} {kind}{_visible(diagnostic.message)} {paint('2', f'[{diagnostic.code}]')}\n"
    margin = " " * len(str(span.line))
    if span.line > len(lines) or not lines[span.line - 1].strip():
        return head + (f"{margin} = {_visible(diagnostic.hint)}\n" if diagnostic.hint else "")
    line, column = _window(lines[span.line - 1], span.column)
    before = "".join("\t" if character == "\t" else " " for character in line[: column - 1])
    width = max(1, min(span.width, len(line) - column + 1))
    mark = paint("31" if diagnostic.severity == "error" else "36", "^" + "~" * (width - 1))
    body = f"{margin} |\n{span.line} | {_visible(line)}\n{margin} | {before}{mark}\n"
    return head + body + (f"{margin} = {_visible(diagnostic.hint)}\n" if diagnostic.hint else "")


def _window(line: str, column: int) -> tuple[str, int]:
    """What of a long line is shown, and the column in that."""
    if len(line) <= WIDEST:
        return line, column
    start = max(0, min(column - WIDEST // 2, len(line) - WIDEST))
    return line[start : start + WIDEST], column - start


def _visible(text: str) -> str:
    """The text with characters that a terminal would act upon shown as `?`."""
    return "".join(character if character.isprintable() or character == "\t" else "?" for character in text)
