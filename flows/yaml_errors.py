"""A YAML parser's complaints in words for the person who wrote the file."""

from __future__ import annotations

import yaml

from flows.diagnostics import Span


def explained(error: yaml.MarkedYAMLError, lines: list[str]) -> tuple[Span, str, str]:
    """(place, message, hint) of a parser's error.

    Parameters
    ----------
    error
        What libyaml, or PyYAML's own parser, raised.
    lines
        The file's lines.
    """
    problem = error.problem or "this can't be read"
    span = _span(error.problem_mark, lines) or _span(error.context_mark, lines) or Span(1, 1)
    opened = _span(error.context_mark, lines)
    character = _character(span, lines)
    if "tab character" in problem or ("cannot start any token" in problem and character == "\t"):
        return span, "a tab can't indent", "indent with spaces"
    if "cannot start any token" in problem:
        return span, f"text can't begin with `{character}`", "put it in quotes"
    if "block sequence entries" in problem:
        return span, "a `- item` can't stand here", "a list of `- ` begins on its own line, or write `[a, b]`"
    if "mapping values are not allowed" in problem:
        return span, "a `key: value` can't stand here", "put text that holds `: ` in quotes, or check the indentation"
    if "',' or ']'" in problem and opened:
        return opened, "this list is not closed, or lacks a `,` between its items", "it ends with `]`"
    if "',' or '}'" in problem and opened:
        hint = "text with `${` in it needs quotes here" if "${" in lines[opened.line - 1] else "it ends with `}`"
        return opened, "this mapping is not closed, or lacks a `,` between its keys", hint
    if "end of stream" in problem and opened:
        return opened, "this quote is never closed", ""
    if "escape character" in problem:
        return span, "no such escape in double quotes", "use single quotes, where a backslash is a backslash"
    if "expected key" in problem or "<block end>" in problem or "'-' indicator" in problem:
        return span, "this line fits none above it", "give it the same indentation as the line it belongs with"
    if "could not find expected ':'" in problem:
        return opened or span, "expected `key: value`", ""
    if "node content" in problem:
        return span, "a value is missing here", ""
    return span, problem, error.context or ""


def _span(mark: yaml.Mark | None, lines: list[str]) -> Span | None:
    """Where the mark is; None past the end of the text, where there is nothing to show."""
    if mark is None or mark.line >= len(lines) or (mark.line == len(lines) - 1 and not lines[mark.line].strip()):
        return None
    return Span(mark.line + 1, mark.column + 1)


def _character(span: Span, lines: list[str]) -> str:
    return lines[span.line - 1][span.column - 1 : span.column]
