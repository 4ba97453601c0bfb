"""Which of a file's columns a frame is made of, and what is wrong in which of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from schemas.frame import Frame, schema_of
from tasks.cells import ISO, parsed
from tasks.connections.problems import DataProblem
from tasks.validate import FrameBroken, validated
from tasks.wording import counted

SHOWN = 20
"""Faults of a file that are told of one by one."""


class Fault(NamedTuple):
    """Something wrong in a file."""

    row: int | None
    """Its line, or its row in a file without lines, from 1; None: the file's header."""
    column: str
    """The file's name of its column; empty: the whole row."""
    sentence: str


def refuse(path: str, faults: Iterable[Fault], instruction: str = "") -> None:
    """Raise `DataProblem` with every fault, by row, the first ones in words; nothing where there is none."""
    ordered = sorted(faults, key=lambda fault: (fault.row or 0, fault.column))
    if not ordered:
        return
    lines = [
        ":".join([path, *([str(fault.row)] if fault.row else [])])
        + (f": column `{fault.column}`: {fault.sentence}" if fault.column else f": {fault.sentence}")
        for fault in ordered[:SHOWN]
    ]
    if more := len(ordered) - SHOWN:
        lines += [f"… and {counted(more, 'more fault')}"] if more > 0 else []
    told = "\n".join(lines)
    raise DataProblem(told if told.endswith("?") else f"{told}.", instruction)


@dataclass(frozen=True)
class Match:
    """A frame's columns in a file."""

    model: type[Frame]
    columns: Mapping[str, str]
    """The file's name of each column that stands in it."""
    constants: Mapping[str, Any]
    """The value of each column that doesn't."""

    def dtype(self, column: str) -> str:
        """The type of a column of the frame, as pandas names it."""
        return str(schema_of(self.model).columns[column].dtype)

    def nullable(self, column: str) -> bool:
        """Whether the frame's column may have nulls."""
        return bool(schema_of(self.model).columns[column].nullable)

    def constant(self, column: str, rows: int) -> pd.Series[Any]:
        """A column of one value. Raises `DataProblem` where it isn't of the column's type."""
        value = self.constants[column]
        text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
        values, bad = parsed([text], self.dtype(column), self.nullable(column), ISO)
        if bad:
            raise DataProblem(f"The constant of `{column}`: {bad[0]}.", "Mend it in `constants:`.")
        repeated: pd.Series[Any] = values.iloc[np.zeros(rows, dtype=np.int64)].reset_index(drop=True)
        return repeated


def matched(
    path: str,
    header: Sequence[str],
    model: type[Frame],
    columns: Mapping[str, str],
    constants: Mapping[str, Any],
    others: Iterable[str],
    ignores_others: bool,
) -> Match:
    """Find a frame's columns in a file's header.

    Parameters
    ----------
    path
        The file, as messages name it.
    header
        The names of its columns.
    model
        The kind of frame.
    columns
        The file's names of the frame's columns, where they differ.
    constants
        Values of columns that the file doesn't have.
    others
        Further columns that are needed of the file.
    ignores_others
        Whether it may have still more.

    Raises
    ------
    DataProblem
        A column is missing, or one too many, or named twice: all of them at once.
    """
    wanted = list(schema_of(model).columns)
    faults: list[Fault] = []
    for given, where in ((columns, "columns"), (constants, "constants")):
        for name in given:
            if name not in wanted:
                hint = _close(name, wanted)
                faults.append(
                    Fault(None, "", f"`{where}:` names `{name}`, which is no column of {model.__name__}{hint}")
                )
    both = set(columns) & set(constants)
    faults += [Fault(None, "", f"`{name}` stands under both `columns:` and `constants:`") for name in both]
    twice = sorted({name for name in header if header.count(name) > 1})
    faults += [Fault(None, name, "stands more than once in the header") for name in twice]
    needed = {name: columns.get(name, name) for name in wanted if name not in constants}
    free = [name for name in header if name not in needed.values()]
    for name, theirs in needed.items():
        if theirs not in header:
            told = f"`{theirs}`, for `{name}`," if theirs != name else f"`{name}`"
            hint = _close(theirs, free) or "; name the file's own by `columns:`, or give it by `constants:`"
            faults.append(Fault(None, "", f"no column {told} in the header{hint}"))
    faults += [
        Fault(None, "", f"no column `{name}` in the header{_close(name, free)}")
        for name in others
        if name not in header
    ]
    strange = [name for name in free if name not in set(others)]
    if strange and not ignores_others:
        named = ", ".join(f"`{name}`" for name in strange[:SHOWN])
        sentence = f"{counted(len(strange), 'column')} that {model.__name__} has no use for: {named}"
        faults.append(Fault(None, "", f"{sentence}; `other_columns: ignore` leaves out what isn't named"))
    refuse(path, faults)
    return Match(model, needed, constants)


def checked(frame: pd.DataFrame, match: Match, path: str, rows: Sequence[int]) -> pd.DataFrame:
    """The frame, held against its schema. Raises `DataProblem` naming the row and the column of each fault."""
    try:
        return validated(frame, match.model, path)
    except FrameBroken as broken:
        if broken.failures is None:
            raise
        faults = {}
        for column, check, row, value in broken.failures.itertuples(index=False, name=None):
            if pd.isna(row):
                raise
            theirs = match.columns.get(column, column) if isinstance(column, str) else ""
            at = rows[int(row)]
            faults[(at, theirs, check)] = Fault(at, theirs, _sentence(match.model, check, value))
        refuse(path, faults.values())
        raise


def _sentence(model: type[Frame], check: str, value: Any) -> str:
    if "unique_key" in check:
        return f"another row has the same key ({', '.join(model.__key__)})"
    if check == "not_nullable":
        return "is empty"
    return f"`{value}` fails {check}"


def _close(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), 1, cutoff=0.6) or [one for one in known if one.lower() == name.lower()]
    return f"; did you mean `{close[0]}`?" if close else ""
