"""Writing rows to the database and reading them back, as the steps of a pipeline do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from schemas.audit import RowWrites
from schemas.frame import schema_of
from schemas.risk import Hedges
from tasks.connections.sql import Database
from tasks.rows import read_rows, write_rows
from tasks.run import Run


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database("tables", Database.Settings(), tmp_path) as opened:
        yield opened


def run(session: date, key: str) -> Run:
    return Run(id="run-1", pipeline="beta_hedge", session=session, step="save_hedge", key=key)


def test_hedges_of_two_sessions_stand_beside_each_other(
    database: Database, hedges: Callable[..., pd.DataFrame]
) -> None:
    monday, tuesday = date(2022, 12, 27), date(2022, 12, 28)
    first, second = (
        hedges({"con_id": 756733, "price": 378.0, "quantity": -12.0}),
        hedges({"con_id": 756733, "price": 378.0, "quantity": -15.0}),
    )
    receipt = schema_of(RowWrites).validate(write_rows(first, database, run(monday, "m"), "hedges"))
    assert receipt.iloc[0].to_dict() == {"table": "hedges", "rows": 1}
    write_rows(second, database, run(tuesday, "t"), "hedges")
    assert_frame_equal(read_rows(database, "hedges", monday), first, check_categorical=False, check_exact=True)
    schema_of(Hedges).validate(read_rows(database, "hedges", tuesday))
    assert read_rows(database, "hedges")["quantity"].tolist() == [-12.0, -15.0]


def test_the_same_slot_again_replaces_its_row(database: Database, hedges: Callable[..., pd.DataFrame]) -> None:
    session = date(2022, 12, 28)
    write_rows(hedges({"con_id": 756733, "price": 378.0, "quantity": -12.0}), database, run(session, "slot"), "hedges")
    write_rows(hedges({"con_id": 756733, "price": 378.0, "quantity": -13.0}), database, run(session, "slot"), "hedges")
    assert read_rows(database, "hedges", session)["quantity"].tolist() == [-13.0]


def test_executions_are_kept_once_whoever_reads_them(database: Database) -> None:
    fills = pd.DataFrame({"exec_id": ["0001", "0002"], "quantity": [100.0, 50.0]})
    corrected = pd.DataFrame({"exec_id": ["0002"], "quantity": [60.0]})
    write_rows(fills, database, run(date(2022, 12, 27), "m"), "executions", unique=["exec_id"])
    write_rows(corrected, database, run(date(2022, 12, 28), "t"), "executions", unique=["exec_id"])
    assert read_rows(database, "executions")["quantity"].tolist() == [100.0, 60.0]
