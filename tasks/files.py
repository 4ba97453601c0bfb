"""Frames from files: CSV and Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd
from pydantic import AfterValidator, Field

from schemas.frame import Frame
from tasks.cells import ISO, Notation, parsed
from tasks.connections.problems import DataProblem, Refused
from tasks.connections.scope import note
from tasks.declare import task
from tasks.file_columns import Fault, Match, checked, matched, refuse
from tasks.file_content import FileContent, csv_table, read_content
from tasks.run import Run
from tasks.wording import counted

Character = Annotated[str, Field(min_length=1, max_length=1)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"expected a time zone such as America/New_York, got text `{name}`") from error
    return name


Zone = Annotated[str, AfterValidator(_zone)]
"""The name of a time zone."""


@task(reads="as_of")
def read_csv(
    run: Run,
    path: str,
    columns: dict[str, str] | None = None,
    constants: dict[str, Any] | None = None,
    other_columns: Literal["refuse", "ignore"] = "refuse",
    session_column: str | None = None,
    separator: Character = ",",
    decimal: Literal[".", ","] = ".",
    thousands: Literal["", ",", ".", " ", "'"] = "",
    dates: str | None = None,
    timezone: Zone | None = None,
    missing: list[str] | None = None,
    encoding: str = "utf-8",
    skip: Annotated[int, Field(ge=0)] = 0,
) -> pd.DataFrame:
    """Read a frame from a CSV file: a header, then a row a line; gzipped where its name ends in `.gz`.

    The step's `schema:` says what kind of frame it is: which columns it has, and of which types. No cell is
    guessed at: one that isn't of its column's type is told of with its line, and so is each column that is
    missing or one too many; all at once.

    A file says what is true now. For a past session, rows of later sessions are left out of a frame that has
    a `session`; a frame that has none is read only where the file is of that session: its path names it
    (`holdings/${run.session}.csv`), or `session_column` does.

    Parameters
    ----------
    path
        Relative paths start in the project's folder.
    columns
        The file's names of the frame's columns, where they differ: `{con_id: Conid, quantity: Position}`.
    constants
        Values of columns that the file doesn't have: `{currency: USD}`.
    other_columns
        What to do with columns that the frame has no use for.
    session_column
        The file's column that dates its rows: only rows of the run's session are taken.
    separator
        Between cells.
    decimal, thousands
        How numbers are written: `1.234,5` has decimal `,` and thousands `.`. Thousands stand in groups of three.
    dates
        How dates and times are written, by strptime's codes, such as `%d/%m/%Y`; by default as ISO 8601.
    timezone
        The zone of times that name none. Without it such times are refused.
    missing
        Texts that stand for no number and no time, besides an empty cell. In text they are text.
    encoding
        Of the file. A byte-order mark is left out.
    skip
        Lines before the header.

    Returns
    -------
    DataFrame
        In the file's order. The journal keeps a copy, and the file's SHA-256 beside it.

    Raises
    ------
    DataProblem
        There is no such file; or what is wrong in it, by line and column, the first twenty in words.
    Refused
        The session is over, and nothing says that the file is of it.
    """
    model = _model(run, path)
    if thousands == decimal:
        raise DataProblem(f"`{decimal}` can't separate both decimals and thousands.", "Mend `decimal` or `thousands`.")
    file = read_content(run, path)
    zone = None if timezone is None else ZoneInfo(timezone)
    notation = Notation(decimal, thousands, dates, zone, frozenset({"", *(missing or [])}))
    header, rows, lines = csv_table(file, separator, encoding, skip)
    dated = [session_column] if session_column else []
    match = matched(path, header, model, columns or {}, constants or {}, dated, other_columns == "ignore")
    series: dict[str, pd.Series[Any]] = {}
    faults: list[Fault] = []

    def column(theirs: str, dtype: str, nullable: bool) -> pd.Series[Any]:
        place = header.index(theirs)
        values, bad = parsed([row[place] for row in rows], dtype, nullable, notation)
        faults.extend(Fault(lines[at], theirs, sentence) for at, sentence in bad.items())
        return values

    for name, theirs in match.columns.items():
        series[name] = column(theirs, match.dtype(name), match.nullable(name))
    days = column(session_column, "datetime64[ns]", nullable=False) if session_column else None
    refuse(path, faults)
    return _as_of(_assembled(series, match, len(rows)), days, match, run, file, lines, "csv")


@task(reads="as_of")
def read_parquet(
    run: Run,
    path: str,
    columns: dict[str, str] | None = None,
    constants: dict[str, Any] | None = None,
    other_columns: Literal["refuse", "ignore"] = "refuse",
    session_column: str | None = None,
    timezone: Zone | None = None,
) -> pd.DataFrame:
    """Read a frame from a Parquet file.

    The step's `schema:` says what kind of frame it is. A column of another type is taken where each value is
    the same in the frame's type (integers of any width, dates for sessions, decimals that are doubles, text
    that reads as `read_csv` would read it), and refused otherwise, with its rows.

    For past sessions see `read_csv`.

    Parameters
    ----------
    path
        Relative paths start in the project's folder.
    columns
        The file's names of the frame's columns, where they differ.
    constants
        Values of columns that the file doesn't have.
    other_columns
        What to do with columns that the frame has no use for.
    session_column
        The file's column that dates its rows: only rows of the run's session are taken.
    timezone
        The zone of times that name none. Without it such times are refused.

    Returns
    -------
    DataFrame
        In the file's order. The journal keeps a copy, and the file's SHA-256 beside it.

    Raises
    ------
    DataProblem
        There is no such file; or what is wrong in it, by row (from 1) and column, the first twenty in words.
    Refused
        The session is over, and nothing says that the file is of it.
    """
    from tasks.arrow_columns import converted, table_of

    model = _model(run, path)
    file = read_content(run, path)
    table = table_of(file.content, path)
    dated = [session_column] if session_column else []
    header = table.column_names
    match = matched(path, header, model, columns or {}, constants or {}, dated, other_columns == "ignore")
    notation = Notation(timezone=None if timezone is None else ZoneInfo(timezone)) if timezone else ISO
    faults: list[Fault] = []

    def column(theirs: str, dtype: str, nullable: bool) -> pd.Series[Any]:
        values, bad = converted(table.column(theirs), dtype, nullable, notation)
        faults.extend(Fault(at + 1, theirs, sentence) for at, sentence in bad.items())
        return values

    series = {n: column(theirs, match.dtype(n), match.nullable(n)) for n, theirs in match.columns.items()}
    days = column(session_column, "datetime64[ns]", nullable=False) if session_column else None
    refuse(path, faults)
    rows = range(1, table.num_rows + 1)
    return _as_of(_assembled(series, match, table.num_rows), days, match, run, file, rows, "parquet")


def _model(run: Run, path: str) -> type[Frame]:
    if run.schema is None:
        raise DataProblem(
            f"Nothing says what kind of frame {path} holds.", "Say it at the step, as in `schema: Positions`."
        )
    return run.schema


def _assembled(series: dict[str, pd.Series[Any]], match: Match, rows: int) -> pd.DataFrame:
    given = {name: match.constant(name, rows) for name in match.constants}
    return pd.DataFrame({**series, **given}, index=pd.RangeIndex(rows))


def _as_of(
    frame: pd.DataFrame,
    days: pd.Series[Any] | None,
    match: Match,
    run: Run,
    file: FileContent,
    rows: Sequence[int],
    kind: str,
) -> pd.DataFrame:
    """The rows that a run of this session may see, checked; and a record of the file they came from."""
    file.record(kind)
    session = pd.Timestamp(run.session)
    if days is not None:
        kept = (days == session).to_numpy()
        if not kept.any() and len(days):
            raise DataProblem(
                f"{file.path} has no row of session {run.session}: its rows are of {days.min():%Y-%m-%d} "
                f"to {days.max():%Y-%m-%d}.",
                "Bring the file up to date, or run one of its sessions.",
            )
    elif "session" in frame and match.dtype("session") == "datetime64[ns]":
        kept = (frame["session"] <= session).to_numpy()
        if not kept.all():
            note(f"{file.path}: {counted(int((~kept).sum()), 'row')} of sessions after {run.session} left out.")
    else:
        if run.past and run.session.isoformat() not in file.path:
            raise Refused(
                f"{file.path} says what is true now, not what was on {run.session}.",
                "Name that session's file, as in `path: holdings/${run.session}.csv`, or the column that dates its "
                "rows by `session_column:`.",
            )
        return checked(frame, match, file.path, rows)
    places = kept.nonzero()[0].tolist()
    return checked(frame[kept].reset_index(drop=True), match, file.path, [rows[place] for place in places])
