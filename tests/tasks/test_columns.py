from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from schemas.bars import DailyBars
from schemas.frame import Frame, schema_of
from schemas.orders import Intents
from schemas.ticks import Trades
from tasks.columns import frame_of
from tasks.registry import catalog


def test_every_column_has_the_type_of_the_schema() -> None:
    frame = frame_of(
        Trades,
        {
            "con_id": [265598, 8894],
            "symbol": ["AAPL", "KO"],
            "time": [1672260300_000000000, 1672260301_000000000],
            "number": [0, 1],
            "price": [126, 62.5],
            "size": [1, 0.5],
            "exchange": ["NASDAQ", "NYSE"],
            "conditions": ["", "I"],
            "past_limit": [False, True],
            "unreported": [0, 1],
            "market_data": ["live", "live"],
        },
    )
    Trades.validate(frame)
    assert frame["time"].tolist() == [pd.Timestamp("2022-12-28T20:45Z"), pd.Timestamp("2022-12-28T20:45:01Z")]
    assert frame["unreported"].tolist() == [False, True]
    assert frame["symbol"].cat.categories.tolist() == ["AAPL", "KO"]


def test_a_session_is_a_day_and_a_null_stays_one() -> None:
    columns = {name: [] for name in schema_of(DailyBars).columns}
    frame = frame_of(DailyBars, columns | {"session": np.array([], dtype="datetime64[D]")})
    assert str(frame["session"].dtype) == "datetime64[ns]"


@pytest.mark.parametrize("name", catalog().schemas)
def test_no_values_make_the_empty_frame_of_any_schema(name: str) -> None:
    model: type[Frame] = catalog().schemas[name]
    schema_of(model).validate(frame_of(model, {column: [] for column in schema_of(model).columns}), lazy=True)


def test_columns_that_are_missing_or_unknown_are_named() -> None:
    columns: dict[str, list[object]] = {name: [] for name in schema_of(Intents).columns}
    del columns["account"]
    with pytest.raises(KeyError, match="Intents: account, venue"):
        frame_of(Intents, columns | {"venue": []})
