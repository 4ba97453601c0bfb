"""What every schema promises: exact columns, exact types, one row a key."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandera.errors import SchemaErrors

from schemas.book import Positions
from schemas.frame import empty, schema_of, strictly_increasing
from schemas.market import Prices
from tasks.registry import catalog


def prices(con_ids: list[int], sessions: list[str], closes: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "con_id": np.array(con_ids, dtype=np.int64),
            "symbol": pd.Categorical([f"S{con_id}" for con_id in con_ids]),
            "session": pd.to_datetime(sessions).astype("datetime64[ns]"),
            "close": closes,
        }
    )


def test_a_good_frame_passes_whatever_the_order_of_its_rows() -> None:
    frame = prices([2, 1, 1], ["2022-12-27", "2022-12-28", "2022-12-27"], [3.0, 2.0, 1.0])
    schema_of(Prices).validate(frame, lazy=True)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]], ids=["sorted", "shuffled"])
def test_two_rows_of_one_key_are_refused_and_both_are_named(order: list[int]) -> None:
    frame = prices([1, 1, 2], ["2022-12-27", "2022-12-27", "2022-12-27"], [1.0, 2.0, 3.0]).iloc[order]
    with pytest.raises(SchemaErrors) as caught:
        schema_of(Prices).validate(frame, lazy=True)
    assert set(caught.value.failure_cases["index"]) == {0, 1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.assign(volume=1.0), "column_in_schema"),
        (lambda frame: frame.drop(columns="close"), "column_in_dataframe"),
        (lambda frame: frame.assign(con_id=frame["con_id"].astype("int32")), "dtype('int64')"),
        (lambda frame: frame.assign(close=[1.0, np.nan]), "not_nullable"),
        (lambda frame: frame.assign(close=[1.0, 0.0]), "greater_than(0)"),
        (lambda frame: frame.assign(session=frame["session"].dt.tz_localize("UTC")), "dtype('datetime64[ns]')"),
    ],
    ids=["column too many", "column missing", "int32", "null", "zero price", "session with a zone"],
)
def test_what_is_not_exactly_the_schema_is_refused(change, words) -> None:
    frame = change(prices([1, 2], ["2022-12-27", "2022-12-27"], [1.0, 2.0]))
    with pytest.raises(SchemaErrors) as caught:
        schema_of(Prices).validate(frame, lazy=True)
    assert words in set(caught.value.failure_cases["check"].astype(str))


def test_the_same_contract_in_two_accounts_is_two_rows() -> None:
    held = empty(Positions)
    for account in ("A", "B"):
        row = {"con_id": 1, "symbol": "X", "security_type": "STK", "currency": "USD", "exchange": "", "multiplier": 1.0}
        held.loc[len(held)] = row | {"account": account, "quantity": 5.0, "average_cost": 2.0}
    held = held.astype({name: str(column.dtype) for name, column in schema_of(Positions).columns.items()})
    schema_of(Positions).validate(held, lazy=True)


def test_strictly_increasing_is_by_the_key_in_its_order() -> None:
    frame = prices([1, 1, 2], ["2022-12-27", "2022-12-28", "2022-12-27"], [1.0, 1.0, 1.0])
    assert strictly_increasing(frame, ["con_id", "session"])
    assert not strictly_increasing(frame, ["session", "con_id"])
    assert not strictly_increasing(frame.iloc[[0, 0]], ["con_id", "session"])
    assert strictly_increasing(frame.iloc[:0], ["con_id", "session"])


@pytest.mark.parametrize("name", catalog().schemas)
def test_every_schema_accepts_its_own_empty_frame_and_names_its_key(name: str) -> None:
    model = catalog().schemas[name]
    schema_of(model).validate(empty(model), lazy=True)
    assert set(model.__key__) <= set(schema_of(model).columns)
    assert model.__doc__
