"""The desk's database: rows come back as they were written, and every slot's rows are its own."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from pandas.testing import assert_frame_equal

from schemas.frame import empty, schema_of
from tasks.connections.problems import ConnectionProblem, DataProblem, DeadlinePassed, Problem
from tasks.connections.scope import Deadline, Scope, entered
from tasks.connections.sql import Database
from tasks.registry import catalog

MONDAY, TUESDAY = date(2022, 12, 26), date(2022, 12, 27)


def database_at(folder: Path, url: str = "sqlite") -> Database:
    return Database("tables", Database.Settings(url=url), folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Each test is run on both."""
    return "sqlite" if request.param == "sqlite" else str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def database(tmp_path: Path, url: str) -> Iterator[Database]:
    with database_at(tmp_path, url) as opened:
        yield opened


def write(database: Database, frame: pd.DataFrame, effect: str = "k1", session: date = MONDAY, **more: Any) -> None:
    database.replace("fills", frame, session=session, effect=effect, run="run-1", **more)


@pytest.fixture
def fills() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "exec_id": ["0001", "0002"],
            "con_id": np.array([265598, 2**62 + 1]),
            "price": [Decimal("0.1000"), Decimal("123456789012345678.99")],
            "commission": [1.0000000000000002, np.nan],
            "currency": pd.Categorical(["USD", None], categories=["USD"]),
            "time": pd.to_datetime(["2022-12-27T14:30:00.123456789Z", None]),
            "session": pd.to_datetime(["2022-12-27", None]),
            "settles": [date(2022, 12, 29), None],
            "own": [True, False],
            "return": [0.1, -0.0],
            "note": ["it's; DROP TABLE fills;--", None],
        }
    )


def test_rows_come_back_exactly(database: Database, fills: pd.DataFrame) -> None:
    write(database, fills)
    assert_frame_equal(database.read("fills"), fills, check_exact=True, check_column_type=True)


def test_other_programs_read_instants_and_sessions_as_text(
    database: Database, fills: pd.DataFrame, tmp_path: Path, url: str
) -> None:
    write(database, fills)
    query = "SELECT time, session, _session, _key, _run FROM fills WHERE _row = 0"
    if url == "sqlite":
        with sqlite3.connect(tmp_path / "desk.db") as other:
            told = other.execute(query).fetchone()
    else:
        with psycopg.connect(url) as server:
            told = server.execute(query).fetchone()
    assert told == ("2022-12-27T14:30:00.123456789Z", "2022-12-27", "2022-12-26", "k1", "run-1")


def test_times_of_other_zones_and_units_come_back(database: Database) -> None:
    moments = pd.to_datetime(["2022-11-06T05:30Z", "2022-11-06T06:30Z"]).tz_convert("America/New_York")
    frame = pd.DataFrame({"ny": moments, "seconds": moments.tz_localize(None).as_unit("s")})
    write(database, frame)
    assert_frame_equal(database.read("fills"), frame)


@pytest.mark.parametrize("name", catalog().schemas)
def test_a_table_begun_empty_gives_back_its_kind(database: Database, name: str) -> None:
    schema = schema_of(catalog().schemas[name])
    write(database, empty(catalog().schemas[name]))
    schema.validate(database.read("fills"))


def test_repeating_a_slot_replaces_its_rows_and_no_others(database: Database, fills: pd.DataFrame) -> None:
    write(database, fills, "monday")
    write(database, fills, "tuesday", TUESDAY)
    write(database, fills.head(1), "monday")
    assert len(database.read("fills")) == 3
    assert database.read("fills", MONDAY)["exec_id"].tolist() == ["0001"]
    assert database.read("fills", TUESDAY)["exec_id"].tolist() == ["0001", "0002"]
    assert database.read("fills", date(2022, 12, 28)).empty


def test_with_a_key_a_later_row_takes_the_place_of_an_earlier_one(database: Database, fills: pd.DataFrame) -> None:
    write(database, fills, "monday", key=["exec_id"])
    write(database, fills.assign(own=False).tail(1), "again", key=["exec_id"])
    read = database.read("fills").sort_values("exec_id")
    assert read["exec_id"].tolist() == ["0001", "0002"]
    assert read["own"].tolist() == [True, False]


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_key_with_no_value_is_refused(database: Database, fills: pd.DataFrame, missing: Any) -> None:
    with pytest.raises(DataProblem, match="fills: 1 rows have no `exec_id`, which is in the key"):
        write(database, fills.assign(exec_id=["0001", missing]), key=["exec_id"])


