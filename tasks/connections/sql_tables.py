"""Tables made from frames: their columns, what those were, and how they come to have new ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasks.connections.columns import UNKNOWN, sql_type
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note

if TYPE_CHECKING:
    import sqlalchemy

BOOKKEEPING = ("_session", "_key", "_row", "_run")
"""Columns that every table has beside the frame's own: which session's, which effect's, its how-many-th row, and
the run that wrote it."""
CATALOG = "_columns"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def check_name(name: str, what: str) -> None:
    """Raise `DataProblem` for a name that a database would have to quote."""
    if not _NAME.fullmatch(name):
        raise DataProblem(f"`{name}` can't name a {what}.", "Use small letters, digits and `_`, a letter first.")


def catalog() -> sqlalchemy.Table:
    """The desk's own table that says what the columns of the others were; migrations make it."""
    import sqlalchemy

    return sqlalchemy.Table(
        CATALOG,
        sqlalchemy.MetaData(),
        sqlalchemy.Column("table", sqlalchemy.Text, primary_key=True),
        sqlalchemy.Column("position", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("column", sqlalchemy.Text, nullable=False),
        sqlalchemy.Column("kind", sqlalchemy.Text, nullable=False),
        sqlalchemy.Column("in_key", sqlalchemy.Boolean, nullable=False),
    )


def table_of(name: str, kinds: Mapping[str, str], key: Sequence[str] = ()) -> sqlalchemy.Table:
    """A table for frames with these columns."""
    import sqlalchemy

    columns: list[sqlalchemy.schema.SchemaItem] = [
        sqlalchemy.Column("_session", sqlalchemy.Text, nullable=False, index=True),
        sqlalchemy.Column("_key", sqlalchemy.Text, primary_key=True),
        sqlalchemy.Column("_row", sqlalchemy.Integer, primary_key=True, autoincrement=False),
        sqlalchemy.Column("_run", sqlalchemy.Text, nullable=False),
        *(sqlalchemy.Column(column, sql_type(kind)) for column, kind in kinds.items()),
    ]
    unique = [sqlalchemy.UniqueConstraint(*key)] if key else []
    return sqlalchemy.Table(name, sqlalchemy.MetaData(), *columns, *unique)


def names(connection: Any) -> list[str]:
    """The tables that there are."""
    import sqlalchemy

    told = sqlalchemy.select(catalog().c["table"]).distinct()
    return sorted(connection.execute(told).scalars())


def kinds_of(connection: Any, table: str) -> dict[str, str]:
    """What each column of a table is; empty where there is no such table."""
    import sqlalchemy

    columns = catalog()
    told = sqlalchemy.select(columns.c["column"], columns.c["kind"]).where(columns.c["table"] == table)
    return dict(connection.execute(told.order_by(columns.c["position"])).tuples().all())


def agreed(connection: Any, table: str, kinds: Mapping[str, str], key: Sequence[str]) -> sqlalchemy.Table:
    """A table that takes rows with these columns: the one that there is, with new columns if need be, or a new one.

    Raises `DataProblem` naming every column that is missing, of another type, or new and without a value for
    the rows that are there; and for another key than the table's.
    """
    import sqlalchemy

    known = kinds_of(connection, table)
    columns = catalog()
    target = table_of(table, kinds, key)
    if not known:
        connection.execute(columns.insert(), _described(table, kinds, key, 0))
        target.create(connection, checkfirst=True)
        return target
    told = sqlalchemy.select(columns.c["column"]).where(columns.c["table"] == table, columns.c["in_key"])
    in_key = sorted(connection.execute(told).scalars())
    if in_key != sorted(key):
        raise DataProblem(
            f"Table `{table}` was begun with {_said(in_key)} as its key, and is given {_said(key)}.",
            "Give the same columns, or write to another table.",
        )
    if differences := _differences(known, kinds):
        raise DataProblem(
            f"Table `{table}` has other columns than the frame: {differences}.",
            "Write to another table, or rename this one.",
        )
    for name, kind in kinds.items():
        if known.get(name) == UNKNOWN != kind:
            learnt = columns.update().where(columns.c["table"] == table, columns.c["column"] == name)
            connection.execute(learnt.values(kind=kind))
    new = {name: kind for name, kind in kinds.items() if name not in known}
    if new:
        _add_columns(connection, table, new, len(known))
    return target


def _add_columns(connection: Any, table: str, new: Mapping[str, str], position: int) -> None:
    import sqlalchemy
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    operations = Operations(MigrationContext.configure(connection))
    for name, kind in new.items():
        operations.add_column(table, sqlalchemy.Column(name, sql_type(kind)))
    connection.execute(catalog().insert(), _described(table, new, (), position))
    note(f"Table {table} has new columns from now on, with no value in earlier rows: {', '.join(new)}.")


def _described(table: str, kinds: Mapping[str, str], key: Sequence[str], position: int) -> list[dict[str, Any]]:
    return [
        {"table": table, "position": position + at, "column": name, "kind": kind, "in_key": name in key}
        for at, (name, kind) in enumerate(kinds.items())
    ]


def _differences(known: Mapping[str, str], kinds: Mapping[str, str]) -> str:
    said = [f"`{name}` is missing" for name in known if name not in kinds]
    said += [
        f"`{name}` is new, and {kind} has no way to say that earlier rows have none"
        for name, kind in kinds.items()
        if name not in known and kind.startswith(("int", "uint", "bool"))
    ]
    said += [
        f"`{name}` was {known[name]} and is {kind}"
        for name, kind in kinds.items()
        if name in known and kind != known[name] and UNKNOWN not in (kind, known[name])
    ]
    return ", ".join(said)


def _said(key: Sequence[str]) -> str:
    return " and ".join(f"`{name}`" for name in key) or "nothing"
