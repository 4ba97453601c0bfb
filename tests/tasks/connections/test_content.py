"""Two frames have one content hash when, and only when, every value and type is the same."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from tasks.connections.content import content_id, objects_to_text, text_to_objects
from tasks.connections.problems import DataProblem


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "con_id": [265598, 272093],
            "symbol": pd.Categorical(["AAPL", "MSFT"], categories=["MSFT", "AAPL", "SPY"]),
            "close": [126.04, np.nan],
            "time": pd.to_datetime(["2022-12-28T20:45Z", None]),
            "covered": [True, False],
            "reason": ["", None],
        }
    )


def test_a_copy_has_the_same_hash() -> None:
    assert content_id(frame()) == content_id(frame().copy())


def test_rows_are_not_known_by_an_index() -> None:
    assert content_id(frame()) == content_id(frame().set_axis([7, 9]))


@pytest.mark.parametrize(
    "changed",
    [
        frame().assign(con_id=[265598, 272094]),
        frame().assign(con_id=frame()["con_id"].astype("int32")),
        frame().assign(close=[126.04, 0.0]),
        frame().assign(close=[np.nextafter(126.04, 127), np.nan]),
        frame().assign(symbol=frame()["symbol"].cat.remove_unused_categories()),
        frame().assign(symbol=frame()["symbol"].cat.as_ordered()),
        frame().assign(symbol=frame()["symbol"].astype(object)),
        frame().assign(time=frame()["time"].dt.tz_convert("America/New_York")),
        frame().assign(covered=[1, 0]),
        frame().assign(reason=["", ""]),
        frame().assign(reason=["", np.nan]),
        frame().rename(columns={"close": "price"}),
        frame()[["symbol", "con_id", "close", "time", "covered", "reason"]],
        frame().head(1),
    ],
)
def test_any_change_changes_the_hash(changed: pd.DataFrame) -> None:
    assert content_id(changed) != content_id(frame())


def test_text_that_looks_alike_is_not_alike() -> None:
    one = pd.DataFrame({"a": ["1", "2,3"]})
    other = pd.DataFrame({"a": ["1,2", "3"]})
    number = pd.DataFrame({"a": pd.Series([1, "2,3"], dtype=object)})
    assert len({content_id(one), content_id(other), content_id(number)}) == 3


def test_many_threads_give_the_same_hash_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    big = pd.DataFrame({"a": np.arange(10_000), "b": np.arange(10_000) / 7})
    alone = content_id(big)
    monkeypatch.setattr("tasks.connections.content._LARGE", 1)
    assert content_id(big) == alone


def test_the_hash_is_stable_across_versions_of_this_program() -> None:
    """Frames of older runs are found under it: a change of format would orphan them all."""
    column = hashlib.sha256(np.array([1, 2], dtype="<i8").tobytes()).digest()
    expected = hashlib.sha256(b'[2, [["a", "int64"]]]' + column).hexdigest()
    assert content_id(pd.DataFrame({"a": [1, 2]})) == expected


def test_objects_come_back_as_they_were() -> None:
    values = ["text", None, 1, 1.5, True, Decimal("0.10"), date(2022, 12, 28), pd.NA, pd.NaT, np.int8(3)]
    values += [pd.Timestamp("2022-12-28T20:45:00.123456789Z"), pd.Timestamp("2022-12-28"), pd.Timedelta("1.5s")]
    back = text_to_objects(objects_to_text(pd.Series(values, dtype=object)))
    assert [(type(one), str(one)) for one in back] == [(type(one), str(one)) for one in values]


def test_what_cannot_be_kept_is_named() -> None:
    with pytest.raises(DataProblem, match="Column `legs` holds a set"):
        content_id(pd.DataFrame({"legs": [{1, 2}]}))
