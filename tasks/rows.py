"""Rows in the desk's database."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, TypeVar, cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.audit import RowWrites
from schemas.frame import Frame
from tasks.connections.content import content_id
from tasks.connections.problems import DataProblem
from tasks.connections.sql import Database
from tasks.declare import task
from tasks.run import Run

S = TypeVar("S", bound=Frame)


@task(effect=True)
def write_rows(
    rows: DataFrame[S],
    database: Database,
    run: Run,
    table: str,
    mode: Literal["append", "upsert"] = "append",
    unique: list[str] | None = None,
) -> DataFrame[RowWrites]:
    """Write rows to a table, which is made at the first write.

    The rows belong to the run's session and slot: a repetition of the same slot replaces its own rows and
    leaves those of other sessions, slots and steps. Beside the frame's columns stand `_session`, `_key`,
    `_row` and `_run`.

    Decimals and instants are kept exactly, as text: `CAST(price AS NUMERIC)` gives a database's own. A column that
    the table hasn't is added, and earlier rows have no value in it.

    Parameters
    ----------
    table
        Small letters, digits and `_`.
    mode
        `append`: beside the rows of other slots. `upsert`: a row takes the place of the earlier one of its
        key, whoever wrote that.
    unique
        Columns that name a row whoever writes it, such as an execution's id, where that isn't the key of
        the frame's schema; means `upsert`.

    Returns
    -------
    DataFrame[RowWrites]
        One row: the table, and how many rows were written.

    Raises
    ------
    DataProblem
        A column's type can't be kept, or the table has other columns; each is named. A key that isn't one.
    ConnectionProblem
        The database is away or busy.
    Problem
        The database can't be written.
    """
    key = unique or []
    if mode == "upsert" and not key:
        kind = run.frames.get("rows")
        key = list(kind.__key__) if kind is not None else []
        if not key:
            raise DataProblem(
                f"Nothing says which row of `{table}` is which.",
                "Name the columns: `unique: […]`, or give the step before a `schema:` that has a key.",
            )
    database.replace(table, rows, session=run.session, effect=run.key or run.id, run=run.id, key=key)
    receipt = pd.DataFrame({"table": pd.Series([table], dtype=object), "rows": [len(rows)]})
    return cast("DataFrame[RowWrites]", receipt)


@task(reads="as_of")
def read_rows(
    database: Database,
    table: str,
    session: date | None = None,
    columns: list[str] | None = None,
    where: dict[str, Any] | None = None,
) -> pd.DataFrame:
    """Read the rows of a table, of one session or of all, with the types that they were written with.

    The step's `schema:` says what kind of frame it is. Categories are those that the rows have. The journal
    keeps which runs wrote the rows (`frame.attrs["origin"]`).

    Parameters
    ----------
    columns
        Only these, in this order.
    where
        Only such rows: `{symbol: SPY, price: {above: 5}, account: [DU1, DU2], note: null}`; bounds are
        `above`, `at_least`, `below`, `at_most`, `not`.

    Raises
    ------
    DataProblem
        No such table or column; close matches are named. A condition that doesn't suit its column.
    """
    frame, written = database.read_written(table, session, columns, where)
    frame.attrs["origin"] = {
        "database": database.name,
        "table": table,
        "written": [[some.key, some.run, some.rows] for some in written],
        "content": content_id(frame),
    }
    return frame
