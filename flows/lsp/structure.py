"""A file's parts as an editor's outline shows them."""

from __future__ import annotations

from lsprotocol.types import DocumentSymbol, SymbolKind

from flows.document import Location
from flows.lsp.view import View

_SECTIONS = {
    "params": SymbolKind.Constant,
    "stream": SymbolKind.Event,
    "steps": SymbolKind.Function,
    "connections": SymbolKind.Interface,
    "profiles": SymbolKind.Namespace,
}


def symbols(view: View) -> list[DocumentSymbol]:
    """The keys of the file; below them its parameters, sources, steps, connections and profiles."""
    return [
        _symbol(view, (key,), SymbolKind.Property, [_part(view, (key, name)) for name in view.outline.children((key,))])
        if key in _SECTIONS
        else _symbol(view, (key,), SymbolKind.Property, [])
        for key in view.outline.children(())
        if isinstance(key, str)
    ]


def _part(view: View, location: Location) -> DocumentSymbol:
    return _symbol(view, location, _SECTIONS[str(location[0])], [])


def _symbol(view: View, location: Location, kind: SymbolKind, children: list[DocumentSymbol]) -> DocumentSymbol:
    token = next(token for token in view.outline.tokens if token.location[: len(location)] == location)
    start, end = view.outline.extents[location]
    told = ("task", "pipeline", "kind")
    detail = next((value for key in told if (value := view.outline.value((*location, key)))), None)
    return DocumentSymbol(
        name=str(location[-1]) or "…",
        kind=kind,
        range=view.text.range(start, end),
        selection_range=view.text.range(token.start, token.end),
        detail=detail or view.outline.value(location),
        children=children,
    )
