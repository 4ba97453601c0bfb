"""What may be written where the cursor is, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from lsprotocol.types import CompletionItem, InsertTextFormat, MarkupContent, MarkupKind, TextEdit

from flows.lsp.completing_keys import keys
from flows.lsp.completing_values import values
from flows.lsp.hover import hover_text
from flows.lsp.offers import SHOWN_AS, Offer
from flows.lsp.outline import place_at
from flows.lsp.reading import Place
from flows.lsp.symbols import Occurrence, Symbol
from flows.lsp.view import View

_WORD = re.compile(r"[\w.]*")
_BEFORE = re.compile(r"not +|[\"']")
"""What of a value isn't part of the name that is being written."""
_REFERENCE = re.compile(r"\$\{?[\w.]*$")


def completions(view: View, offset: int) -> list[CompletionItem]:
    """What may be written at an offset, also in a file that can't be read there."""
    source = view.text.source
    place = place_at(source, offset)
    if place is None:
        return []
    dollar = _REFERENCE.search(place.prefix)
    before = _BEFORE.match(place.prefix)
    start = place.start + (dollar.start() if dollar else before.end() if before else 0)
    end = _WORD.match(source, offset).end()  # type: ignore[union-attr] # it matches nothing, too
    is_braced = dollar is not None and dollar[0].startswith("${")
    if is_braced and source[end : end + 1] == "}":
        end += 1
    has_colon = source[end:].lstrip(" ").startswith(":")
    items = []
    for position, offer in enumerate(_offers(view, place, has_dollar=dollar is not None)):
        written = offer.text or offer.label
        written = f"${{{written[1:]}}}" if is_braced else written.removesuffix(": ") if has_colon else written
        items.append(
            CompletionItem(
                label=offer.label,
                kind=SHOWN_AS[offer.kind],
                detail=offer.detail or None,
                documentation=_markdown(offer.documentation),
                data=_data(view, offer),
                sort_text=f"{offer.rank}{position:04}",
                filter_text=written if is_braced else offer.label,
                text_edit=TextEdit(view.text.range(start, end), written),
                insert_text_format=InsertTextFormat.PlainText,
            )
        )
    return items


def documented(item: CompletionItem, view: View) -> CompletionItem:
    """The item with what is known of the thing that it names."""
    data: Any = item.data
    symbol = Symbol(data["kind"], data["name"], data["owner"])
    item.documentation = _markdown(hover_text(view, Occurrence(symbol, (), 0, 0)))
    return item


def _data(view: View, offer: Offer) -> dict[str, str] | None:
    symbol = offer.symbol
    if symbol is None:
        return None
    return {"file": str(view.path), "kind": symbol.kind, "name": symbol.name, "owner": symbol.owner}


def _markdown(text: str) -> MarkupContent | None:
    return MarkupContent(MarkupKind.Markdown, text) if text else None


def _offers(view: View, place: Place, *, has_dollar: bool) -> Iterator[Offer]:
    each: dict[str, Offer] = {}
    for offer in _all(view, place):
        if has_dollar == offer.label.startswith("$") or (not has_dollar and not place.prefix):
            each.setdefault(offer.label, offer)
    yield from each.values()


def _all(view: View, place: Place) -> Iterable[Offer]:
    if place.slot in ("key", "either"):
        yield from keys(view, place)
    if place.slot in ("value", "either"):
        yield from values(view, place)
