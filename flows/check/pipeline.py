"""One file through every rule, from its text to its plan."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from flows.check import (
    ages,
    arguments,
    beginnings,
    calls,
    connections,
    cycles,
    empties,
    endings,
    frames,
    grammar,
    inlined,
    items,
    modes,
    names,
    parameters,
    remembered,
    schedule,
    tables,
    unused,
    waiting,
    wiring,
)
from flows.check.building import build
from flows.check.subject import Subject
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
    reader: Callable[[Path], Document] = read,
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
    reader
        Reads this file and those that it names: an editor has texts that aren't saved yet.

    Returns
    -------
    Checked
        All its diagnostics, sorted, and the plan if none is an error. Nothing is raised for what is in the file.
    """
    path = Path(path)
    return _Checker(catalog, desk, pipelines or path.parent, {path.stem: None}, beside, reader).check(path)


def render(checked: Checked, color: bool = False) -> str:
    """The diagnostics of a file as a person reads them; empty where there are none."""
    return rendered(checked.diagnostics, checked.document.text, color)


@dataclass(frozen=True)
class _Checker:
    """Checks a file, and those that it inlines."""

    catalog: Catalog
    desk: Desk | None
    folder: Path
    known: dict[str, Checked | None]
    """Those checked already, None for those under way."""
    beside: Collection[str] | None
    reader: Callable[[Path], Document]

    def check(self, path: Path) -> Checked:
        document = self.reader(path)
        if not document.readable:
            return Checked(path, document, document.diagnostics, None)
        file, dropped, diagnostics = grammar.well_shaped(document)
        diagnostics += document.diagnostics
        if file is None:
            return Checked(path, document, ordered(diagnostics), None)
        subject = Subject(document, file, dropped, self.catalog, self.desk, self.folder, self.reader)
        self._apply(subject, path.stem)
        found = ordered([*diagnostics, *subject.diagnostics])
        whole = not any(diagnostic.severity == "error" for diagnostic in found)
        return Checked(path, document, found, build(subject, path) if whole else None, subject)

    def _apply(self, subject: Subject, name: str) -> None:
        names.check(subject)
        empties.check(subject)
        modes.check(subject)
        calls.check(subject)
        inlined.check(subject, name, self._inline)
        wiring.check(subject)
        cycles.check(subject)
        frames.check(subject)
        tables.check(subject)
        beginnings.check(subject)
        waiting.check(subject)
        ages.check(subject)
        remembered.check(subject)
        arguments.check(subject)
        items.check(subject)
        connections.check(subject)
        parameters.check(subject)
        schedule.check(subject, name, self.beside)
        endings.check(subject)
        unused.check(subject)

    def _inline(self, name: str) -> Plan | None:
        if name not in self.known:
            self.known[name] = None
            self.known[name] = self.check(self.folder / f"{name}.yaml")
        inner = self.known[name]
        return inner.plan if inner else None
