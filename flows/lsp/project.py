"""A project as an editor has it: files on disk, those open in place of them, and what the checker says of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flows.check import Checked, check_file
from flows.desk import FILE as DESK
from flows.desk import Desk, DeskError, NoDesk, load_desk
from flows.diagnostics import Diagnostic, Span
from flows.document import Document, read, unsaved
from flows.project import FOLDER, pipeline_paths
from tasks.connections.problems import Problem
from tasks.registry import Catalog


class Project:
    """One project's pipelines.

    Parameters
    ----------
    folder
        Its folder of pipelines, resolved.
    texts
        What an editor has open, by resolved path; it changes as one types.
    """

    def __init__(self, folder: Path, texts: Mapping[Path, str]) -> None:
        self.folder = folder
        self.texts = texts
        self.desk: Desk | None = None
        self.desk_diagnostics: tuple[Diagnostic, ...] = ()
        self.checked: dict[Path, Checked] = {}
        self._good: dict[Path, Checked] = {}
        self._desk_text: str | None = None

    def paths(self) -> list[Path]:
        """The pipeline files: those on disk, and those that are only open yet."""
        opened = [path for path in self.texts if self.owns(path) and not path.name.startswith("_")]
        return sorted({*pipeline_paths(self.folder.parent), *opened})

    def owns(self, path: Path) -> bool:
        """Whether it is a file of this project's pipelines, the desk's included."""
        return path.parent == self.folder and path.suffix in (".yaml", ".yml")

    @property
    def desk_path(self) -> Path:
        """Where the desk file is, or would be."""
        return self.folder / DESK

    def check(self, path: Path, catalog: Catalog) -> Checked:
        """Check one pipeline file as it stands now."""
        with unsaved(self.texts):
            checked = check_file(path, catalog, self.desk, self.folder, [other.stem for other in self.paths()])
        self.checked[path] = checked
        if checked.subject is not None:
            self._good[path] = checked
        return checked

    def is_current(self, path: Path) -> bool:
        """Whether the file still is what was checked."""
        checked = self.checked.get(path)
        if checked is None:
            return False
        try:
            text = self.texts[path] if path in self.texts else path.read_bytes().decode()
        except (OSError, UnicodeDecodeError):
            return False
        return text == checked.document.text

    def forget(self, path: Path) -> None:
        """The file is gone."""
        self.checked.pop(path, None)
        self._good.pop(path, None)

    def good(self, path: Path) -> Checked | None:
        """What was last known of a file: as it is, or as it was when it could last be read."""
        return self._good.get(path)

    def load_desk(self) -> bool:
        """Read the desk file again; whether it changed."""
        with unsaved(self.texts):
            text = read(self.desk_path).text if self._has_desk() else None
            if text == self._desk_text and text is not None:
                return False
            self._desk_text = text
            before = self.desk
            try:
                self.desk, self.desk_diagnostics = load_desk(self.folder), ()
            except NoDesk:
                self.desk, self.desk_diagnostics = None, ()
            except DeskError as error:
                # A desk that is half written keeps the connections that it had.
                self.desk_diagnostics = error.diagnostics
            except Problem as problem:
                self.desk_diagnostics = (Diagnostic(DESK, Span(1, 1), "unreadable-file", str(problem)),)
        return self.desk is not before

    def _has_desk(self) -> bool:
        return self.desk_path in self.texts or self.desk_path.exists()

    def document(self, path: Path) -> Document:
        """A file's document as it stands now."""
        checked = self.checked.get(path)
        if checked is not None:
            return checked.document
        with unsaved(self.texts):
            return read(path)

    def depending(self, path: Path) -> list[Path]:
        """The files that inline this one or run after it, directly or by way of others; it isn't among them."""
        found: dict[Path, None] = {}
        queue = [path.stem]
        for name in queue:
            for other, checked in self.checked.items():
                if other != path and other not in found and name in set(mentioned(checked.document.value)):
                    found[other] = None
                    queue.append(other.stem)
        return list(found)


def mentioned(value: Any) -> Iterator[str]:
    """The pipelines that a file's steps inline, and the one that it runs after."""
    if not isinstance(value, dict):
        return
    schedule = value.get("schedule")
    steps = value.get("steps")
    parts: Iterable[Any] = steps.values() if isinstance(steps, dict) else ()
    found = [part.get("pipeline") for part in parts if isinstance(part, dict)]
    found += [schedule.get("after")] if isinstance(schedule, dict) else []
    yield from (name for name in found if isinstance(name, str))


def folder_of(path: Path) -> Path | None:
    """The folder of pipelines that a file is in; None where it is in none."""
    return path.parent if path.parent.name == FOLDER and path.suffix in (".yaml", ".yml") else None
