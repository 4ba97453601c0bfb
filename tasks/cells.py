"""Cells of a text file as values of a column's type; each that can't be one is told of, none is guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tasks.connections.problems import DataProblem

BadCells = dict[int, str]
"""What is wrong, by the cell's place in its column."""

_SPACES = " \u00a0\u202f"
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)


@dataclass(frozen=True)
class Notation:
    """How a file writes numbers and times."""

    decimal: str = "."
    thousands: str = ""
    dates: str | None = None
    """How dates and times are written, by strptime's codes; None: as ISO 8601."""
    timezone: ZoneInfo | None = None
    """The zone of times that name none; None: such times are refused."""
    missing: frozenset[str] = field(default=frozenset({""}))
    """Texts that stand for no number and no time."""

    @cached_property
    def number(self) -> re.Pattern[str]:
        """A number as a whole cell; thousands stand in groups of three or not at all."""
        separator = f"[{_SPACES}]" if self.thousands == " " else re.escape(self.thousands)
        grouped = rf"\d{{1,3}}(?:{separator}\d{{3}})+|" if self.thousands else ""
        return re.compile(rf"[+-]?(?=.*\d)(?:{grouped}\d*)(?:{re.escape(self.decimal)}\d*)?(?:[eE][+-]?\d+)?", re.ASCII)

    def plain(self, text: str) -> str:
        """A number's text as Python reads it."""
        if self.thousands:
            for mark in _SPACES if self.thousands == " " else self.thousands:
                text = text.replace(mark, "")
        return text.replace(self.decimal, ".") if self.decimal != "." else text


ISO = Notation()
"""Numbers with a point, times by ISO 8601."""


def parsed(cells: Sequence[str], dtype: str, nullable: bool, notation: Notation) -> tuple[pd.Series[Any], BadCells]:
    """The cells as a column, and what is wrong with which.

    Parameters
    ----------
    cells
        Texts without spaces around them.
    dtype
        The column's type, as pandas names it.
    nullable
        Whether a number or a time may be missing. Text is never missing: an empty cell is empty text.
    notation
        How the file writes numbers and times.

    Returns
    -------
    tuple of pandas.Series and BadCells
        Bad cells stand as any value of the type.

    Raises
    ------
    DataProblem
        Columns of this type can't be read from a file.
    """
    if dtype in ("object", "category"):
        text = pd.Series(list(cells), dtype=object)
        return text.astype("category") if dtype == "category" else text, {}
    bad: BadCells = {}
    absent = np.array([cell in notation.missing for cell in cells], dtype=bool)
    if not nullable or dtype in ("int64", "bool"):
        bad |= dict.fromkeys(np.flatnonzero(absent).tolist(), "is empty")
    if dtype in ("int64", "float64", "bool"):
        if (quick := _plain_numbers(cells, dtype, notation)) is not None:
            return pd.Series(quick), {}
        read, nothing = _READERS[dtype]
        values = []
        for place, cell in enumerate(cells):
            try:
                values.append(nothing if absent[place] else read(cell, notation))
            except ValueError as error:
                values.append(nothing)
                bad[place] = str(error)
        return pd.Series(values, dtype=dtype), bad
    if dtype == "datetime64[ns]":
        return _sessions(cells, absent, notation, bad)
    if dtype == "datetime64[ns, UTC]":
        return _instants(cells, absent, notation, bad)
    raise DataProblem(f"A column of type {dtype} can't be read from a file.", "Read it as text, and convert it.")


def _plain_numbers(cells: Sequence[str], dtype: str, notation: Notation) -> np.ndarray | None:
    """All cells at once, where each is a plain number: a large file has little else. None where one is not."""
    read: Callable[[str], Any] | None = {"float64": float, "int64": int}.get(dtype)
    allowed = "0123456789+-" if dtype == "int64" else "0123456789+-.eE"
    if read is None or notation.decimal != "." or not set().union(*cells) <= set(allowed):
        return None
    try:
        values = np.fromiter(map(read, cells), dtype, len(cells))
    except (ValueError, OverflowError):
        return None
    return values if np.isfinite(values).all() else None


def _whole(cell: str, notation: Notation) -> int:
    _require_number(cell, notation, "a whole number")
    plain = notation.plain(cell)
    if re.fullmatch(r"[+-]?[0-9]+", plain):
        exact = int(plain)
    elif (value := float(plain)).is_integer() and abs(value) < 2**53:
        exact = int(value)
    else:
        raise ValueError(f"expected a whole number, got `{cell}`")
    if not -(2**63) <= exact < 2**63:
        raise ValueError(f"`{_short(cell)}` is too large for a whole number")
    return exact


def _number(cell: str, notation: Notation) -> float:
    _require_number(cell, notation, "a number")
    value = float(notation.plain(cell))
    if not np.isfinite(value):
        raise ValueError(f"`{_short(cell)}` is too large for a number")
    return value


def _require_number(cell: str, notation: Notation, what: str) -> None:
    if notation.number.fullmatch(cell) is None:
        raise ValueError(f"expected {what}, got `{_short(cell)}`{_hint(cell, notation)}")


