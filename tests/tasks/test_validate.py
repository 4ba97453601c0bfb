"""A frame that breaks its schema is reported by step, schema, check and failing rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from schemas.book import Positions
from schemas.frame import empty
from schemas.market import Prices, Universe
from tasks.validate import FrameBroken, projected, validated


@pytest.fixture
def good() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "con_id": np.array([1, 1, 2], dtype=np.int64),
            "symbol": pd.Categorical(["A", "A", "B"]),
            "session": pd.to_datetime(["2022-12-27", "2022-12-28", "2022-12-28"]).astype("datetime64[ns]"),
            "close": [10.0, 11.0, 20.0],
        }
    )


def test_a_good_frame_comes_back_as_it_is(good: pd.DataFrame) -> None:
    assert validated(good, Prices, "step `prices`") is good


def test_the_report_names_step_schema_check_and_rows(good: pd.DataFrame) -> None:
    good.loc[1, "close"] = -11.0
    with pytest.raises(FrameBroken) as caught:
        validated(good, Prices, "step `prices`")
    message = str(caught.value)
    assert "step `prices` broke schema Prices" in message
    assert "column `close` fails greater_than(0) in 1 of 3 rows" in message
    assert "con_id=1, session=2022-12-28 00:00:00, close=-11.0" in message
    assert caught.value.failures is not None
    assert caught.value.failures["row"].tolist() == [1]


def test_all_that_is_wrong_is_reported_at_once(good: pd.DataFrame) -> None:
    bad = good.drop(columns="symbol").assign(volume=1, close=[np.nan, 0.0, 20.0])
    with pytest.raises(FrameBroken) as caught:
        validated(bad, Prices, "step `prices`")
    message = str(caught.value)
    for words in ("`symbol` is missing", "`volume` is not in the schema", "`close` has nulls", "greater_than(0)"):
        assert words in message


def test_many_failing_rows_are_counted_and_the_first_shown(good: pd.DataFrame) -> None:
    many = pd.concat([good.assign(con_id=good["con_id"] + 10 * k) for k in range(10)], ignore_index=True)
    many["close"] = -1.0
    with pytest.raises(FrameBroken, match=r"30 of 30 rows: .*…"):
        validated(many, Prices, "step `prices`")


@pytest.mark.parametrize("thing", [None, [1, 2], {"close": [1.0]}], ids=["none", "list", "dict"])
def test_what_is_no_frame_is_refused(thing: object) -> None:
    with pytest.raises(FrameBroken, match="not Prices"):
        validated(thing, Prices, "step `prices`")


def test_rows_lose_an_index_that_only_pandas_knows(good: pd.DataFrame) -> None:
    assert validated(good.iloc[[2, 0]], Prices, "step `prices`").index.tolist() == [0, 1]


def test_a_consumer_sees_its_own_columns_and_spoils_nobody_elses_frame() -> None:
    held = empty(Positions)
    seen = projected(held, Universe)
    assert list(seen.columns) == ["con_id", "symbol", "security_type", "currency", "exchange", "multiplier"]
    seen["con_id"] = 1.0
    assert held["con_id"].dtype == np.int64