def test_an_upsert_names_its_own_writer(database: Database, fills: pd.DataFrame) -> None:
    write(database, fills, "monday", key=["exec_id"])
    write(database, fills.tail(1), "again", TUESDAY, key=["exec_id"])
    read, written = database.read_written("fills")
    assert read["exec_id"].tolist() == ["0001", "0002"]
    assert [(some.key, some.rows) for some in written] == [("monday", 1), ("again", 1)]
    assert len(database.read("fills", MONDAY)) == 1


WHERE: list[tuple[dict[str, Any], list[str]]] = [
    ({"currency": "USD"}, ["0001"]),
    ({"currency": None}, ["0002"]),
    ({"currency": {"not": "USD"}}, ["0002"]),
    ({"price": 0.1}, ["0001"]),  # kept as 0.1000
    ({"price": {"above": 9}}, ["0002"]),  # as a number: as text 0.1 < 9 > 12
    ({"commission": {"at_least": 1}}, ["0001"]),
    ({"con_id": [2**62 + 1, 5]}, ["0002"]),
    ({"time": {"above": "2022-12-27T14:30:00.123456788Z"}}, ["0001"]),
    ({"time": {"above": "2022-12-27T14:30:00.123456789Z"}}, []),
    ({"session": "2022-12-27", "own": True}, ["0001"]),
    ({"settles": {"below": "2022-12-30"}}, ["0001"]),
]


@pytest.mark.parametrize(("where", "expected"), WHERE)
def test_rows_are_chosen_by_plain_values(
    database: Database, fills: pd.DataFrame, where: dict[str, Any], expected: list[str]
) -> None:
    write(database, fills)
    read, written = database.read_written("fills", columns=["own", "exec_id"], where=where)
    assert read.columns.tolist() == ["own", "exec_id"]
    assert read["exec_id"].tolist() == expected
    assert sum(some.rows for some in written) == len(expected)


def test_unknown_columns_are_said_with_close_ones(database: Database, fills: pd.DataFrame) -> None:
    write(database, fills)
    with pytest.raises(DataProblem, match=r"`fills` has no column `prise`\. Did you mean price\?"):
        database.read("fills", columns=["prise"])
    with pytest.raises(DataProblem, match="has no column `prise`"):
        database.read("fills", where={"prise": 1})


def test_two_rows_of_one_key_are_refused_and_nothing_is_written(database: Database, fills: pd.DataFrame) -> None:
    write(database, fills, key=["exec_id"])
    with pytest.raises(DataProblem, match="break the table's key"):
        write(database, fills.assign(exec_id="0003"), "other", key=["exec_id"])
    assert len(database.read("fills")) == 2


def test_a_table_keeps_its_key(database: Database, fills: pd.DataFrame) -> None:
    write(database, fills, key=["exec_id"])
    with pytest.raises(DataProblem, match="begun with `exec_id` as its key, and is given nothing"):
        write(database, fills)
    with pytest.raises(DataProblem, match="key `execution` is no column"):
        write(database, fills, key=["execution"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"con_id": [1.0, 2.0]}, "`con_id` was int64 and is float64"),
        ({"lots": [1, 2]}, "`lots` is new, and int64 has no way to say that earlier rows have none"),
        ({"open": [True, False]}, "`open` is new, and bool"),
        ({"price": ["0.10", "1"]}, "`price` was decimal and is text"),
    ],
)
def test_other_columns_are_named(database: Database, fills: pd.DataFrame, change: dict[str, Any], said: str) -> None:
    write(database, fills)
    with pytest.raises(DataProblem) as told:
        write(database, fills.assign(**change), "other")
    assert said in str(told.value)
    assert len(database.read("fills")) == 2


def test_a_missing_column_is_named(database: Database, fills: pd.DataFrame) -> None:
    write(database, fills)
    with pytest.raises(DataProblem, match="`own` is missing"):
        write(database, fills.drop(columns="own"))


