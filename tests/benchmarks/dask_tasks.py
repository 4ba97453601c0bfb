"""Tasks of the Dask benchmark, where its workers can import them."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from pandera.typing import DataFrame

from schemas.market import Prices
from tasks.declare import task


@task
def many_prices(rows: int) -> DataFrame[Prices]:
    """So many prices."""
    return pd.DataFrame(
        {
            "con_id": np.arange(1, rows + 1),
            "symbol": pd.Categorical(["S"] * rows),
            "session": pd.Timestamp("2022-12-27").as_unit("ns"),
            "close": np.random.default_rng(7).uniform(1, 400, rows),
        }
    )


@task
def one_price(con_id: int) -> DataFrame[Prices]:
    """One price, at no cost."""
    return many_prices.function(1).assign(con_id=con_id)


@task
def pick(prices: DataFrame[Prices], con_id: int) -> DataFrame[Prices]:
    """One price of many."""
    return prices.iloc[con_id : con_id + 1].assign(con_id=con_id)


@task
def count(con_id: int, seconds: float) -> DataFrame[Prices]:
    """So much work of one processor, in Python alone."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
    return many_prices.function(1).assign(con_id=con_id)