def _truth(cell: str, notation: Notation) -> bool:
    if cell.lower() not in _TRUTHS:
        raise ValueError(f"expected true or false, yes or no, 1 or 0, got `{_short(cell)}`")
    return _TRUTHS[cell.lower()]


_READERS: dict[str, tuple[Callable[[str, Notation], Any], Any]] = {
    "int64": (_whole, 0),
    "float64": (_number, float("nan")),
    "bool": (_truth, False),
}


def _hint(cell: str, notation: Notation) -> str:
    """What the file's notation may be, where the cell would be a number in another."""
    for decimal, thousands in ((".", ","), (",", "."), (".", "'"), (",", " ")):
        if (decimal, thousands) != (notation.decimal, notation.thousands):
            other = Notation(decimal, thousands)
            if other.number.fullmatch(cell):
                return f' (a number with `decimal: "{decimal}", thousands: "{thousands}"`)'
    return ""


def _sessions(
    cells: Sequence[str], absent: np.ndarray, notation: Notation, bad: BadCells
) -> tuple[pd.Series[Any], BadCells]:
    code, distinct = pd.factorize(np.array(cells, dtype=object))
    found = np.full(len(distinct), np.datetime64("NaT", "ns"))
    faults: dict[int, str] = {}
    for place, cell in enumerate(distinct):
        if cell in notation.missing:
            continue
        try:
            # pandas' own: numpy's wraps around silently beyond the years 1678 to 2261.
            found[place] = pd.Timestamp(_date(cell, notation)).as_unit("ns").to_datetime64()
        except ValueError:
            expected = f"a date as `{notation.dates}`" if notation.dates else "a date such as 2024-12-31"
            faults[place] = f"expected {expected}, got `{_short(cell)}`"
    for place in np.flatnonzero(np.isin(code, list(faults))).tolist() if faults else []:
        bad[place] = faults[int(code[place])]
    values = found[code] if len(distinct) else found
    return pd.Series(values, dtype="datetime64[ns]"), bad


def _date(cell: str, notation: Notation) -> str:
    if notation.dates is None:
        if (iso := _DATE.fullmatch(cell)) is None:
            raise ValueError
        return datetime.strptime(iso[1], "%Y-%m-%d").date().isoformat()  # noqa: DTZ007 - a date has no zone
    moment = datetime.strptime(cell, notation.dates)  # noqa: DTZ007 - a date has no zone
    if moment.tzinfo is not None or moment.time() != datetime.min.time():
        raise ValueError
    return moment.date().isoformat()


def _instants(
    cells: Sequence[str], absent: np.ndarray, notation: Notation, bad: BadCells
) -> tuple[pd.Series[Any], BadCells]:
    moments = np.full(len(cells), np.datetime64("NaT", "ns"))
    zoned = np.zeros(len(cells), dtype=bool)
    there = np.flatnonzero(~absent)
    if notation.dates is None:
        matches = [_INSTANT.fullmatch(cells[place]) for place in there.tolist()]
        zoned[there] = [match is not None and match[1] is not None for match in matches]
        sound = there[[match is not None for match in matches]]
    else:
        zoned[there] = "%z" in notation.dates or "%Z" in notation.dates
        sound = there
    how = "ISO8601" if notation.dates is None else notation.dates
    for is_zoned in (True, False):
        some = sound[zoned[sound] == is_zoned]
        if not len(some):
            continue
        texts = [cells[place] for place in some.tolist()]
        read = pd.to_datetime(texts, format=how, errors="coerce", utc=is_zoned)
        if is_zoned:
            moments[some] = read.tz_localize(None).to_numpy()
        else:
            moments[some] = _localized(read, some, cells, notation, bad)
    expected = f"a time as `{notation.dates}`" if notation.dates else "a time such as 2024-12-31T16:00:00Z"
    for place in there[np.isnat(moments[there])].tolist():
        bad.setdefault(place, f"expected {expected}, got `{_short(cells[place])}`")
    return pd.Series(moments).dt.tz_localize("UTC"), bad


def _localized(
    naive: pd.DatetimeIndex, places: np.ndarray, cells: Sequence[str], notation: Notation, bad: BadCells
) -> np.ndarray:
    """Times without a zone in UTC; NaT, and told of, where the zone has no such time or two."""
    if notation.timezone is None:
        for place in places.tolist():
            bad[place] = f"`{_short(cells[place])}` names no zone (say whose time it is by `timezone:`)"
        return np.full(len(places), np.datetime64("NaT", "ns"))
    local = naive.tz_localize(notation.timezone, ambiguous="NaT", nonexistent="NaT")
    for at in np.flatnonzero(np.asarray(local.isna()) & ~np.asarray(naive.isna())).tolist():
        bad[int(places[at])] = (
            f"`{_short(cells[int(places[at])])}` doesn't exist, or happens twice, in {notation.timezone.key}, "
            "where clocks change (write it with its offset)"
        )
    return np.asarray(local.tz_convert("UTC").tz_localize(None).to_numpy())


def _short(cell: str) -> str:
    return cell if len(cell) <= 40 else f"{cell[:39]}…"
