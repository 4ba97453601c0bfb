"""What completion offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lsprotocol.types import CompletionItemKind

from flows.lsp.symbols import Symbol

OfferKind = Literal["key", "task", "step", "argument", "parameter", "word", "schema", "pipeline", "connection"]

SHOWN_AS: dict[OfferKind, CompletionItemKind] = {
    "key": CompletionItemKind.Property,
    "task": CompletionItemKind.Function,
    "step": CompletionItemKind.Variable,
    "argument": CompletionItemKind.Field,
    "parameter": CompletionItemKind.Constant,
    "word": CompletionItemKind.EnumMember,
    "schema": CompletionItemKind.Class,
    "pipeline": CompletionItemKind.Module,
    "connection": CompletionItemKind.Interface,
}


@dataclass(frozen=True)
class Offer:
    """One thing that may be written."""

    label: str
    kind: OfferKind
    detail: str = ""
    documentation: str = ""
    text: str = ""
    """What is written; the label where empty."""
    rank: int = 5
    """Lower comes first."""
    symbol: Symbol | None = None
    """What it names: its documentation is only looked up for the one that is looked at."""
