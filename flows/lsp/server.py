"""The server: what an editor has open, and what it is told of it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from lsprotocol import types as lsp
from pygls import uris
from pygls.lsp.server import LanguageServer

from flows.lsp.positions import Text
from flows.lsp.project import Project, folder_of
from flows.lsp.publishing import SOURCE, shown
from flows.lsp.reloading import load, stamp
from flows.lsp.view import View
from flows.project import FOLDER
from tasks.connections.problems import Problem
from tasks.registry import Catalog

QUIET = 0.08
"""Seconds without a keystroke after which what was typed is checked."""

log = logging.getLogger(__name__)


class Server(LanguageServer):
    """What is open in the editor, and the projects that it belongs to."""

    def __init__(self, version: str) -> None:
        super().__init__(SOURCE, version)
        self.texts: dict[Path, str] = {}
        self.versions: dict[Path, int] = {}
        self.catalog: Catalog | None = None
        self._uris: dict[Path, str] = {}
        self._projects: dict[Path, Project] = {}
        self._edited: set[Path] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._catalog_stamp: frozenset[tuple[str, int]] = frozenset()
        self._said: str = ""

    # Files

    def path(self, uri: str) -> Path | None:
        """The file that an editor names; None where it is on no disk."""
        name = uris.to_fs_path(uri)
        if name is None or not uri.startswith("file:"):
            return None
        path = Path(name).resolve()
        self._uris.setdefault(path, uri)
        return path

    def uri(self, path: Path) -> str:
        """A file as the editor names it."""
        return self._uris.get(path) or uris.from_fs_path(str(path)) or path.as_uri()

    def text(self, source: str) -> Text:
        """A text whose columns count as this editor's do."""
        encoding = self.server_capabilities.position_encoding
        return Text(source, encoding or lsp.PositionEncodingKind.Utf16)

    def project(self, path: Path) -> Project | None:
        """The project whose pipelines a file is among; None for any other file."""
        folder = folder_of(path)
        if folder is None:
            return None
        if folder not in self._projects:
            self._projects[folder] = Project(folder, self.texts)
            self._projects[folder].load_desk()
        return self._projects[folder]

    # What is typed

    def opened(self, path: Path, source: str, version: int) -> None:
        """The editor holds this file now, with this text."""
        self.texts[path] = source
        self.versions[path] = version
        self.edited(path)

    def closed(self, path: Path) -> None:
        """The editor lets go of the file: what is on disk counts again."""
        self.texts.pop(path, None)
        self.versions.pop(path, None)
        self.edited(path)

    def edited(self, path: Path) -> None:
        """The file isn't what it was; check it once the typing pauses."""
        self._edited.add(path)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(QUIET, self.check_edited)

    def check_edited(self) -> None:
        """Check what was edited, and what depends on it, and tell the editor."""
        if self._catalog_stamp != stamp():  # not every editor says when a task's file changes
            self.load_catalog()
            self._edited |= set(self.texts)
        edited, self._edited = self._edited, set()
        for path in sorted(edited):
            try:
                self._check(path)
            except Problem as problem:
                self.say(str(problem))
            except Exception as error:
                log.exception("checking %s", path.name)
                self.say(f"{path.name} couldn't be checked: {type(error).__name__}: {error}")

    def _check(self, path: Path) -> None:
        project = self.project(path)
        if project is None or self.catalog is None:
            return
        if path == project.desk_path:
            changed = project.load_desk()
            self._publish(path, project)
            for other in project.paths() if changed else ():
                self._check_one(other, project, self.catalog)
            return
        depending = project.depending(path)
        for other in (path, *depending):
            self._check_one(other, project, self.catalog)

    def _check_one(self, path: Path, project: Project, catalog: Catalog) -> None:
        if path in self.texts or path.exists():
            project.check(path, catalog)
        else:
            project.forget(path)
        self._publish(path, project)

    def _publish(self, path: Path, project: Project) -> None:
        checked = project.checked.get(path)
        if path == project.desk_path:
            found, source = project.desk_diagnostics, project.document(path).text
        else:
            found, source = (checked.diagnostics, checked.document.text) if checked else ((), "")
        self.text_document_publish_diagnostics(
            lsp.PublishDiagnosticsParams(self.uri(path), shown(found, self.text(source)), self.versions.get(path))
        )

    # What is asked

    def view(self, path: Path) -> View | None:
        """A file as it stands now; None for one that no project has, or that can't be read."""
        project = self.project(path)
        if project is None or self.catalog is None:
            return None
        if path == project.desk_path:
            document = project.document(path)
            return View(project, path, self.text(self.texts.get(path, document.text)), document, self.catalog)
        if not project.is_current(path):
            if path not in self.texts and not path.exists():
                return None
            try:
                project.check(path, self.catalog)
            except Exception:  # told of once the typing pauses, too; a question needn't be
                log.exception("checking %s", path.name)
                return None
        document = project.checked[path].document
        return View(project, path, self.text(self.texts.get(path, document.text)), document, self.catalog)

    # The whole

    def load_catalog(self) -> None:
        """Import tasks and schemas; where one can't be, say so and keep those that there were."""
        self._catalog_stamp = stamp()
        try:
            self.catalog = load()
            self._said = ""
        except Problem as problem:
            self.say(str(problem))

    async def check_all(self) -> None:
        """Check every file of every project, letting the editor speak in between."""
        for project in list(self._projects.values()):
            project.load_desk()
            for path in [project.desk_path, *project.paths()]:
                if path != project.desk_path or path.exists():
                    self._edited.add(path)
                    self.check_edited()
                    await asyncio.sleep(0)

    def begin(self, folders: list[Path]) -> None:
        """Find the projects of the folders that the editor shows."""
        for folder in folders:
            for candidate in (folder, *folder.parents):
                if (candidate / FOLDER).is_dir():
                    self.project(candidate / FOLDER / "_desk.yaml")
                    break
        if folders and not self._projects:
            self.say(f"Neither {folders[0]} nor a folder above it holds {FOLDER}/: there is nothing to check.")

    def say(self, message: str) -> None:
        """Tell the person; the same thing only once."""
        if message != self._said:
            self._said = message
            self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Error, f"hedgerow: {message}"))
