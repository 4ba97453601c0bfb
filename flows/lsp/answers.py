"""What an editor asks of the server, and the answers."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams

from flows.lsp.completion import completions, documented
from flows.lsp.fixes import fixes
from flows.lsp.hover import hover_text
from flows.lsp.navigation import definitions, references
from flows.lsp.publishing import shown
from flows.lsp.renaming import RENAMED, Refused, renamed, warning
from flows.lsp.server import Server
from flows.lsp.structure import symbols
from flows.lsp.symbols import Occurrence
from flows.lsp.view import View


class Asked(Protocol):
    """A question about a place in a file."""

    text_document: lsp.TextDocumentIdentifier
    position: lsp.Position


def answer(server: Server) -> None:
    """Have the server answer what it can."""

    def view_of(document: lsp.TextDocumentIdentifier) -> View | None:
        path = server.path(document.uri)
        return server.view(path) if path else None

    def named(params: Asked) -> tuple[View, Occurrence] | None:
        view = view_of(params.text_document)
        here = view.at(view.text.offset(params.position)) if view else None
        return (view, here) if view and here else None

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(params: lsp.HoverParams) -> lsp.Hover | None:
        found = named(params)
        text = hover_text(*found) if found else ""
        if not found or not text:
            return None
        view, here = found
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, text), view.text.range(here.start, here.end))

    triggers = ["$", "{", "[", " "]

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(triggers, resolve_provider=True))
    def completion(params: lsp.CompletionParams) -> lsp.CompletionList:
        view = view_of(params.text_document)
        items = completions(view, view.text.offset(params.position)) if view else []
        return lsp.CompletionList(is_incomplete=False, items=items)

    @server.feature(lsp.COMPLETION_ITEM_RESOLVE)
    def resolve(item: lsp.CompletionItem) -> lsp.CompletionItem:
        view = server.view(Path(item.data["file"])) if item.data else None
        return documented(item, view) if view else item

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def definition(params: lsp.DefinitionParams) -> list[lsp.Location]:
        found = named(params)
        return definitions(found[0], found[1].symbol, server.view, server.uri) if found else []

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def every_reference(params: lsp.ReferenceParams) -> list[lsp.Location]:
        found = named(params)
        if found is None:
            return []
        defining = params.context.include_declaration
        return references(found[0], found[1].symbol, server.view, server.uri, defining=defining)

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepare_rename(params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder | None:
        found = named(params)
        if found is None or found[1].symbol.kind not in RENAMED:
            return None
        view, here = found
        return lsp.PrepareRenamePlaceholder(view.text.range(here.start, here.end), here.symbol.name)

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def rename(params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        found = named(params)
        if found is None:
            return None
        view, here = found
        try:
            edits = renamed(view, here.symbol, params.new_name, server.view, server.uri)
        except Refused as refused:
            raise JsonRpcInvalidParams(str(refused)) from None
        if told := warning(view, here.symbol):
            server.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, f"hedgerow: {told}"))
        return lsp.WorkspaceEdit(changes=edits)

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def document_symbol(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        view = view_of(params.text_document)
        return symbols(view) if view else []

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix]))
    def code_action(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        view = view_of(params.text_document)
        if view is None:
            return []
        start, end = view.text.offset(params.range.start), view.text.offset(params.range.end)
        return [
            lsp.CodeAction(
                title=fix.title,
                kind=lsp.CodeActionKind.QuickFix,
                diagnostics=shown([fix.diagnostic], view.text),
                is_preferred=True,
                edit=lsp.WorkspaceEdit(
                    changes={params.text_document.uri: [lsp.TextEdit(view.text.range(fix.start, fix.end), fix.text)]}
                ),
            )
            for fix in fixes(view, start, end)
        ]
