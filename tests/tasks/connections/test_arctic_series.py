"""Frames that grow: late rows take their place, what comes twice is stored once, and nobody's rows are lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tasks.connections.arctic import FrameStore
from tasks.connections.arctic_query import Selection, selection_of
from tasks.connections.problems import DataProblem

KEY = ["trade_id"]
NOON = pd.Timestamp("2025-03-03 12:00", tz="UTC")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FrameStore]:
    with FrameStore("frames", FrameStore.Settings(), tmp_path) as opened:
        yield opened


def trades(*ids: int, price: float = 1.0, zone: str = "UTC") -> pd.DataFrame:
    """One trade each: the second of the day it was made in is its id."""
    return pd.DataFrame(
        {
            "trade_id": np.array(ids, dtype="int64"),
            "time": pd.to_datetime([NOON + pd.Timedelta(one, "s") for one in ids], utc=True).tz_convert(zone),
            "underlying": pd.Categorical(["SPY" if one % 2 else None for one in ids], categories=["SPY"]),
            "price": price,
            "note": pd.Series(["late" if one > 5 else None for one in ids], dtype=object),
        }
    )


def add(store: FrameStore, frame: pd.DataFrame, **more: Any) -> Any:
    return store.append("options", "trades", frame, more.pop("key", KEY), {"session": "2025-03-03"}, **more)


def ids(store: FrameStore) -> list[int]:
    return store.read("options", "trades")[0]["trade_id"].tolist()


def test_rows_come_back_in_order_of_time_as_they_were(store: FrameStore) -> None:
    first = trades(3, 1, 2)
    add(store, first.assign(underlying=first["underlying"].cat.add_categories("QQQ")))
    add(store, trades(8, 9))
    read, version = store.read("options", "trades")
    assert version == 1
    assert_frame_equal(read, trades(1, 2, 3, 8, 9), check_exact=True)  # of categories those that rows have


def test_the_seeds_recipe_loses_nothing_here(store: FrameStore) -> None:
    """300 one-row writes, some of one instant: ArcticDB's `update` stores 98 of them."""
    frame = trades(*range(60))
    frame["time"] = NOON + pd.to_timedelta(np.random.default_rng(7).integers(0, 20, 60), unit="s")
    for row in range(60):
        add(store, frame.iloc[[row]])
    read, _ = store.read("options", "trades")
    assert sorted(read["trade_id"]) == list(range(60))
    assert read["time"].is_monotonic_increasing


def test_late_rows_take_their_place_and_what_is_there_is_stored_once(store: FrameStore) -> None:
    add(store, trades(1, 2, 5, 7))
    told = add(store, trades(5, 4, 9, 7, price=2.0))
    assert (told.added, told.known, told.version) == (2, 2, 1)
    read, _ = store.read("options", "trades")
    assert read["trade_id"].tolist() == [1, 2, 4, 5, 7, 9]
    assert read["price"].tolist() == [1.0, 1.0, 2.0, 1.0, 1.0, 2.0]
    again = add(store, trades(5, 4, 9, 7, price=2.0))
    assert (again.added, again.version) == (0, 1)  # nothing new: no version


def test_an_equal_last_instant_is_no_duplicate_and_no_loss(store: FrameStore) -> None:
    add(store, trades(1, 2))
    other = trades(2).assign(trade_id=np.array([77]))
    add(store, other)
    add(store, other)
    assert ids(store) == [1, 2, 77]


def test_an_upsert_takes_the_place_of_its_key_and_of_nothing_else(store: FrameStore) -> None:
    bars = trades(1, 2, 3, 4, 5)
    add(store, bars, key=["trade_id", "time"])
    told = add(store, trades(2, 4, 6, price=9.0), key=["trade_id", "time"], upsert=True)
    assert (told.added, told.replaced) == (1, 2)
    assert store.read("options", "trades")[0]["price"].tolist() == [1.0, 9.0, 1.0, 9.0, 1.0, 9.0]
    assert store.read("options", "trades", 0)[0]["price"].tolist() == [1.0] * 5


def test_an_upsert_by_a_key_without_time_moves_the_row(store: FrameStore) -> None:
    add(store, trades(1, 2, 3), upsert=True)
    moved = trades(1).assign(time=NOON + pd.Timedelta("1h"))
    told = add(store, moved, upsert=True)
    assert (told.added, told.replaced) == (0, 1)
    assert ids(store) == [2, 3, 1]


