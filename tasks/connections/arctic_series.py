"""Adding to a symbol that grows: new rows at the end, late ones in their place, none twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.connections.exact import restore
from tasks.connections.filters import check_columns
from tasks.connections.problems import DataProblem
from tasks.connections.series import VERSION, agreed, as_series, clock_column, duplicated, merged, types_of


@dataclass(frozen=True)
class Rows:
    """Rows to add."""

    frame: pd.DataFrame
    key: tuple[str, ...]
    on: str | None
    what: str
    """The library and symbol, for messages."""
    upsert: bool


@dataclass(frozen=True)
class Added:
    """What became of rows."""

    version: int
    """The symbol's latest."""
    added: int
    """Rows that weren't there."""
    replaced: int
    """Rows that took the place of one with their key."""
    known: int
    """Rows that were there already, and were left as they are."""


def latest_of(shelf: Any, symbol: str) -> tuple[int, Mapping[str, Any]] | None:
    """(version, metadata) of a symbol's latest version; None where there is none."""
    if not shelf.has_symbol(symbol):
        return None
    latest = shelf.read_metadata(symbol)
    return int(latest.version), latest.metadata or {}


def add(shelf: Any, symbol: str, rows: Rows, metadata: Mapping[str, Any]) -> Added:
    """Add rows to a symbol, as its only writer; one commit, or none where every row is known.

    ArcticDB's own `append` takes no late rows and keeps those that come twice, and its `update` replaces
    whatever lies in the range of time: so what is stored from the first new row on is read, merged by key,
    sorted stably, and put back as one range.
    """
    latest = latest_of(shelf, symbol)
    version = 0 if latest is None else latest[0] + 1
    layout = None if latest is None else latest[1].get("layout")
    if latest is not None and layout is None:
        raise DataProblem(
            f"{rows.what} was written by another program, and what its rows are is not known.",
            "Add to another symbol, or write it anew with `write_frame`.",
        )
    index = _index(rows, layout)
    check_columns(rows.key, rows.frame.columns, "The frame")
    new, given = as_series(rows.frame, index, version, rows.what)
    key = rows.key if rows.upsert or index in rows.key else (*rows.key, index)
    _check_key(new, key, rows)
    if latest is None or layout is None or layout.get("form") != "series":
        old = None if layout is None else _whole(shelf, symbol, layout, index, given, rows.what)
        known = new.iloc[:0] if old is None else old
        return _rewritten(shelf, symbol, known, new, key, rows.upsert, given, metadata)
    order = agreed(layout, given, rows.what)
    new = new[[*order, VERSION]]
    if not len(new):
        return Added(version - 1, 0, 0, 0)
    if index not in key:  # a row's time may have changed: its place may be anywhere
        old = shelf.read(symbol).data
        return _rewritten(shelf, symbol, old, new, key, rows.upsert, layout, metadata)
    first, last = new.index[0], new.index[-1] if rows.upsert else None
    kept = {**metadata, "layout": layout}
    if latest[1]["last"] is None or first.value > latest[1]["last"]:
        kept["last"] = new.index[-1].value
        made = shelf.append(symbol, new, metadata=kept, prune_previous_versions=False)
        return Added(int(made.version), len(new), 0, 0)
    old = shelf.read(symbol, date_range=(first, last)).data
    both = merged(old, new, key, newest_wins=rows.upsert)
    told = _told(old, new, both, upsert=rows.upsert)
    if not told.added and not told.replaced:
        return Added(version - 1, 0, 0, told.known)
    kept["last"] = max(latest[1]["last"], both.index[-1].value)
    made = shelf.update(symbol, both, date_range=(first, last), metadata=kept, prune_previous_versions=False)
    return Added(int(made.version), told.added, told.replaced, told.known)


def _index(rows: Rows, layout: Mapping[str, Any] | None) -> str:
    if layout is not None and layout.get("form") == "series":
        index = str(layout["index"])
        if rows.on not in (None, index):
            raise DataProblem(f"{rows.what} is ordered by `{index}`, not by `{rows.on}`.")
        check_columns([index], rows.frame.columns, "The frame")
        return index
    found = clock_column(types_of(rows.frame), rows.what, rows.on)
    if found is None:
        raise DataProblem(
            f"Nothing can be added to {rows.what}: its rows have no times to go by.",
            "`write_frame` keeps such a frame whole, version by version; `write_rows` keeps it by its key.",
        )
    return found


def _check_key(new: pd.DataFrame, key: Sequence[str], rows: Rows) -> None:
    if not rows.key:
        raise DataProblem(
            f"Nothing can be added to {rows.what}: nobody knows when two of its rows are the same one.",
            "Name the columns that tell: `key: […]`, or give the step before a `schema:` that has a key.",
        )
    again = duplicated(new, key, keep="first")
    if again.any():
        at = int(np.flatnonzero(again)[0])
        values = [f"{name} = {new.index[at] if name == new.index.name else new[name].iloc[at]}" for name in key]
        raise DataProblem(
            f"{int(again.sum())} rows for {rows.what} come twice by the key {', '.join(key)}: {', '.join(values)}."
        )


def _whole(
    shelf: Any, symbol: str, layout: Mapping[str, Any], index: str, given: Mapping[str, Any], what: str
) -> pd.DataFrame:
    """A frame that was written whole, as one that grows: its rows came with the version that it is."""
    stored = shelf.read(symbol)
    frame = restore(stored.data if layout["rows"] else None, layout)
    agreed({**layout, "index": index}, given, what)
    return as_series(frame, index, int(stored.version), what)[0]


def _rewritten(
    shelf: Any,
    symbol: str,
    old: pd.DataFrame,
    new: pd.DataFrame,
    key: Sequence[str],
    upsert: bool,
    layout: Mapping[str, Any],
    metadata: Mapping[str, Any],
) -> Added:
    both = merged(old, new, key, newest_wins=upsert)
    told = _told(old, new, both, upsert=upsert)
    kept = {**metadata, "layout": layout, "last": both.index[-1].value if len(both) else None}
    expected = 0 if not len(new) else int(new[VERSION].iloc[0])
    made = shelf.write(symbol, both, metadata=kept, prune_previous_versions=False)
    if len(new) and int(made.version) != expected:  # a symbol that was deleted goes on counting
        mine = both[VERSION] == expected
        both[VERSION] = both[VERSION].where(~mine, int(made.version) + 1)
        made = shelf.write(symbol, both, metadata=kept, prune_previous_versions=False)
    return Added(int(made.version), told.added, told.replaced, told.known)


def _told(old: pd.DataFrame, new: pd.DataFrame, both: pd.DataFrame, *, upsert: bool) -> Added:
    added = len(both) - len(old)
    again = len(new) - added
    return Added(0, added, again if upsert else 0, 0 if upsert else again)
