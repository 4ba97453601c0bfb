"""Frames in the desk's store, by library, symbol and version."""

from __future__ import annotations

from typing import Annotated, TypeVar, cast

import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.audit import FrameWrites
from schemas.frame import Frame
from tasks.connections.arctic import FrameStore
from tasks.declare import task
from tasks.run import Run

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
    ConnectionProblem
        Another run is writing to the library for longer than this step's time.
    Problem
        The store is full or can't be written.
    """
    version = store.write(library, symbol, frame, {"key": run.key or run.id, "session": run.session.isoformat()})
    receipt = pd.DataFrame(
        {
            "store": pd.Series([store.name], dtype=object),
            "library": pd.Series([library], dtype=object),
            "symbol": pd.Series([symbol], dtype=object),
            "version": [version],
            "rows": [len(frame)],
        }
    )
    return cast("DataFrame[FrameWrites]", receipt)


@task(reads="as_of")
def read_frame(
    store: FrameStore, run: Run, library: str, symbol: str, version: Annotated[int, Field(ge=0)] | None = None
) -> pd.DataFrame:
    """Read a frame from the store exactly as it was written: the latest version, or the one given.

    In a past session the latest is the one that was written by then: by a run of that session or of
    an earlier one, or outside of any run.

    The step's `schema:` says what kind of frame it is. The journal pins the version that was read
    (`frame.attrs["origin"]`) and copies nothing.

    Raises
    ------
    DataProblem
        No such library, symbol or version, or none by that session; close matches are named.
    """
    if version is None:
        version = store.version_as_of(library, symbol, run.session)
    frame, found, content = store.read_with_content(library, symbol, version)
    frame.attrs["origin"] = {
        "store": store.name,
        "library": library,
        "symbol": symbol,
        "version": found,
        "content": content,
    }
    return frame
