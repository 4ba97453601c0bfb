"""What an editor tells the server of: that it is there, and what happens to files."""

from __future__ import annotations

from lsprotocol import types as lsp

from flows.lsp.answers import answer
from flows.lsp.server import Server
from flows.project import FOLDER


def make_server(version: str) -> Server:
    """A server with everything that it can do."""
    server = Server(version)

    @server.feature(lsp.INITIALIZED)
    async def initialized(_: lsp.InitializedParams) -> None:
        server.load_catalog()
        folders = [server.path(folder.uri) for folder in server.workspace.folders.values()]
        if not folders and server.workspace.root_uri:
            folders = [server.path(server.workspace.root_uri)]
        server.begin([folder for folder in folders if folder is not None])
        _watch(server)
        await server.check_all()

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: lsp.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        if path := server.path(document.uri):
            server.opened(path, document.text, document.version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: lsp.DidChangeTextDocumentParams) -> None:
        path = server.path(params.text_document.uri)
        if path is None or path not in server.texts:
            return
        source = server.texts[path]
        for change in params.content_changes:
            part = change.range if isinstance(change, lsp.TextDocumentContentChangePartial) else None
            source = server.text(source).replaced(part, change.text)
        server.opened(path, source, params.text_document.version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: lsp.DidCloseTextDocumentParams) -> None:
        if path := server.path(params.text_document.uri):
            server.closed(path)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: lsp.DidSaveTextDocumentParams) -> None:
        if path := server.path(params.text_document.uri):
            server.edited(path)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def did_change_watched_files(params: lsp.DidChangeWatchedFilesParams) -> None:
        paths = [path for change in params.changes if (path := server.path(change.uri)) is not None]
        if any(path.suffix == ".py" for path in paths):
            server.load_catalog()
            await server.check_all()
        for path in paths:
            if path not in server.texts:
                server.edited(path)

    answer(server)
    return server


def _watch(server: Server) -> None:
    """Ask the editor to say when files change that it doesn't have open, if it can."""
    workspace = server.client_capabilities.workspace
    watching = workspace.did_change_watched_files if workspace else None
    if watching is None or not watching.dynamic_registration:
        return
    patterns = (f"**/{FOLDER}/*.yaml", "**/tasks/*.py", "**/schemas/*.py")
    options = lsp.DidChangeWatchedFilesRegistrationOptions([lsp.FileSystemWatcher(pattern) for pattern in patterns])
    registration = lsp.Registration("files", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
    server.client_register_capability(lsp.RegistrationParams([registration]))
