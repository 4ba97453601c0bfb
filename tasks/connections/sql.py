"""The desk's database: rows by table, written all or nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from pydantic import Field

from tasks.connections import base, lmdb, sql_tables
from tasks.connections.columns import column_type, comparable, from_database, to_database
from tasks.connections.filters import Condition, check_columns, conditions, matching, typed
from tasks.connections.migrations.head import migrate
from tasks.connections.problems import ConnectionProblem, DataProblem, Problem
from tasks.connections.scope import current

if TYPE_CHECKING:
    import sqlalchemy

_PATIENCE = 30.0


@dataclass(frozen=True)
class Written:
    """Rows that stand one after the other and were written by one effect."""

    key: str
    """The effect's idempotency key."""
    run: str
    rows: int


class Database(base.Connection):
    """Tables of rows, each made at its first write from the frame's columns."""

    kind: ClassVar[str] = "sql"

    class Settings(base.Settings):
        url: str = Field(
            default="sqlite",
            description="`sqlite`: a file in the desk's data folder; otherwise an address as SQLAlchemy writes it, such"
            " as `postgresql://desk:${secret.sql}@host/desk`",
            repr=False,
        )

    def _open(self) -> None:
        import sqlalchemy

        url = self.settings.url
        if url == "sqlite":
            lmdb.make_folder(self.folder, "The desk's database")
            url = f"sqlite:///{(self.folder / 'desk.db').absolute()}"
        try:
            address = sqlalchemy.make_url(url)
            if address.drivername in ("postgresql", "postgres"):
                address = address.set(drivername="postgresql+psycopg")
            self._engine = sqlalchemy.create_engine(address)
        except ImportError as error:
            raise Problem(
                f"`{self.name}` needs a driver: {error}.",
                "Install it (for PostgreSQL: `pip install 'hedgerow[postgresql]'`), or use `url: sqlite`.",
            ) from error
        except (sqlalchemy.exc.ArgumentError, ValueError, TypeError):
            # What the errors say quotes the address, or the part of a password that was taken for a port.
            raise Problem(
                f"`{self.name}`: its `url` is none that SQLAlchemy knows.",
                "Such as `sqlite`; in a password, write `@` as `%40`, `/` as `%2F` and `:` as `%3A`.",
            ) from None
        if self._engine.dialect.name == "sqlite":
            _prepare_sqlite(self._engine)
        with self._writing("") as connection:
            migrate(connection, self.name)

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
            Columns that name a row across effects: a row takes the place of an earlier one of the same key.

        Raises
        ------
        DataProblem
            A name, a column's type, or columns other than the table's; a key with no value, or one that two rows
            of the frame have.
        ConnectionProblem
            The database is away or busy.
        """
        sql_tables.check_name(table, "table")
        for name in frame.columns:
            sql_tables.check_name(str(name), f"column of {table}")
        _check_key(table, frame, key)
        kinds = {str(name): column_type(column, table) for name, column in frame.items()}
        values = [to_database(frame[name], kind) for name, kind in kinds.items()]
        names = [*sql_tables.BOOKKEEPING, *kinds]
        about = session.isoformat(), effect, run
        rows = [
            dict(zip(names, (about[0], about[1], number, about[2], *row), strict=False))
            for number, row in enumerate(zip(*values, strict=True) if values else [()] * len(frame))
        ]
        current().deadline.check(f"{len(rows)} rows for {table}")
        with self._writing(table) as connection:
            target = sql_tables.agreed(connection, table, kinds, key)
            connection.execute(target.delete().where(target.c["_key"] == effect))
            if rows:
                connection.execute(self._insert(target, names, key), rows)

    def read(
        self,
        table: str,
        session: date | None = None,
        columns: Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """The rows of a table, of one session or of all, ordered by session and as written; types as written.

        Raises `DataProblem` with close matches for a table or column that isn't there.
        """
        return self.read_written(table, session, columns, where)[0]

    def read_written(
        self,
        table: str,
        session: date | None = None,
        columns: Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> tuple[pd.DataFrame, list[Written]]:
        """As `read`, with who wrote the rows, in their order."""
        import sqlalchemy

        sql_tables.check_name(table, "table")
        wanted = conditions(where)
        with self._explained(), self._engine.connect() as connection:
            kinds = sql_tables.kinds_of(connection, table)
            if not kinds:
                raise _unknown(f"`{self.name}` has no table `{table}`.", table, sql_tables.names(connection))
            asked = list(kinds) if columns is None else list(columns)
            check_columns([*asked, *(one.column for one in wanted)], kinds, f"Table `{table}`")
            needed = [*dict.fromkeys([*asked, *(one.column for one in wanted)])]
            source = sql_tables.table_of(table, kinds)
            query = sqlalchemy.select(*(source.c[name] for name in ["_key", "_run", *needed]))
            if session is not None:
                query = query.where(source.c["_session"] == session.isoformat())
            for one in wanted:
                query = query.where(*_clause(source, one, kinds[one.column]))
            query = query.order_by(source.c["_session"], source.c["_key"], source.c["_row"])
            rows = connection.execute(query).all()
        keys, runs, *read = list(zip(*rows, strict=True)) or [()] * (len(needed) + 2)
        frame = pd.DataFrame(
            {name: from_database(column, kinds[name]) for name, column in zip(needed, read, strict=True)}, copy=False
        )
        kept = matching(frame.assign(_key=list(keys), _run=list(runs)), wanted) if wanted else None
        if kept is not None:  # a database says less of nulls and decimals than is meant
            frame, keys, runs = kept[needed], tuple(kept["_key"]), tuple(kept["_run"])
            for name in frame.columns[[isinstance(kind, pd.CategoricalDtype) for kind in frame.dtypes]]:
                frame = frame.assign(**{name: frame[name].cat.remove_unused_categories()})
        written = [Written(key, run, len(list(some))) for (key, run), some in groupby(zip(keys, runs, strict=True))]
        return frame[asked], written

    def check_health(self) -> str:
        """Open it and ask it for a number."""
        import sqlalchemy

        self.open()
        with self._explained(), self._engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1")).all()
            count = len(sql_tables.names(connection))
        return f"{self._engine.dialect.name}, {count} table{'' if count == 1 else 's'}"

    def _insert(self, target: sqlalchemy.Table, names: Sequence[str], key: Sequence[str]) -> Any:
        if not key:
            return target.insert()
        from sqlalchemy.dialects import postgresql, sqlite

        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        insert: Any = dialect.insert(target)
        return insert.on_conflict_do_update(
            index_elements=list(key), set_={name: insert.excluded[name] for name in names}
        )

    @contextmanager
    def _writing(self, table: str) -> Iterator[Any]:
        import sqlalchemy

        # SQLite gives up at once on a reader that turns writer after another wrote: begin as a writer.
        writer = self._engine.execution_options(immediate=True)
        with self._explained(), writer.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                # Two that make a table at once, or replace each other's rows: one after the other.
                connection.execute(sqlalchemy.text(f"SET LOCAL lock_timeout = {int(_PATIENCE * 1000)}"))
                lock = sqlalchemy.text("SELECT pg_advisory_xact_lock(hashtext('hedgerow'), hashtext(:table))")
                connection.execute(lock, {"table": table})
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
            if "authentication" in said or "does not exist" in said:
                raise Problem(f"The database `{self.name}` refuses the desk: {said}.", "See to its `url`.") from error
            raise ConnectionProblem(f"The database `{self.name}` is away or busy: {said}.") from error
        except sqlalchemy.exc.DataError as error:
            raise DataProblem(f"`{self.name}` can't keep the rows: {error.orig}.") from error
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise Problem(f"The database `{self.name}` refused: {error}.") from error


def _prepare_sqlite(engine: sqlalchemy.Engine) -> None:
    import sqlalchemy

    @sqlalchemy.event.listens_for(engine, "connect")
    def settle(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @sqlalchemy.event.listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _check_key(table: str, frame: pd.DataFrame, key: Sequence[str]) -> None:
    for name in key:
        if name not in frame:
            raise DataProblem(f"{table}: its key `{name}` is no column of the frame.")
        if frame[name].isna().any():
            raise DataProblem(f"{table}: {int(frame[name].isna().sum())} rows have no `{name}`, which is in the key.")
    if key and (again := frame.duplicated(list(key))).any():
        first = frame.loc[again, list(key)].iloc[0]
        said = ", ".join(f"{name} = {value}" for name, value in first.items())
        raise DataProblem(f"{table}: {int(again.sum())} rows break the table's key, {said}: it comes twice.")


def _clause(source: sqlalchemy.Table, condition: Condition, kind: str) -> list[Any]:
    """What of a condition the database looks up: never less than is meant."""
    import sqlalchemy

    column = source.c[condition.column]
    if condition.operator == "null":
        return [column.is_(None)]
    told = typed(condition, "text" if kind in ("category", "unknown") else kind)
    if kind == "decimal":
        return []  # kept as text: 0.10 and 0.1 are one number
    if told.operator == "in":
        return [column.in_([comparable(one, kind) for one in told.value])] if len(told.value) <= 1000 else []
    value = comparable(told.value, kind)
    match told.operator:
        case "is":
            return [column == value]
        case "not":
            return [sqlalchemy.or_(column != value, column.is_(None))]
        case "above":
            return [column > value]
        case "at_least":
            return [column >= value]
        case "below":
            return [column < value]
        case _:
            return [column <= value]


def _unknown(reason: str, name: str, known: Sequence[str]) -> DataProblem:
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"It has {', '.join(sorted(known)) or 'none yet'}."
    return DataProblem(reason, hint)
