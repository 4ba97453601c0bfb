"""Keeping a library of frames fit: snapshots of it, and symbols of many small pieces put together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.connections.arctic import FrameStore
from tasks.connections.arctic_names import unknown
from tasks.connections.arctic_owner import SYMBOL as OWNER
from tasks.connections.problems import DataProblem
from tasks.connections.scope import current, progress

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,98}")


@dataclass(frozen=True)
class Compacted:
    """A symbol, and in how many pieces it is."""

    symbol: str
    version: int
    before: int
    after: int


def take_snapshot(
    store: FrameStore, library: str, name: str, symbols: Sequence[str] | None, metadata: Mapping[str, Any]
) -> dict[str, int]:
    """Hold the latest versions of symbols, all of them by default, under a name: they outlive pruning.

    Taken again with the same metadata, the snapshot that is there is told.

    Returns
    -------
    dict[str, int]
        The version of each symbol.

    Raises
    ------
    DataProblem
        The name can't be used or is that of another snapshot; no such library or symbol.
    """
    if not _NAME.fullmatch(name):
        raise DataProblem(f"`{name}` can't name a snapshot.", "Use letters, digits, `_`, `-` and `.`.")
    with store.explained():
        store.library(library)

    def take(shelf: Any) -> dict[str, int]:
        known = shelf.list_snapshots()
        if name in known:
            if dict(known[name] or {}) != dict(metadata):
                raise DataProblem(
                    f"Library `{library}` has a snapshot `{name}` already, taken for something else.",
                    "Give another name, such as `eod-${run.session}`.",
                )
            return _held(shelf, name)
        there = [one for one in shelf.list_symbols() if one != OWNER]
        wanted = there if symbols is None else list(symbols)
        for symbol in wanted:
            if symbol not in there:
                raise unknown(f"Library `{library}` of `{store.name}` has no symbol", symbol, there)
        if not wanted:
            raise DataProblem(f"Library `{library}` has no symbols to take a snapshot of.")
        versions = {symbol: int(shelf.read_metadata(symbol).version) for symbol in wanted}
        shelf.snapshot(name, metadata=dict(metadata), versions=versions)
        return versions

    return store.writing(library, f"snapshot {name} of {library}", take)


def compact(
    store: FrameStore, library: str, symbols: Sequence[str] | None, *, prune: bool, metadata: Mapping[str, Any]
) -> list[Compacted]:
    """Put symbols of many small pieces together, all that need it by default; their rows stay what they are.

    Parameters
    ----------
    prune
        Let go of the versions before, but for those in snapshots; nobody can read them any more.
    metadata
        Of the new versions; what else stood with them stays.
    """
    with store.explained():
        shelf = store.library(library)
        there = [one for one in shelf.list_symbols() if one != OWNER]
    for symbol in symbols or []:
        if symbol not in there:
            raise unknown(f"Library `{library}` of `{store.name}` has no symbol", symbol, there)
    wanted = sorted(there if symbols is None else symbols)
    done: list[Compacted] = []
    for number, symbol in enumerate(wanted):
        # One at a time: whoever writes to the library has a turn in between.
        current().deadline.check(f"{library}/{symbol}")
        found = store.writing(library, f"{library}/{symbol}", _compaction(symbol, metadata, prune=prune))
        if found is not None:
            done.append(found)
        progress(number + 1, len(wanted), f"{library}/{symbol}")
    return done


def _compaction(symbol: str, metadata: Mapping[str, Any], *, prune: bool) -> Callable[[Any], Compacted | None]:
    def run(shelf: Any) -> Compacted | None:
        plan = shelf.compact_data_explain_plan(symbol)
        made = None
        if plan.will_do_work:
            kept = shelf.read_metadata(symbol).metadata or {}
            shelf.compact_data(symbol, prune_previous_versions=False)
            version = int(shelf.write_metadata(symbol, {**kept, **metadata}, prune_previous_versions=False).version)
            made = Compacted(symbol, version, int(plan.num_row_slices_before), int(plan.num_row_slices_after))
        if prune:
            shelf.prune_previous_versions(symbol)
        return made

    return run


def _held(shelf: Any, name: str) -> dict[str, int]:
    return {one.symbol: int(one.version) for one in shelf.list_versions(snapshot=name)}
