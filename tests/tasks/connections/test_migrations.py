"""The desk's own tables: made once, by changes that go on from where a database is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tasks.connections import migrations
from tasks.connections.migrations.head import HEAD
from tasks.connections.problems import Problem
from tasks.connections.sql import Database


def opened(folder: Path, url: str = "sqlite") -> None:
    with Database("tables", Database.Settings(url=url), folder):
        pass


def at(folder: Path) -> str:
    with sqlite3.connect(folder / "desk.db") as database:
        (version,) = database.execute("SELECT version_num FROM _migrations").fetchone()
    return str(version)


def test_the_head_is_the_last_of_the_changes() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_new_database_and_an_old_one_end_at_the_head(tmp_path: Path) -> None:
    opened(tmp_path)
    assert at(tmp_path) == HEAD
    with sqlite3.connect(tmp_path / "desk.db") as database:  # as desks were before there were changes
        database.execute("DROP TABLE _migrations")
        database.execute("INSERT INTO _columns VALUES ('hedges', 0, 'con_id', 'int64', 0)")
    opened(tmp_path)
    assert at(tmp_path) == HEAD
    with Database("tables", Database.Settings(), tmp_path) as database:
        assert database.check_health() == "sqlite, 1 table"


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    opened(tmp_path)
    with sqlite3.connect(tmp_path / "desk.db") as database:
        database.execute("UPDATE _migrations SET version_num = '9999'")
    with pytest.raises(Problem, match="`tables` are at change 9999, and this version of the desk knows 0001"):
        opened(tmp_path)
    assert at(tmp_path) == "9999"


def test_postgresql_ends_at_the_head_too(tmp_path: Path, postgresql_url: str) -> None:
    import psycopg

    for _ in range(2):
        opened(tmp_path, postgresql_url)
    with psycopg.connect(postgresql_url) as server:
        assert server.execute("SELECT version_num FROM _migrations").fetchall() == [(HEAD,)]
