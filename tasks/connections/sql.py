"""The desk's database: rows by table, written all or nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from pydantic import Field

from tasks.connections import base, lmdb
from tasks.connections.columns import UNKNOWN, column_type, from_database, sql_type, to_database
from tasks.connections.problems import ConnectionProblem, DataProblem, Problem
from tasks.connections.scope import current

if TYPE_CHECKING:
    import sqlalchemy

BOOKKEEPING = ("_session", "_key", "_row", "_run")
"""Columns that every table has beside the frame's own: which session's, which effect's, its how-many-th row, and
the run that wrote it."""
_CATALOG = "_columns"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PATIENCE = 30.0


class Database(base.Connection):
    """Tables of rows, each made at its first write from the frame's columns."""

    kind: ClassVar[str] = "sql"

    class Settings(base.Settings):
        url: str = Field(
            default="sqlite",
            description="`sqlite`: a file in the desk's data folder; otherwise an address as SQLAlchemy writes it",
        )

    def _open(self) -> None:
        import sqlalchemy

        url = self.settings.url
        if url == "sqlite":
            lmdb.make_folder(self.folder, "The desk's database")
            url = f"sqlite:///{(self.folder / 'desk.db').absolute()}"
        try:
            self._engine = sqlalchemy.create_engine(url)
        except ImportError as error:
            raise Problem(f"`{self.name}` needs a driver: {error}.", "Install it, or use `url: sqlite`.") from error
        except (sqlalchemy.exc.ArgumentError, ValueError, TypeError):
            # What the errors say quotes the address, or the part of a password that was taken for a port.
            raise Problem(
                f"`{self.name}`: its `url` is none that SQLAlchemy knows.",
                "Such as `sqlite`; in a password, write `@` as `%40`, `/` as `%2F` and `:` as `%3A`.",
            ) from None
        if self._engine.dialect.name == "sqlite":
            _prepare_sqlite(self._engine)
        # What each column of each table was in its frame, so that it comes back as it was.
        metadata = sqlalchemy.MetaData()
        self._catalog = sqlalchemy.Table(
            _CATALOG,
            metadata,
            sqlalchemy.Column("table", sqlalchemy.Text, primary_key=True),
            sqlalchemy.Column("position", sqlalchemy.Integer, primary_key=True),
            sqlalchemy.Column("column", sqlalchemy.Text, nullable=False),
            sqlalchemy.Column("kind", sqlalchemy.Text, nullable=False),
            sqlalchemy.Column("in_key", sqlalchemy.Boolean, nullable=False),
        )
        with self._writing() as connection:
            metadata.create_all(connection)

    def _close(self) -> None:
        self._engine.dispose()

    def replace(
        self, table: str, frame: pd.DataFrame, *, session: date, effect: str, run: str, key: Sequence[str] = ()
    ) -> None:
        """Make a frame's rows those of an effect in a table: rows that it wrote before are replaced.

        Parameters
        ----------
        session
            The trading session that the rows belong to.
        effect
            The idempotency key of the write: rows of other effects stay.
        key
            Columns that name a row across effects: a row is replaced by a later one of the same key.

        Raises
        ------
        DataProblem
            A name, a column's type, or columns other than the table's.
        ConnectionProblem
            The database is away or busy.
        """
        _check_name(table, "table")
        for name in frame.columns:
            _check_name(str(name), f"column of {table}")
        if unknown := [name for name in key if name not in frame]:
            raise DataProblem(f"{table}: its key `{unknown[0]}` is no column of the frame.")
        kinds = {str(name): column_type(column, table) for name, column in frame.items()}
        values = {name: to_database(frame[name], kind) for name, kind in kinds.items()}
        rows = [
            {"_session": session.isoformat(), "_key": effect, "_row": number, "_run": run}
            | {name: column[number] for name, column in values.items()}
            for number in range(len(frame))
        ]
        current().deadline.check(f"{len(rows)} rows for {table}")
        with self._writing() as connection:
            self._agree(connection, table, kinds, key)
            target = _table(table, kinds, key)
            target.create(connection, checkfirst=True)
            connection.execute(target.delete().where(target.c["_key"] == effect))
            if rows and key:
                import sqlalchemy

                same = [target.c[name] == sqlalchemy.bindparam(f"old_{name}") for name in key]
                connection.execute(
                    target.delete().where(*same), [{f"old_{name}": row[name] for name in key} for row in rows]
                )
            if rows:
                connection.execute(target.insert(), rows)

    def read(self, table: str, session: date | None = None) -> pd.DataFrame:
        """The rows of a table, of one session or of all, ordered by session and as written; types as written.

        Raises `DataProblem` with close matches for a table that isn't there.
        """
        import sqlalchemy

        _check_name(table, "table")
        with self._explained(), self._engine.connect() as connection:
            kinds = self._kinds(connection, table)
            if not kinds:
                every = connection.execute(sqlalchemy.select(self._catalog.c["table"]).distinct()).scalars().all()
                raise _unknown(f"`{self.name}` has no table `{table}`.", table, every)
            source = _table(table, kinds, ())
            query = sqlalchemy.select(*(source.c[name] for name in kinds))
            if session is not None:
                query = query.where(source.c["_session"] == session.isoformat())
            query = query.order_by(source.c["_session"], source.c["_key"], source.c["_row"])
            rows = connection.execute(query).all()
        columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
        read = {name: from_database(column, kind) for (name, kind), column in zip(kinds.items(), columns, strict=True)}
        return pd.DataFrame(read, copy=False)

    def check_health(self) -> str:
        """Open it and ask it for a number."""
        import sqlalchemy

        self.open()
        with self._explained(), self._engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1")).all()
            told = sqlalchemy.select(self._catalog.c["table"]).distinct()
            count = len(connection.execute(told).all())
        return f"{self._engine.dialect.name}, {count} table{'' if count == 1 else 's'}"

    def _agree(self, connection: Any, table: str, kinds: Mapping[str, str], key: Sequence[str]) -> None:
        """Hold a frame's columns against the table's, or put down those of a new table."""
        import sqlalchemy

        known = self._kinds(connection, table)
        catalog = self._catalog
        if not known:
            described = [
                {"table": table, "position": position, "column": name, "kind": kind, "in_key": name in key}
                for position, (name, kind) in enumerate(kinds.items())
            ]
            connection.execute(catalog.insert(), described)
            return
        told = sqlalchemy.select(catalog.c["column"]).where(catalog.c["table"] == table, catalog.c["in_key"])
        if set(connection.execute(told).scalars()) != set(key):
            raise DataProblem(
                f"Table `{table}` was begun with other columns as its key.",
                "Give the same columns, or write to another table.",
            )
        if differences := _differences(known, kinds):
            raise DataProblem(
                f"Table `{table}` has other columns than the frame: {differences}.",
                "Write to another table, or rename this one.",
            )
        for name, kind in kinds.items():
            if known[name] == UNKNOWN != kind:
                learnt = catalog.update().where(catalog.c["table"] == table, catalog.c["column"] == name)
                connection.execute(learnt.values(kind=kind))

    def _kinds(self, connection: Any, table: str) -> dict[str, str]:
        import sqlalchemy

        catalog = self._catalog
        told = sqlalchemy.select(catalog.c["column"], catalog.c["kind"]).where(catalog.c["table"] == table)
        return dict(connection.execute(told.order_by(catalog.c["position"])).tuples().all())

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        # SQLite gives up at once on a reader that turns writer after another wrote: begin as a writer.
        writer = self._engine.execution_options(immediate=True)
        with self._explained(), writer.begin() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        import sqlalchemy

        try:
            yield
        except sqlalchemy.exc.IntegrityError as error:
            raise DataProblem(f"`{self.name}`: the rows break the table's key: {error.orig}.") from error
        except sqlalchemy.exc.OperationalError as error:
            said = str(error.orig)
            if "readonly" in said or "unable to open" in said or "full" in said:
                raise Problem(
                    f"The database `{self.name}` can't be written: {said}.",
                    "See that its file and folder may be written to and that the disk has room.",
                ) from error
            raise ConnectionProblem(f"The database `{self.name}` is away or busy: {said}.") from error
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise Problem(f"The database `{self.name}` refused: {error}.") from error


def _prepare_sqlite(engine: sqlalchemy.Engine) -> None:
    import sqlalchemy

    @sqlalchemy.event.listens_for(engine, "connect")
    def settle(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @sqlalchemy.event.listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _table(name: str, kinds: Mapping[str, str], key: Sequence[str]) -> sqlalchemy.Table:
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


def _check_name(name: str, what: str) -> None:
    if not _NAME.fullmatch(name):
        raise DataProblem(f"`{name}` can't name a {what}.", "Use small letters, digits and `_`, a letter first.")


def _differences(known: Mapping[str, str], kinds: Mapping[str, str]) -> str:
    said = [f"`{name}` is missing" for name in known if name not in kinds]
    said += [f"`{name}` is new" for name in kinds if name not in known]
    said += [
        f"`{name}` was {known[name]} and is {kind}"
        for name, kind in kinds.items()
        if name in known and kind != known[name] and UNKNOWN not in (kind, known[name])
    ]
    return ", ".join(said)


def _unknown(reason: str, name: str, known: Sequence[str]) -> DataProblem:
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"It has {', '.join(sorted(known)) or 'none yet'}."
    return DataProblem(reason, hint)
