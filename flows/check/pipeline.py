"""One file through every rule, from its text to its plan."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from flows.check import (
    arguments,
    calls,
    connections,
    cycles,
    frames,
    grammar,
    inlined,
    items,
    modes,
    names,
    parameters,
    schedule,
    wiring,
)
from flows.check.building import build
from flows.check.subject import Piece, Subject
from flows.desk import Desk
from flows.diagnostics import Diagnostic, ordered, rendered
from flows.document import Document, read
from flows.plan import Plan
from tasks.registry import Catalog


@dataclass(frozen=True)
class Checked:
    """A file, what is wrong with it, and its plan where nothing is."""

    path: Path
    document: Document
    diagnostics: tuple[Diagnostic, ...]
    plan: Plan | None
    subject: Subject | None = field(default=None, repr=False, compare=False)
    """What its names turned out to mean, also where something is wrong; None where it has no shape at all."""

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that keep it from running."""
        return tuple(diagnostic for diagnostic in self.diagnostics if diagnostic.severity == "error")


def check_file(
    path: Path | str,
    catalog: Catalog,
    desk: Desk | None,
    pipelines: Path | None = None,
    beside: Collection[str] | None = None,
) -> Checked:
    """Check a pipeline file.

    Parameters
    ----------
    path
        The file.
    catalog
        The tasks and schemas that it may name.
    desk
        The desk whose connections it may use; None leaves connections unchecked, with a note.
    pipelines
        The folder of the pipelines that it may inline; its own where None.
    beside
        The names of the project's pipelines, one of which it may run after; None leaves that unchecked.

    Returns
    -------
    Checked
        All its diagnostics, sorted, and the plan if none is an error. Nothing is raised for what is in the file.
    """
    path = Path(path)
    return _check(path, catalog, desk, pipelines or path.parent, {path.stem: None}, beside)


def render(checked: Checked, color: bool = False) -> str:
    """The diagnostics of a file as a person reads them; empty where there are none."""
    return rendered(checked.diagnostics, checked.document.text, color)


def _check(
    path: Path,
    catalog: Catalog,
    desk: Desk | None,
    folder: Path,
    known: dict[str, Checked | None],
    beside: Collection[str] | None,
) -> Checked:
    """Check a file, and those that it inlines: `known` has those checked already, None for those under way."""
    document = read(path)
    if not document.readable:
        return Checked(path, document, document.diagnostics, None)
    file, dropped, diagnostics = grammar.well_shaped(document)
    diagnostics += document.diagnostics
    if file is None:
        return Checked(path, document, ordered(diagnostics), None)
    subject = Subject(document, file, dropped, catalog, desk, folder)
    for name, source in file.stream.items():
        subject.pieces[name] = Piece(name, ("stream", name), source)
    for name, step in file.steps.items():
        subject.pieces[name] = Piece(name, ("steps", name), step)
    if file.on_failure is not None:
        subject.failure = Piece("on_failure", ("on_failure",), file.on_failure)

    def inline(name: str) -> Plan | None:
        if name not in known:
            known[name] = None
            known[name] = _check(folder / f"{name}.yaml", catalog, desk, folder, known, beside)
        inner = known[name]
        return inner.plan if inner else None

    names.check(subject)
    modes.check(subject)
    calls.check(subject)
    inlined.check(subject, path.stem, inline)
    wiring.check(subject)
    cycles.check(subject)
    frames.check(subject)
    arguments.check(subject)
    items.check(subject)
    connections.check(subject)
    parameters.check(subject)
    schedule.check(subject, path.stem, beside)
    found = ordered([*diagnostics, *subject.diagnostics])
    whole = not any(diagnostic.severity == "error" for diagnostic in found)
    return Checked(path, document, found, build(subject, path) if whole else None, subject)
