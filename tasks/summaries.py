"""What a frame comes to, in a sentence: what alerts and reports begin with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from schemas.book import Exposures
from schemas.frame import Frame, schema_of
from schemas.orders import Orders
from schemas.risk import Hedges
from tasks.exposure import coverage
from tasks.shown import cell, money
from tasks.wording import counted


def is_kind(frame: pd.DataFrame, kind: type[Frame]) -> bool:
    """Whether a frame has all columns of a kind: a generic task is told nothing else of what it is given."""
    return set(schema_of(kind).columns) <= set(frame.columns)


def headline(frame: pd.DataFrame) -> str:
    """A frame in one sentence: what matters most in it."""
    if is_kind(frame, Hedges) and len(frame):
        return " ".join(map(trade_sentence, frame.itertuples()))
    if is_kind(frame, Orders) and len(frame):
        counts = frame["status"].astype(str).value_counts(sort=False)
        told = ", ".join(f"{count} {str(status).replace('_', ' ')}" for status, count in counts.items())
        return f"{counted(len(frame), 'order')}: {told}."
    if is_kind(frame, Exposures) and len(frame):
        return coverage_sentence(frame)
    return f"{counted(len(frame), 'row')}."


def figures(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """The few figures that say the most of a frame, by name; of a kind not known, the fields of its only row."""
    if is_kind(frame, Hedges) and len(frame) == 1:
        yield from _hedge_figures(next(frame.itertuples()))
    elif len(frame) == 1:
        yield from ((str(name).replace("_", " "), cell(frame[name].iloc[0])) for name in frame.columns)


def trade_sentence(hedge: Any) -> str:
    """The trade of a row of `Hedges`."""
    price = f"{cell(hedge.price)} {hedge.currency} ({hedge.price_kind}, {str(hedge.market_data).replace('_', ' ')})"
    if not hedge.quantity:
        return f"Nothing to trade in {hedge.symbol}, at {price}."
    side = "Buy" if hedge.quantity > 0 else "Sell"
    total = f"{money(abs(hedge.notional))} {hedge.currency} in all"
    return f"{side} {cell(abs(hedge.quantity))} {hedge.symbol} at {price}, {total}."


def book_sentences(hedge: Any) -> str:
    """What a row of `Hedges` tells of the book: its worth, its beta, and what the trade leaves of it."""
    currency = hedge.currency
    beta = "" if math.isnan(hedge.portfolio_beta) else f", a beta of {hedge.portfolio_beta:.3f}"
    band = f", give or take {hedge.band:g}" if hedge.band else ""
    by_value = "" if math.isnan(hedge.coverage_by_value) else f" and {hedge.coverage_by_value:.1%} of the gross value"
    return (
        f"The book is worth {money(hedge.portfolio_value)} {currency}, with a beta exposure of"
        f" {money(hedge.beta_exposure)} {currency}{beta}. Of it {money(hedge.hedged_exposure)} can be hedged; after"
        f" the trade {money(hedge.hedged_exposure + hedge.notional)} would be left. The target is a beta of"
        f" {hedge.target_beta:g}{band}."
        f" Covered: {hedge.covered_positions} of {counted(hedge.positions, 'position')}{by_value}."
    )


def coverage_sentence(exposure: pd.DataFrame) -> str:
    """How much of a frame of `Exposures` is covered."""
    by_count, by_value = coverage(exposure)
    of_value = "" if by_value is None else f" and {by_value:.1%} of the gross value that is known"
    positions = counted(len(exposure), "position")
    return f"{int(exposure['covered'].sum())} of {positions} covered: {by_count:.1%} by count{of_value}."


def _hedge_figures(hedge: Any) -> Iterator[tuple[str, str]]:
    currency = hedge.currency
    yield "quantity", cell(hedge.quantity)
    yield "price", f"{cell(hedge.price)} {currency}"
    yield "notional", f"{money(hedge.notional)} {currency}"
    yield "book", f"{money(hedge.portfolio_value)} {currency}"
    if not math.isnan(hedge.portfolio_beta):
        yield "beta", f"{hedge.portfolio_beta:.3f}"
    yield "beta exposure", f"{money(hedge.beta_exposure)} {currency}"
    yield "can be hedged", f"{money(hedge.hedged_exposure)} {currency}"
    yield "left after it", f"{money(hedge.hedged_exposure + hedge.notional)} {currency}"
    yield "covered", f"{hedge.covered_positions} of {counted(hedge.positions, 'position')}"
