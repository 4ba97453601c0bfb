"""Keeping the store of frames fit: snapshots of a library, and symbols of many small pieces put together."""

from __future__ import annotations

from typing import cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.audit import FrameCompactions, FrameSnapshots
from schemas.frame import empty
from tasks.connections import arctic_upkeep
from tasks.connections.arctic import FrameStore
from tasks.connections.scope import note
from tasks.declare import task
from tasks.run import Run
from tasks.wording import counted


@task(effect=True)
def snapshot_frames(
    store: FrameStore, run: Run, library: str, name: str, symbols: list[str] | None = None
) -> DataFrame[FrameSnapshots]:
    """Hold a library's latest versions under a name, which `read_frame` takes as `snapshot:`.

    What a snapshot holds outlives pruning.

    Parameters
    ----------
    name
        Such as `eod-${run.session}`. Letters, digits, `_`, `-`, `.`.
    symbols
        By default all of the library's.

    Returns
    -------
    DataFrame[FrameSnapshots]
        A row for each symbol, with the version that is held.

    Raises
    ------
    DataProblem
        The name is another snapshot's, or there is no such library or symbol; close matches are named.
    """
    about = {"key": run.key or run.id, "session": run.session.isoformat()}
    held = arctic_upkeep.take_snapshot(store, library, name, symbols, about)
    columns = {"store": store.name, "library": library, "snapshot": name}
    rows = [{**columns, "symbol": symbol, "version": version} for symbol, version in sorted(held.items())]
    return cast("DataFrame[FrameSnapshots]", pd.DataFrame(rows))


@task(effect=True)
def compact_frames(
    store: FrameStore, run: Run, library: str, symbols: list[str] | None = None, *, prune: bool = False
) -> DataFrame[FrameCompactions]:
    """Put the rows of symbols that grew in many small additions together, so that they are read faster.

    Their rows stay what they are, as a new version; each symbol is done on its own, and one that needs it not
    is left alone. The room of what is let go of is used again by what comes; a store on disk gets smaller only
    by copying it into a new library.

    Parameters
    ----------
    symbols
        By default all of the library's.
    prune
        Let go of all versions but the latest and those that snapshots hold. A version that is gone can't be read
        `as of` its session any more, nor shown by `hedgerow explain`.

    Returns
    -------
    DataFrame[FrameCompactions]
        A row for each symbol that was compacted, with its pieces before and after.

    Raises
    ------
    DataProblem
        No such library or symbol; close matches are named.
    """
    about = {"session": run.session.isoformat()}
    done = arctic_upkeep.compact(store, library, symbols, prune=prune, metadata=about)
    note(f"{counted(len(done), 'symbol')} of {library} compacted.")
    if not done:
        return cast("DataFrame[FrameCompactions]", empty(FrameCompactions))
    columns = {"store": store.name, "library": library}
    rows = [
        {**columns, "symbol": one.symbol, "version": one.version, "pieces_before": one.before, "pieces": one.after}
        for one in done
    ]
    return cast("DataFrame[FrameCompactions]", pd.DataFrame(rows))
