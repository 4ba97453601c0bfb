"""Mistakes that mend themselves: what the checker says was probably meant, written in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flows.check import check_file
from flows.diagnostics import Diagnostic
from flows.document import unsaved
from flows.lsp.view import View

_MEANT = re.compile(r"did you mean `([^`]+)`\?")
_QUOTED = re.compile(r"`([^`]+)`")
_STATE_SCHEMA = re.compile(r"add `schema: (\w+)` to step `(\w+)`")


@dataclass(frozen=True)
class Fix:
    """An edit that takes a diagnostic away."""

    diagnostic: Diagnostic
    title: str
    start: int
    end: int
    text: str


def fixes(view: View, start: int, end: int) -> Iterator[Fix]:
    """The edits that would mend what is wrong between two offsets; each was tried."""
    checked = view.project.checked.get(view.path)
    found = view.project.desk_diagnostics if view.is_desk else checked.diagnostics if checked else ()
    for diagnostic in found:
        first, last = view.text.at(diagnostic.span)
        if first > end or last < start:
            continue
        fix = _meant(view, diagnostic, first, last) or _stated(view, diagnostic)
        if fix is not None and (view.is_desk or _mends(view, fix)):
            yield fix


def _meant(view: View, diagnostic: Diagnostic, start: int, end: int) -> Fix | None:
    """The name that was probably meant, in the place of the one that the message quotes."""
    hint = _MEANT.search(diagnostic.hint)
    if hint is None:
        return None
    written = view.text.source[start:end]
    quoted = [name.lstrip("$") for name in _QUOTED.findall(diagnostic.message) if name.lstrip("$") in written]
    wrong = max(quoted, key=len, default=written)
    at = start + written.index(wrong)
    return Fix(diagnostic, f"Change to `{hint[1]}`", at, at + len(wrong), hint[1].lstrip("$"))


def _stated(view: View, diagnostic: Diagnostic) -> Fix | None:
    """`schema:` of the step whose frame nothing says the kind of."""
    hint = _STATE_SCHEMA.search(diagnostic.hint)
    task = next((t for t in view.tokens if hint and t.location == ("steps", hint[2], "task") and not t.is_key), None)
    if hint is None or task is None:
        return None
    in_brackets = ("steps", hint[2]) in view.outline.brackets
    line = view.text.source.rfind("\n", 0, task.start) + 1
    key = next(token for token in view.tokens if token.location == task.location and token.is_key)
    text = f", schema: {hint[1]}" if in_brackets else f"\n{' ' * (key.start - line)}schema: {hint[1]}"
    return Fix(diagnostic, f"Add `schema: {hint[1]}` to `{hint[2]}`", task.end, task.end, text)


def _mends(view: View, fix: Fix) -> bool:
    """Whether the diagnostic is gone once the fix is made, and nothing else is wrong that wasn't."""
    source = view.text.source
    texts = {**view.project.texts, view.path: source[: fix.start] + fix.text + source[fix.end :]}
    beside = [path.stem for path in view.project.paths()]
    with unsaved(texts):
        after = check_file(view.path, view.catalog, view.project.desk, view.project.folder, beside)
    before = view.project.checked[view.path]
    return len(after.errors) < len(before.errors)
