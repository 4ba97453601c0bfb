"""Frames in the desk's store, by library, symbol and version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, TypeVar, cast

import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.audit import FrameWrites
from schemas.frame import Frame
from tasks.connections.arctic import FrameStore
from tasks.connections.arctic_query import Selection
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.run import Run
from tasks.wording import counted

S = TypeVar("S", bound=Frame)


@task(effect=True)
def write_frame(frame: DataFrame[S], store: FrameStore, run: Run, library: str, symbol: str) -> DataFrame[FrameWrites]:
    """Write a frame to the store as a new version of a symbol; earlier versions stay.

    Repeated in the same slot of the same run with the same content, it writes nothing and gives the
    receipt of the version that is there.

    Parameters
    ----------
    library
        Made at its first frame. Letters, digits, `_`, `-`, `.`.
    symbol
        The frame's name in the library: printable ASCII without `*`.

    Returns
    -------
    DataFrame[FrameWrites]
        One row: where it is, its version, and how many rows it has.

    Raises
    ------
    DataProblem
        A column's type can't be stored (each is named), or a name can't be used.
    Refused
        On S3: another desk writes to the library.
    ConnectionProblem
        Another run is writing to the library for longer than this step's time.
    Problem
        The store is full or can't be written.
    """
    version = store.write(library, symbol, frame, _about(run))
    return _receipt(store, library, symbol, version, len(frame))


@task(effect=True)
def append_frame(
    frame: DataFrame[S],
    store: FrameStore,
    run: Run,
    library: str,
    symbol: str,
    key: list[str] | None = None,
    on: str | None = None,
) -> DataFrame[FrameWrites]:
    """Add a frame's rows to a symbol that grows; a row that is there already stays as it is.

    Rows go by time: late ones take their place among those that are stored. A row is known by its key and
    its time, so that what is delivered twice is stored once. Each addition is a version; a symbol that
    `write_frame` began goes on growing.

    Parameters
    ----------
    library, symbol
        As `write_frame`.
    key
        The columns that tell one row from another; by default the key of the frame's schema.
    on
        The column of times that rows are ordered by; by default `time`, `session`, or the only one there is.

    Returns
    -------
    DataFrame[FrameWrites]
        One row: where it is, the latest version, and how many rows were added.

    Raises
    ------
    DataProblem
        No key, a row with no time, two rows of one key, or columns other than the symbol's; each is named.
    Refused, ConnectionProblem, Problem
        As `write_frame`.
    """
    added = store.append(library, symbol, frame, _key(run, "frame", key), _about(run), on=on)
    if added.known:
        note(f"{counted(added.known, 'row')} of {len(frame)} were in {library}/{symbol} already.")
    return _receipt(store, library, symbol, added.version, added.added)


@task(effect=True)
def upsert_frame(
    frame: DataFrame[S],
    store: FrameStore,
    run: Run,
    library: str,
    symbol: str,
    key: list[str] | None = None,
    on: str | None = None,
) -> DataFrame[FrameWrites]:
    """Add a frame's rows to a symbol that grows; a row takes the place of the one that has its key.

    As `append_frame`, but for what may be corrected: bars, settlements, states. Where the key has no time in
    it, a row's time may change too, and the whole symbol is written anew.

    Parameters
    ----------
    library, symbol, key, on
        As `append_frame`.

    Returns
    -------
    DataFrame[FrameWrites]
        One row: where it is, the latest version, and how many rows were added or replaced.

    Raises
    ------
    DataProblem, Refused, ConnectionProblem, Problem
        As `append_frame`.
    """
    added = store.append(library, symbol, frame, _key(run, "frame", key), _about(run), upsert=True, on=on)
    if added.replaced:
        note(f"{counted(added.replaced, 'row')} of {library}/{symbol} were replaced, {added.added} are new.")
    return _receipt(store, library, symbol, added.version, added.added + added.replaced)


@task(reads="as_of")
def read_frame(
    store: FrameStore,
    run: Run,
    library: str,
    symbol: str,
    version: Annotated[int, Field(ge=0)] | None = None,
    session: date | None = None,
    instant: datetime | None = None,
    snapshot: str | None = None,
    columns: list[str] | None = None,
    where: dict[str, Any] | None = None,
    first: date | datetime | None = None,
    last: date | datetime | None = None,
    on: str | None = None,
) -> pd.DataFrame:
    """Read a frame from the store exactly as it was written: the latest version, or the one asked for.

    In a past session the latest is the one that was written by then: by a run of that session or of
    an earlier one, or outside of any run. The store looks up what `where`, `first` and `last` ask for; what
    they leave out isn't read.

    The step's `schema:` says what kind of frame it is. The journal pins the version and what of it was read
    (`frame.attrs["origin"]`) and copies nothing.

    Parameters
    ----------
    library, symbol
        What it was written as.
    version, session, instant, snapshot
        Which version, by at most one of: its number; the latest of a session's end; of a moment, by the
        clocks of the runs that wrote; of a snapshot.
    columns
        Only these, in this order.
    where
        Only such rows: `{symbol: SPY, price: {above: 5}, account: [DU1, DU2], note: null}`; bounds are
        `above`, `at_least`, `below`, `at_most`, `not`.
    first, last
        From a date or moment to another, both included; dates are UTC where the times have a zone.
    on
        The column of times that they mean; by default `time`, `session`, or the only one there is.

    Raises
    ------
    DataProblem
        No such library, symbol, version, snapshot or column, or none by that session; close matches are named.
        Or a condition that doesn't suit its column.
    """
    selection = Selection(None if columns is None else tuple(columns), where or {}, first, last, on)
    number = _version(store, run, library, symbol, version, session, instant, snapshot)
    found = store.select(library, symbol, selection, number)
    found.frame.attrs["origin"] = {
        "store": store.name,
        "library": library,
        "symbol": symbol,
        "version": found.version,
        "content": found.content,
        **({} if selection.is_whole else {"selection": selection.described()}),
    }
    return found.frame


def _version(
    store: FrameStore,
    run: Run,
    library: str,
    symbol: str,
    version: int | None,
    session: date | None,
    instant: datetime | None,
    snapshot: str | None,
) -> int:
    asked = {"version": version, "session": session, "instant": instant, "snapshot": snapshot}
    given = [name for name, value in asked.items() if value is not None]
    if len(given) > 1:
        raise DataProblem(f"{library}/{symbol} is asked for by {' and by '.join(given)}.", "Give one of them.")
    if version is not None:
        return version
    if snapshot is not None:
        return store.version_in(library, symbol, snapshot)
    if instant is not None:
        moment = pd.Timestamp(instant)
        return store.version_as_of(
            library, symbol, moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
        )
    return store.version_as_of(library, symbol, session or run.session)


def _about(run: Run) -> dict[str, Any]:
    """What stands with each version: which effect wrote it, and when it was for."""
    return {"key": run.key or run.id, "session": run.session.isoformat(), "time": run.now().isoformat()}


def _key(run: Run, parameter: str, key: Sequence[str] | None) -> Sequence[str]:
    kind = run.frames.get(parameter)
    return key or (kind.__key__ if kind is not None else ())


def _receipt(store: FrameStore, library: str, symbol: str, version: int, rows: int) -> DataFrame[FrameWrites]:
    receipt = pd.DataFrame(
        {
            "store": pd.Series([store.name], dtype=object),
            "library": pd.Series([library], dtype=object),
            "symbol": pd.Series([symbol], dtype=object),
            "version": [version],
            "rows": [rows],
        }
    )
    return cast("DataFrame[FrameWrites]", receipt)