def test_each_row_knows_which_version_brought_it(store: FrameStore) -> None:
    add(store, trades(1, 5))
    add(store, trades(3))
    add(store, trades(5, 9, price=2.0), key=["trade_id", "time"], upsert=True)
    found = store.select("options", "trades", Selection())
    assert found.versions is not None
    assert dict(zip(found.frame["trade_id"], found.versions, strict=True)) == {1: 0, 3: 1, 5: 2, 9: 2}


def test_a_symbol_that_was_deleted_begins_again_with_true_versions(store: FrameStore) -> None:
    add(store, trades(1))
    store.library("options").delete("trades")
    told = add(store, trades(2))
    found = store.select("options", "trades", Selection())
    assert found.versions is not None
    assert found.versions.tolist() == [told.version] == [found.version]


def test_a_frame_that_was_written_whole_goes_on_growing(store: FrameStore) -> None:
    store.write("options", "trades", trades(4, 1), {})
    add(store, trades(2, 6))
    assert ids(store) == [1, 2, 4, 6]
    found = store.select("options", "trades", Selection())
    assert found.versions is not None
    assert found.versions.tolist() == [0, 1, 0, 1]
    store.write("options", "trades", trades(9), {})
    assert ids(store) == [9]


def test_a_symbol_begun_with_no_rows_grows(store: FrameStore) -> None:
    add(store, trades())
    assert ids(store) == []
    add(store, trades(2))
    add(store, trades())
    assert ids(store) == [2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": 1}, "`size` is new"),
        ({"price": 1}, "`price` was float64 and is int64"),
        ({"price": None}, "`price` was float64 and is object"),
        ({"price": pd.array([1], dtype="Int64")}, "column `price` is Int64"),
        ({"time": pd.Series([pd.NaT], dtype="datetime64[ns, UTC]")}, "1 rows have no `time`"),
        ({"underlying": pd.Categorical(["SPY"], ordered=True)}, "column `underlying` is"),
    ],
)
def test_other_columns_and_types_are_named_and_nothing_is_written(
    store: FrameStore, change: dict[str, Any], said: str
) -> None:
    add(store, trades(1))
    frame = trades(2).assign(**change)
    with pytest.raises(DataProblem) as told:
        add(store, frame)
    assert said in str(told.value)
    assert ids(store) == [1]


def test_a_missing_column_is_no_zero_and_another_zone_flips_nothing(store: FrameStore) -> None:
    add(store, trades(1, zone="America/New_York"))
    with pytest.raises(DataProblem, match="`price` is missing"):
        add(store, trades(2, zone="America/New_York").drop(columns="price"))
    with pytest.raises(DataProblem, match=r"`time` was .*New_York\] and is datetime64\[ns, UTC\]"):
        add(store, trades(2))
    add(store, trades(3, zone="America/New_York")[["price", "note", "time", "underlying", "trade_id"]])
    read, _ = store.read("options", "trades")
    assert_frame_equal(read, trades(1, 3, zone="America/New_York"), check_categorical=False)


def test_what_cannot_be_told_apart_or_ordered_is_refused(store: FrameStore) -> None:
    with pytest.raises(DataProblem, match=r"nobody knows when two of its rows are the same.*`key: \[…\]`"):
        add(store, trades(1), key=[])
    with pytest.raises(DataProblem, match=r"no column `trade`\. Did you mean trade_id\?"):
        add(store, trades(1), key=["trade"])
    with pytest.raises(DataProblem, match=r"1 rows for options/trades come twice by .* trade_id, time: trade_id = 1"):
        add(store, pd.concat([trades(1, 2), trades(1)], ignore_index=True))
    with pytest.raises(DataProblem, match="have no times to go by"):
        add(store, trades(1).drop(columns="time"))
    two = trades(1).drop(columns="time").assign(opened=NOON, closed=NOON)
    with pytest.raises(DataProblem, match="times in opened and closed"):
        add(store, two)
    add(store, two, on="opened")
    with pytest.raises(DataProblem, match="is ordered by `opened`, not by `closed`"):
        add(store, two, on="closed")


