"""An editor: pygls's own client, in front of `hedgerow lsp` in a process of its own."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

ROOT = Path(__file__).parents[3]
PATIENCE = 30


class Editor:
    """What a person does in an editor, with `|` in a text for the cursor."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.texts: dict[Path, str] = {}
        self.versions: dict[Path, int] = {}
        self.messages: list[str] = []
        self.watched: list[str] = []
        self._told: dict[str, lsp.PublishDiagnosticsParams] = {}
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.client = LanguageClient("test", "1")
        self.client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(partial(self._diagnosed))
        self.client.feature(lsp.WINDOW_SHOW_MESSAGE)(partial(self._said))
        self.client.feature(lsp.CLIENT_REGISTER_CAPABILITY)(partial(self._registered))
        self.wait(self._begin([sys.executable, "-m", "flows", "lsp", *arguments]))

    async def _begin(self, command: list[str]) -> None:
        await self.client.start_io(*command, cwd=self.folder)
        watching = lsp.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
        workspace = lsp.WorkspaceClientCapabilities(did_change_watched_files=watching)
        uri = self.folder.as_uri()
        parameters = lsp.InitializeParams(
            capabilities=lsp.ClientCapabilities(workspace=workspace),
            root_uri=uri,
            workspace_folders=[lsp.WorkspaceFolder(uri, "project")],
        )
        await self.client.initialize_async(parameters)
        self.client.initialized(lsp.InitializedParams())

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def _send(self, call: Callable[[Any], Any], parameters: Any) -> None:
        async def send() -> None:
            call(parameters)

        self.wait(send())

    def close(self) -> int | None:
        async def end() -> None:
            await self.client.shutdown_async(None)
            self.client.exit(None)
            await self.client.stop()

        self.wait(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        process: Any = self.client._server
        return process.returncode

    # What the server says

    def _diagnosed(self, parameters: lsp.PublishDiagnosticsParams) -> None:
        with self._news:
            self._told[parameters.uri] = parameters
            self._news.notify_all()

    def _said(self, parameters: lsp.ShowMessageParams) -> None:
        with self._news:
            self.messages.append(parameters.message)
            self._news.notify_all()

    def _registered(self, parameters: lsp.RegistrationParams) -> None:
        with self._news:
            self.watched += [one.method for one in parameters.registrations]
            self._news.notify_all()

    def until(self, holds: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(holds, PATIENCE), "the server never said so"

    def diagnostics(self, path: Path) -> list[lsp.Diagnostic]:
        """What is wrong with the file as it stands now."""
        uri, version = path.as_uri(), self.versions.get(path)
        self.until(lambda: uri in self._told and self._told[uri].version == version)
        return list(self._told[uri].diagnostics)

    def codes(self, path: Path) -> list[str]:
        return errors(self.diagnostics(path))

    def until_codes(self, path: Path, codes: list[str]) -> None:
        """Wait for a file, edited or not, to have these mistakes."""
        uri = path.as_uri()
        self.until(lambda: uri in self._told and errors(self._told[uri].diagnostics) == codes)

    # What the person does

    def open(self, path: Path, text: str | None = None) -> str:
        self.texts[path] = path.read_text() if text is None else text
        self.versions[path] = 1
        item = lsp.TextDocumentItem(path.as_uri(), "yaml", 1, self.texts[path])
        self._send(self.client.text_document_did_open, lsp.DidOpenTextDocumentParams(item))
        return self.texts[path]

    def replace(self, path: Path, old: str, new: str) -> None:
        """Replace a part of the text, telling only of that part."""
        text = self.texts[path]
        start = text.index(old)
        span = lsp.Range(position(text, start), position(text, start + len(old)))
        self.texts[path] = text[:start] + new + text[start + len(old) :]
        self.versions[path] += 1
        document = lsp.VersionedTextDocumentIdentifier(self.versions[path], path.as_uri())
        change = lsp.TextDocumentContentChangePartial(span, new)
        self._send(self.client.text_document_did_change, lsp.DidChangeTextDocumentParams(document, [change]))

    def shut(self, path: Path) -> None:
        """Close the file without saving."""
        del self.texts[path], self.versions[path]
        document = lsp.TextDocumentIdentifier(path.as_uri())
        self._send(self.client.text_document_did_close, lsp.DidCloseTextDocumentParams(document))

    def changed_on_disk(self, *paths: Path) -> None:
        events = [lsp.FileEvent(path.as_uri(), lsp.FileChangeType.Changed) for path in paths]
        self._send(self.client.workspace_did_change_watched_files, lsp.DidChangeWatchedFilesParams(events))

    def _at(self, path: Path, marked: str) -> dict[str, Any]:
        text, before = self.texts[path], marked.index("|")
        offset = text.index(marked.replace("|", "", 1)) + before
        return {"text_document": lsp.TextDocumentIdentifier(path.as_uri()), "position": position(text, offset)}

    def hover(self, path: Path, marked: str) -> str:
        answer = self.wait(self.client.text_document_hover_async(lsp.HoverParams(**self._at(path, marked))))
        return answer.contents.value if answer else ""

    def complete(self, path: Path, marked: str) -> list[lsp.CompletionItem]:
        parameters = lsp.CompletionParams(**self._at(path, marked))
        answer = self.wait(self.client.text_document_completion_async(parameters))
        return sorted(answer.items, key=lambda item: item.sort_text or "")

    def labels(self, path: Path, marked: str) -> list[str]:
        return [item.label for item in self.complete(path, marked)]

    def definition(self, path: Path, marked: str) -> list[tuple[str, str]]:
        """(file's name, the line) of each place."""
        parameters = lsp.DefinitionParams(**self._at(path, marked))
        return self._lines(self.wait(self.client.text_document_definition_async(parameters)))

    def references(self, path: Path, marked: str, *, defining: bool = True) -> list[tuple[str, str]]:
        context = lsp.ReferenceContext(include_declaration=defining)
        parameters = lsp.ReferenceParams(context=context, **self._at(path, marked))
        return self._lines(self.wait(self.client.text_document_references_async(parameters)))

    def _lines(self, places: Any) -> list[tuple[str, str]]:
        found = []
        for place in places or ():
            path = Path(place.uri.removeprefix("file://"))
            lines = (self.texts.get(path) or path.read_text()).split("\n")
            found.append((path.name, lines[place.range.start.line].strip()))
        return found

    def rename(self, path: Path, marked: str, name: str) -> dict[Path, str]:
        """The files' texts with the edits made; the editor's own are left as they were."""
        parameters = lsp.RenameParams(new_name=name, **self._at(path, marked))
        answer = self.wait(self.client.text_document_rename_async(parameters))
        return self._edited(answer)

    def fixes(self, path: Path, marked: str) -> dict[str, str]:
        """The text that each offered fix makes of the file, by its title."""
        at = self._at(path, marked)
        span = lsp.Range(at["position"], at["position"])
        parameters = lsp.CodeActionParams(at["text_document"], span, lsp.CodeActionContext([]))
        answer = self.wait(self.client.text_document_code_action_async(parameters)) or []
        return {action.title: self._edited(action.edit)[path] for action in answer}

    def _edited(self, edit: Any) -> dict[Path, str]:
        found = {}
        for uri, edits in edit.changes.items():
            path = Path(uri.removeprefix("file://"))
            text = self.texts.get(path) or path.read_text()
            places = sorted(
                ((offset(text, one.range.start), offset(text, one.range.end), one.new_text) for one in edits),
                reverse=True,
            )
            for start, end, new in places:
                text = text[:start] + new + text[end:]
            found[path] = text
        return found


def errors(diagnostics: Iterable[lsp.Diagnostic]) -> list[str]:
    return [str(one.code) for one in diagnostics if one.severity == lsp.DiagnosticSeverity.Error]


def position(text: str, offset: int) -> lsp.Position:
    before = text[:offset]
    line = before.rpartition("\n")[2]
    return lsp.Position(before.count("\n"), len(line.encode("utf-16-le")) // 2)


def offset(text: str, place: lsp.Position) -> int:
    lines = text.split("\n")
    units = lines[place.line].encode("utf-16-le")[: place.character * 2]
    return sum(len(line) + 1 for line in lines[: place.line]) + len(units.decode("utf-16-le"))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """One server for all tests: starting it means importing every task."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "pipelines").mkdir()
    editor = Editor(folder)
    yield editor
    assert editor.close() == 0


@pytest.fixture
def pipelines(tmp_path: Path) -> Path:
    """A folder of pipelines with the shipped ones."""
    folder = tmp_path / "pipelines"
    folder.mkdir()
    for path in (ROOT / "pipelines").glob("*.yaml"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def editor(running: Editor) -> Iterator[Editor]:
    yield running
    for path in list(running.texts):
        running.shut(path)
    running.messages.clear()


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[[Path], Editor]]:
    """Starts a server of its own in a folder."""
    editors: list[Editor] = []

    def begin(folder: Path) -> Editor:
        editors.append(Editor(folder))
        return editors[-1]

    yield begin
    for editor in editors:
        editor.close()
