"""Who wrote the rows that a run read: from a store by the versions that brought them, from a table by its effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from flows.journal.database import JournalDatabase
from flows.journal.records import Producer

RowVersions: TypeAlias = Callable[[Mapping[str, Any]], Sequence[int] | None]


def of_rows(
    database: JournalDatabase, origin: Mapping[str, Any], rows: Sequence[int], row_versions: RowVersions | None
) -> list[Producer]:
    """The steps that wrote some rows of a frame, the latest first, as far as this journal knows them.

    Parameters
    ----------
    origin
        Where the frame was read from.
    rows
        Places of rows in it.
    row_versions
        Tells which version of a symbol brought each row.
    """
    if "table" in origin:
        keys = np.repeat([key for key, _, _ in origin["written"]], [count for _, _, count in origin["written"]])
        found = [_by_effect(database, str(key)) for key in dict.fromkeys(keys[list(rows)].tolist())]
    else:
        versions = None if row_versions is None else row_versions(origin)
        brought = {origin["version"]} if versions is None else {versions[row] for row in rows}
        place = origin["store"], origin["library"], origin["symbol"]
        found = [_by_version(database, place, version) for version in sorted(brought)]
    return list(dict.fromkeys(one for one in reversed(found) if one is not None))


def _by_effect(database: JournalDatabase, key: str) -> Producer | None:
    found = database.rows("SELECT run, step FROM effects WHERE key = ?", [key])
    return Producer(found[0]["run"], found[0]["step"]) if found else None


def _by_version(database: JournalDatabase, place: tuple[str, str, str], version: int) -> Producer | None:
    found = database.rows(
        "SELECT run, step FROM writes WHERE store = ? AND library = ? AND symbol = ? AND version = ?", [*place, version]
    )
    return Producer(found[0]["run"], found[0]["step"]) if found else None
