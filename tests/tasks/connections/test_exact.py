"""A frame comes back from ArcticDB exactly as it went in: types, values, order, whatever ArcticDB itself would lose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pandas.testing import assert_frame_equal

from schemas.frame import empty, schema_of
from tasks.connections import lmdb
from tasks.connections.exact import flatten, restore, unnatural_columns
from tasks.connections.problems import DataProblem
from tasks.registry import catalog

RoundTrip = Callable[[pd.DataFrame], pd.DataFrame]
SCHEMAS = catalog().schemas


@pytest.fixture(scope="module")
def round_trip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoundTrip]:
    """Through a real store and back."""
    folder: Path = tmp_path_factory.mktemp("exact")
    uri = f"lmdb://{folder}"
    library = lmdb.open_store(uri).get_library("frames", create_if_missing=True)

    def through(frame: pd.DataFrame) -> pd.DataFrame:
        flat, layout = flatten(frame)
        library.write("frame", flat, metadata=layout, prune_previous_versions=True)
        kept = library.read("frame")
        return restore(kept.data if len(kept.data) else None, kept.metadata)

    yield through
    lmdb.close_store(uri)


def same(back: pd.DataFrame, frame: pd.DataFrame) -> None:
    assert_frame_equal(back, frame, check_exact=True, check_categorical=True, check_column_type=True)
    for name in frame:
        if frame[name].dtype == object:
            assert list(map(type, back[name])) == list(map(type, frame[name]))


UTC = pd.to_datetime(["2022-12-28T20:45:00.123456789Z", None])
COLUMNS: dict[str, Any] = {
    "int8": np.array([1, -1], "int8"),
    "uint64": np.array([1, 2**64 - 1], "uint64"),
    "float32": np.array([0.1, np.nan], "float32"),
    "infinite": [np.inf, -0.0],
    "all nan": [np.nan, np.nan],
    "bool": [True, False],
    "unused categories": pd.Categorical(["b", "b"], categories=["c", "b", "a"]),
    "ordered": pd.Categorical(["b", None], categories=["c", "b"], ordered=True),
    "all null category": pd.Categorical([None, None], categories=["x"]),
    "no categories": pd.Categorical([None, None], categories=np.array([], dtype=object)),
    "categories of numbers": pd.Categorical([3, 1], categories=[3, 2, 1]),
    "categories of floats": pd.Categorical([0.5, None], categories=[0.5, 0.1]),
    "categories of days": pd.Categorical(pd.to_datetime(["2022-12-28", None])),
    "text": ["é\0", None],
    "empty text and nan": pd.Series(["", np.nan], dtype=object),
    "nothing": pd.Series([None, None], dtype=object),
    "decimals": [Decimal("0.10"), Decimal("-1E+3")],
    "dates": [date(2022, 12, 28), None],
    "mixed": pd.Series(["1", 1], dtype=object),
    "missing": pd.Series([pd.NA, "x"], dtype=object),
    "utc": UTC,
    "new york": UTC.tz_convert("America/New_York"),
    "offset": UTC.tz_convert("+05:30"),
    "sessions": pd.to_datetime(["2022-12-28", None]),
    "seconds": pd.to_datetime(["2022-12-28", None]).as_unit("s"),
    "microseconds of utc": UTC.as_unit("us"),
    "never": pd.to_datetime([None, None]),
    "durations": pd.to_timedelta(["1s", None]),
    "nullable": pd.array([2**62 + 1, None], dtype="Int64"),
    "nullable bool": pd.array([True, None], dtype="boolean"),
    "strings": pd.array(["a", None], dtype="string"),
    "index": [1, 2],
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("rows", [2, 1, 0])
def test_a_column_of_each_type_comes_back(round_trip: RoundTrip, name: str, rows: int) -> None:
    frame = pd.DataFrame({name: COLUMNS[name], "other": [1.5, 2.5]}).head(rows)
    same(round_trip(frame), frame)


def test_frames_without_rows_or_columns_come_back(round_trip: RoundTrip) -> None:
    same(round_trip(pd.DataFrame(index=range(3))), pd.DataFrame(index=range(3)))
    same(round_trip(pd.DataFrame()), pd.DataFrame(index=range(0)))


def test_columns_keep_their_order(round_trip: RoundTrip) -> None:
    frame = pd.DataFrame({f"c{number}": np.arange(3) + number for number in reversed(range(300))})
    assert list(round_trip(frame).columns) == list(frame.columns)


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_empty_frame_of_every_schema_comes_back(round_trip: RoundTrip, name: str) -> None:
    frame = empty(SCHEMAS[name])
    back = round_trip(frame)
    same(back, frame)
    schema_of(SCHEMAS[name]).validate(back)


def _values(dtype: str) -> SearchStrategy[Any]:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    if dtype == "category":
        return st.none() | st.sampled_from(["USD", "", "é"])
    if dtype.startswith("datetime64"):
        return st.none() | st.integers(-(2**62), 2**62)
    if dtype == "bool":
        return st.booleans()
    if dtype == "int64":
        return st.integers(-(2**63), 2**63 - 1)
    if dtype == "float64":
        return st.floats(width=64)
    return st.none() | text


@pytest.mark.parametrize("name", SCHEMAS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_frame_of_every_schema_comes_back(round_trip: RoundTrip, name: str, data: st.DataObject) -> None:
    rows = data.draw(st.integers(0, 4))
    columns = {}
    for column, described in schema_of(SCHEMAS[name]).columns.items():
        dtype = str(described.dtype)
        values = data.draw(st.lists(_values(dtype), min_size=rows, max_size=rows))
        if dtype == "category":
            columns[column] = pd.Series(pd.Categorical(values, categories=["", "é", "unused", "USD"]))
        else:
            columns[column] = pd.Series(values, dtype="datetime64[ns]" if "datetime" in dtype else dtype)
            if "UTC" in dtype:
                columns[column] = columns[column].dt.tz_localize("UTC")
    frame = pd.DataFrame(columns)
    same(round_trip(frame), frame)


def test_columns_for_which_arcticdb_has_no_type_are_told() -> None:
    frame = pd.DataFrame({name: COLUMNS[name] for name in COLUMNS})
    assert unnatural_columns(frame, flatten(frame)[1]) == {
        "categories of floats": "categories of float64",
        "categories of days": "categories of datetime64[ns]",
        "decimals": "objects (decimal)",
        "dates": "objects (date)",
        "mixed": "objects (mixed-integer)",
        "missing": "objects (string)",
        "durations": "timedelta64[ns]",
        "nullable": "Int64",
        "nullable bool": "boolean",
        "strings": "string",
    }


def test_columns_are_named_by_text_once() -> None:
    with pytest.raises(DataProblem, match="each name once"):
        flatten(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DataProblem, match="named by text"):
        flatten(pd.DataFrame([[1, 2]]))


def test_a_date_beyond_nanoseconds_is_refused_by_column() -> None:
    far = pd.Series(np.array(["3000-01-01"], dtype="datetime64[s]"))
    with pytest.raises(DataProblem, match="Column `expiry`"):
        flatten(pd.DataFrame({"expiry": far}))