def test_a_new_column_is_added_and_earlier_rows_have_nothing_in_it(database: Database, fills: pd.DataFrame) -> None:
    write(database, fills, "monday")
    venues = fills.assign(venue=pd.Categorical(["X", "Y"]), fee=[0.1, 0.2], cleared=fills["time"])
    write(database, venues, "tuesday", TUESDAY)
    assert_frame_equal(database.read("fills", TUESDAY), venues)
    monday = database.read("fills", MONDAY)
    assert_frame_equal(monday[fills.columns], fills)
    assert monday[["venue", "fee", "cleared"]].isna().all(axis=None)
    with pytest.raises(DataProblem, match="`venue` is missing"):
        write(database, fills, "wednesday")


def test_a_column_of_nulls_takes_the_type_of_its_first_value(database: Database, fills: pd.DataFrame) -> None:
    write(database, fills.assign(price=[None, None]), "monday")
    write(database, fills, "tuesday")
    assert database.read("fills")["price"].tolist() == [None, None, *fills["price"]]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pd.array([1, None], dtype="Int64"), "column `odd` is Int64"),
        (pd.to_timedelta(["1s", "2s"]), "column `odd` is timedelta64"),
        (pd.Series([1, "x"], dtype=object), r"column `odd` is objects"),
        (pd.Categorical([1, 2]), "column `odd` is categories of int64"),
        (np.array([2**63, 0], dtype="uint64"), "`odd` holds a number beyond"),
    ],
)
def test_types_that_a_table_cannot_keep_are_refused(database: Database, column: Any, said: str) -> None:
    with pytest.raises(DataProblem, match=said):
        write(database, pd.DataFrame({"odd": column}))


@pytest.mark.parametrize("name", ["Fills", "fills; DROP TABLE x", "_columns", "1st", "", "a" * 64])
def test_names_are_plain(database: Database, fills: pd.DataFrame, name: str) -> None:
    with pytest.raises(DataProblem, match="can't name a table"):
        database.replace(name, fills, session=MONDAY, effect="k", run="r")
    with pytest.raises(DataProblem, match="can't name a table"):
        database.read(name)
    with pytest.raises(DataProblem, match="can't name a column of fills"):
        write(database, fills.rename(columns={"own": name}))


def test_an_unknown_table_is_said_with_close_ones(database: Database, fills: pd.DataFrame) -> None:
    write(database, fills)
    with pytest.raises(DataProblem, match=r"no table `fill`\. Did you mean fills\?"):
        database.read("fill")


def test_a_step_out_of_time_writes_nothing(database: Database, fills: pd.DataFrame) -> None:
    deadline = Deadline()
    deadline.abandon()
    with entered(Scope(deadline=deadline)), pytest.raises(DeadlinePassed):
        write(database, fills)
    with pytest.raises(DataProblem, match="no table"):
        database.read("fills")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(Problem, match=r"can't be written: .*data"):
        database_at(tmp_path / "data").open()
    with pytest.raises(Problem, match="`tables` can't be written"):
        database_at(tmp_path, "sqlite:////proc/nowhere/desk.db").open()


def test_an_address_of_nobody_is_said(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="none that SQLAlchemy knows"):
        database_at(tmp_path, "nonsense").open()


def test_a_password_is_never_said(tmp_path: Path) -> None:
    with pytest.raises(Problem) as told:
        database_at(tmp_path, "nonsense://user:hunter2@host/db").open()
    assert "hunter2" not in str(told.value)


WRITER = """
import sys
from datetime import date
from pathlib import Path
import pandas as pd
from tasks.connections.sql import Database
with Database("tables", Database.Settings(url=sys.argv[3]), Path(sys.argv[1])) as database:
    for n in range(25):
        row = pd.DataFrame({"n": [n]})
        database.replace("fills", row, session=date(2022, 12, 26), effect=f"{sys.argv[2]}{n}", run="r")
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path, url: str) -> None:
    others = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), who, url]) for who in "ab"]
    assert [other.wait(60) for other in others] == [0, 0]
    with database_at(tmp_path, url) as database:
        assert len(database.read("fills")) == 50


def test_a_lock_held_by_another_is_worth_another_try(
    fills: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.connections.sql._PATIENCE", 0.05)
    with database_at(tmp_path) as database:
        holder = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConnectionProblem, match="`tables` is away or busy") as told:
            write(database, fills)
        assert told.value.retryable
        holder.execute("ROLLBACK")
        holder.close()
        write(database, fills)
        assert len(database.read("fills")) == 2