WHERE: list[tuple[dict[str, Any], list[int]]] = [
    ({"underlying": "SPY"}, [1, 3, 5, 7]),
    ({"underlying": None}, [2, 4, 6, 8]),
    ({"underlying": ["SPY", "QQQ"], "price": {"above": 3, "at_most": 5}}, [5]),
    ({"underlying": {"not": "SPY"}}, [2, 4, 6, 8]),
    ({"price": {"not": 3}}, [1, 2, 4, 5, 6, 7, 8]),
    ({"trade_id": [2, 3, 99]}, [2, 3]),
    ({"trade_id": {"below": 2.5}}, [1, 2]),
    ({"note": "late"}, [6, 7, 8]),
    ({"note": {"not": "late"}}, [1, 2, 3, 4, 5]),
    ({"time": {"at_least": "2025-03-03T12:00:07Z"}}, [7, 8]),
    ({"time": {"above": "2025-03-03T07:00:07-05:00"}}, [8]),
    ({"time": "2025-03-03T12:00:02"}, [2]),
    ({"price": {"above": 100}}, []),
]


@pytest.mark.parametrize("grown", [True, False])
@pytest.mark.parametrize(("where", "expected"), WHERE)
def test_rows_are_chosen_by_plain_values(
    store: FrameStore, grown: bool, where: dict[str, Any], expected: list[int]
) -> None:
    frame = trades(*range(1, 9)).assign(price=np.arange(1.0, 9.0))
    add(store, frame) if grown else store.write("options", "trades", frame, {})
    found = store.select("options", "trades", Selection(where=where))
    assert found.frame["trade_id"].tolist() == expected
    narrow = store.select("options", "trades", Selection(columns=("note", "trade_id"), where=where))
    assert_frame_equal(narrow.frame, found.frame[["note", "trade_id"]], check_column_type=bool(expected))
    if found.versions is not None:
        assert len(found.versions) == len(expected)


@pytest.mark.parametrize("grown", [True, False])
def test_a_range_of_time_holds_both_ends(store: FrameStore, grown: bool) -> None:
    frame = trades(*range(1, 6))
    frame["time"] = pd.date_range("2025-03-01", periods=5, freq="12h", tz="UTC")
    add(store, frame) if grown else store.write("options", "trades", frame, {})

    def read(**bounds: Any) -> list[int]:
        return store.select("options", "trades", Selection(**bounds)).frame["trade_id"].tolist()

    day = pd.Timestamp("2025-03-02").date()
    assert read(first=day) == [3, 4, 5]
    assert read(last=day) == [1, 2, 3, 4]
    assert read(first=day, last=day) == [3, 4]
    noon = pd.Timestamp("2025-03-02T12:00Z").to_pydatetime()
    assert read(first=noon, last=noon) == [4]
    described = Selection(first=noon, last=day, where={"price": 1.0}, columns=("trade_id",)).described()
    assert selection_of(described) == Selection(first=noon, last=day, where={"price": 1.0}, columns=("trade_id",))


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"strike": 1}, "options/trades has no column `strike`"),
        ({"price": "cheap"}, "`price`, which is float64, against `cheap`"),
        ({"price": {"over": 1}}, "`price` against `over`. A bound is one of above"),
        ({"time": "noon"}, "`time`, which is datetime64"),
        ({"underlying": 1}, "`underlying`, which is text, against `1`"),
    ],
)
def test_conditions_that_mean_nothing_are_named(store: FrameStore, where: dict[str, Any], said: str) -> None:
    add(store, trades(1))
    with pytest.raises(DataProblem) as told:
        store.select("options", "trades", Selection(where=where))
    assert said in str(told.value)


WRITER = """
import sys
from pathlib import Path
import numpy as np, pandas as pd
from tasks.connections.arctic import FrameStore
with FrameStore("frames", FrameStore.Settings(), Path(sys.argv[1])) as store:
    for n in range(int(sys.argv[2]), 40, 2):
        rows = pd.DataFrame({"trade_id": np.array([n]), "time": pd.to_datetime([n], unit="s", utc=True)})
        store.append("options", "trades", rows, ["trade_id"], {})
"""


def test_two_processes_that_append_to_one_symbol_lose_no_row(tmp_path: Path) -> None:
    others = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), start]) for start in "01"]
    assert [other.wait(60) for other in others] == [0, 0]
    with FrameStore("frames", FrameStore.Settings(), tmp_path) as store:
        assert ids(store) == list(range(40))
