"""A book from a CSV file: what the simulated accounts hold."""

from __future__ import annotations

import csv
from difflib import get_close_matches
from math import isfinite
from pathlib import Path

from tasks.connections.ib.simulator.book import Holding
from tasks.connections.ib.simulator.instruments import LISTED, Instrument, listed
from tasks.connections.ib.simulator.listings import Listings
from tasks.connections.problems import DataProblem

COLUMNS = ("account", "symbol", "quantity", "average_cost")
BY_ID = "con_id"
MOST_BYTES = 10_000_000


def read_book(path: Path) -> list[Holding]:
    """The holdings of a file with the columns account, symbol, quantity and average_cost.

    A column con_id may take the place of the symbol, for options. Raises `DataProblem` with every mistake,
    each with its line.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataProblem(f"The book {path} holds more than {MOST_BYTES:,} bytes.", "Give a smaller one.")
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataProblem(f"The book {path} can't be read: {error}.") from None
    mistakes: list[str] = []
    book = [holding for line, row in enumerate(rows, 2) if (holding := _holding(path, line, row, mistakes))]
    if not rows:
        mistakes.append(f"{path}:1: a book has the columns {', '.join(COLUMNS)}, and a line for each holding.")
    if mistakes:
        raise DataProblem("\n".join(mistakes))
    return book


def _holding(path: Path, line: int, row: dict[str, str | None], mistakes: list[str]) -> Holding | None:
    account = (row.get("account") or "").strip()
    instrument = _instrument(row)
    quantity, cost = (_number(row.get(name)) for name in ("quantity", "average_cost"))
    wrong = [
        "it takes an account" if not account else "",
        instrument if isinstance(instrument, str) else "",
        "the quantity is no number" if quantity is None else "",
        "the average cost is no number" if cost is None else "",
    ]
    mistakes += [f"{path}:{line}: {text}." for text in wrong if text]
    if any(wrong) or isinstance(instrument, str) or quantity is None or cost is None:
        return None
    return Holding(account, instrument, quantity, cost)


def _instrument(row: dict[str, str | None]) -> Instrument | str:
    con_id, symbol = (row.get(BY_ID) or "").strip(), (row.get("symbol") or "").strip()
    if con_id:
        known = Listings().get(int(con_id)) if con_id.isdecimal() and len(con_id) < 12 else None
        return known or f"there is no contract of id {con_id}"
    try:
        return listed(symbol)
    except KeyError:
        close = get_close_matches(symbol, [item.symbol for item in LISTED], 1)
        return f"there is no contract `{symbol}`" + (f"; did you mean `{close[0]}`?" if close else "")


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if isfinite(value) else None
