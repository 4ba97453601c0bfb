"""Rows in the desk's database."""

from __future__ import annotations

from datetime import date
from typing import TypeVar, cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.audit import RowWrites
from schemas.frame import Frame
from tasks.connections.sql import Database
from tasks.declare import task
from tasks.run import Run

S = TypeVar("S", bound=Frame)


@task(effect=True)
def write_rows(
    rows: DataFrame[S], database: Database, run: Run, table: str, unique: list[str] | None = None
) -> DataFrame[RowWrites]:
    """Write rows to a table, which is made at the first write.

    The rows belong to the run's session and slot: a repetition of the same slot replaces its own rows and
    leaves those of other sessions, slots and steps. Beside the frame's columns stand `_session`, `_key`,
    `_row` and `_run`.

    Parameters
    ----------
    table
        Small letters, digits and `_`.
    unique
        Columns that name a row whoever writes it, such as an execution's id: a later row takes the
        place of an earlier one of the same key.

    Returns
    -------
    DataFrame[RowWrites]
        One row: the table, and how many rows were written.

    Raises
    ------
    DataProblem
        A column's type can't be kept, or the table has other columns; each is named.
    ConnectionProblem
        The database is away or busy.
    Problem
        The database can't be written.
    """
    database.replace(table, rows, session=run.session, effect=run.key or run.id, run=run.id, key=unique or [])
    receipt = pd.DataFrame({"table": pd.Series([table], dtype=object), "rows": [len(rows)]})
    return cast("DataFrame[RowWrites]", receipt)


@task(reads="as_of")
def read_rows(database: Database, table: str, session: date | None = None) -> pd.DataFrame:
    """Read the rows of a table, of one session or of all, with the types that they were written with.

    The step's `schema:` says what kind of frame it is. Categories are those that the rows have.

    Raises
    ------
    DataProblem
        No such table; close matches are named.
    """
    return database.read(table, session)
