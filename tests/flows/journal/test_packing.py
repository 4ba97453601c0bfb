"""A small frame comes back from the journal exactly as it was; what isn't small is left to the shelf."""

from __future__ import annotations

import sqlite3
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from flows.journal import Journal
from flows.journal.packing import SMALL, pack, unpack
from tasks.connections.content import content_id
from tasks.connections.exact import flatten

COLUMNS = {
    "floats": pd.Series([0.1, np.nan, -np.inf, -0.0, 5e-324]),
    "halves": pd.Series([1.5, 2.5, np.nan, 0, 1], dtype="float32"),
    "integers": pd.Series([2**63 - 1, -(2**63), 0, 1, 2]),
    "bytes": pd.Series([0, 255, 1, 2, 3], dtype="uint8"),
    "flags": pd.Series([True, False, True, True, False]),
    "text": pd.Series(["é", "", None, "\udcff\0", "7" * 100], dtype=object),
    "categories": pd.Series(pd.Categorical(["b", None, "a", "b", "a"], categories=["b", "a", "unused"], ordered=True)),
    "numbered": pd.Series(pd.Categorical([3, 1, 3, None, 1])),
    "days": pd.Series(pd.Categorical([date(2022, 12, 28)] * 5)),
    "instants": pd.Series(pd.to_datetime(["2022-12-28 20:45"] * 4 + [None], utc=True)).dt.tz_convert("Asia/Tokyo"),
    "seconds": pd.Series(pd.to_datetime(["2022-12-28"] * 5)).dt.as_unit("s"),
    "nullable": pd.Series([1, None, 3, 4, 5], dtype="Int64"),
    "decimals": pd.Series([Decimal("0.10"), None, Decimal("1E+5"), Decimal(0), Decimal(1)], dtype=object),
}


@pytest.mark.parametrize("rows", [5, 1, 0])
@pytest.mark.parametrize("names", [[name] for name in COLUMNS] + [list(COLUMNS), []], ids=" ".join)
def test_a_frame_comes_back_as_it_was(names: list[str], rows: int) -> None:
    frame = pd.DataFrame({name: COLUMNS[name] for name in names}, index=pd.RangeIndex(5)).head(rows)
    packed = pack(*flatten(frame))
    assert packed is not None
    back = unpack(packed)
    assert_frame_equal(back, frame, check_exact=True)
    assert content_id(back) == content_id(frame)
    assert all(back[name].to_numpy().flags.writeable for name in back)


def test_what_is_not_small_is_not_packed() -> None:
    many = pd.DataFrame({"n": np.arange(SMALL // 8 + 1)})
    assert pack(*flatten(many)) is None
    assert pack(*flatten(many.iloc[: SMALL // 16])) is not None
    assert pack(*flatten(pd.DataFrame({"text": ["7" * SMALL]}))) is None


def test_a_journal_of_before_is_taken_over(tmp_path: Path) -> None:
    """It kept every frame on the shelf."""
    frame = pd.DataFrame({"a": [1, 2]})
    with Journal(tmp_path) as journal:
        journal._frames._shelf.put(content_id(frame), *flatten(frame))
        with journal._database.transaction() as database:
            database.execute("INSERT INTO frames VALUES (?, 2, NULL)", [content_id(frame)])
    with sqlite3.connect(tmp_path / "journal" / "journal.db") as database:
        database.executescript(
            "DROP TABLE contents; DROP TABLE expired; DROP INDEX outputs_by_frame; PRAGMA user_version = 1;"
        )
    with Journal(tmp_path) as journal:
        other = journal.put_frame(frame.head(1), "")
        assert_frame_equal(journal.frame(content_id(frame)), frame)
    with Journal(tmp_path) as journal:
        assert_frame_equal(journal.frame(other), frame.head(1))
