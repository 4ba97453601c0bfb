"""The guard refuses exactly what pandera refuses, row by row, on every shipped schema and each built-in check."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaErrors

import schemas
from schemas.frame import Category, Frame, Instant, Session, schema_of
from tasks.guard import bad_rows, guard_of


def _shipped() -> list[type[Frame]]:
    modules = [importlib.import_module(f"schemas.{module.name}") for module in pkgutil.iter_modules(schemas.__path__)]
    found = {
        model
        for module in modules
        for _, model in inspect.getmembers(module, inspect.isclass)
        if issubclass(model, Frame) and model is not Frame
    }
    return sorted(found, key=lambda model: model.__name__)


class EveryCheck(Frame):
    __key__: ClassVar[tuple[str, ...]] = ("name", "at")

    name: Category = pa.Field(isin=["a", "b", "c"])
    at: Instant
    day: Session = pa.Field(nullable=True)
    whole: np.int64 = pa.Field(ge=-1, le=7, ne=3)
    real: np.float64 = pa.Field(gt=-2, lt=9, nullable=True)
    between: np.float64 = pa.Field(in_range={"min_value": 0, "max_value": 1, "include_max": False})
    few: np.int64 = pa.Field(notin=[4, 5])
    flag: bool
    text: object = pa.Field(isin=["x", "y"], nullable=True)


class WithItsOwnCheck(Frame):
    __key__: ClassVar[tuple[str, ...]] = ("con_id",)

    con_id: np.int64 = pa.Field(gt=0)
    bid: np.float64 = pa.Field(nullable=True)
    ask: np.float64 = pa.Field(nullable=True)

    @pa.dataframe_check
    @classmethod
    def not_crossed(cls, frame: pd.DataFrame) -> Any:
        return ~(frame["bid"] > frame["ask"])


EXAMPLES = int(os.environ.get("HEDGEROW_EXAMPLES", "10"))
MODELS = [*_shipped(), EveryCheck, WithItsOwnCheck]
REALS = st.sampled_from([0.0, 1.0, 0.5, -1.0, -3.0, 9.0, 1e9, np.nan, np.inf, -np.inf])
WHOLES = st.sampled_from([-2, -1, 0, 1, 2, 3, 4, 5, 7, 8, 2**31 - 1])
WORDS = [
    "a",
    "b",
    "c",
    "x",
    "y",
    "",
    "STK",
    "OPT",
    "USD",
    "BUY",
    "SELL",
    "MKT",
    "mid",
    "none",
    "live",
    "nearest",
    "nonsense",
]


def _column(draw: st.DrawFn, dtype: str, rows: int) -> Any:
    if dtype == "category":
        categories = draw(st.lists(st.sampled_from(WORDS), unique=True, min_size=1, max_size=4))
        codes = draw(st.lists(st.integers(-1, len(categories) - 1), min_size=rows, max_size=rows))
        return pd.Categorical.from_codes(codes, categories=pd.Index(categories))
    if dtype.startswith("int"):
        return np.array(draw(st.lists(WHOLES, min_size=rows, max_size=rows)), dtype=dtype)
    if dtype == "float64":
        return np.array(draw(st.lists(REALS, min_size=rows, max_size=rows)), dtype=dtype)
    if dtype == "bool":
        return np.array(draw(st.lists(st.booleans(), min_size=rows, max_size=rows)), dtype=bool)
    if dtype.startswith("datetime64"):
        days = draw(st.lists(st.sampled_from(["NaT", "2022-12-28", "2022-12-29"]), min_size=rows, max_size=rows))
        return pd.DatetimeIndex(days, tz="UTC" if ", UTC" in dtype else None).as_unit("ns")
    cells = draw(st.lists(st.sampled_from([*WORDS, None, 1.5, np.nan]), min_size=rows, max_size=rows))
    return np.array(cells, dtype=object)


@st.composite
def _frames(draw: st.DrawFn, model: type[Frame]) -> pd.DataFrame:
    """Frames of the kind, or nearly: any cell may be wrong, now and then a type, a column too many or too few."""
    columns = {name: str(column.dtype) for name, column in schema_of(model).columns.items()}
    rows = draw(st.integers(0, 6))
    if draw(st.integers(0, 9)) == 0:
        spoilt = draw(st.sampled_from(sorted(columns)))
        columns[spoilt] = draw(
            st.sampled_from(["float64", "int64", "category", "object", "bool", "int32", "datetime64[ns]"])
        )
    frame = pd.DataFrame({name: _column(draw, dtype, rows) for name, dtype in columns.items()})
    if draw(st.integers(0, 14)) == 0:
        frame = frame.drop(columns=draw(st.sampled_from(sorted(columns))))
    if draw(st.integers(0, 14)) == 0:
        frame["surplus"] = 1.0
    return frame


def _refused_by_pandera(model: type[Frame], frame: pd.DataFrame) -> set[int] | None:
    """The rows that pandera refuses; None where it refuses the frame whole."""
    try:
        schema_of(model).validate(frame, lazy=True)
    except SchemaErrors as error:
        rows, checks = error.failure_cases["index"], error.failure_cases["check"].astype(str)
        is_whole = rows.isna().any() or checks.str.startswith("dtype(").any()
        return None if is_whole else {int(row) for row in rows}
    return set()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_it_refuses_the_very_rows_that_pandera_refuses(model: type[Frame]) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(frame=_frames(model))
    def refuses_the_same(frame: pd.DataFrame) -> None:
        faults = guard_of(model).faults(frame)
        refused = None if faults is None else {int(row) for row in np.flatnonzero(bad_rows(faults, len(frame)))}
        assert refused == _refused_by_pandera(model, frame)

    refuses_the_same()


def test_every_shipped_schema_is_compiled() -> None:
    left = [model.__name__ for model in _shipped() if not guard_of(model).is_complete]
    assert not left, f"pandera would be asked at each firing for {left}"


def test_a_schema_with_a_check_of_its_own_is_left_to_pandera() -> None:
    assert not guard_of(WithItsOwnCheck).is_complete
    frame = pd.DataFrame({"con_id": [1, 2], "bid": [1.0, 3.0], "ask": [2.0, 2.0]})
    faults = guard_of(WithItsOwnCheck).faults(frame)
    assert faults is not None
    assert [(fault.column, fault.check, fault.rows.tolist()) for fault in faults] == [
        (None, "not_crossed", [False, True])
    ]


def test_a_fault_names_column_check_and_rows() -> None:
    frame = pd.DataFrame(
        {
            "name": pd.Categorical(["a", "z", "a"]),
            "at": pd.to_datetime(["2022-12-28"] * 3, utc=True).as_unit("ns"),
            "day": pd.DatetimeIndex(["NaT"] * 3).as_unit("ns"),
            "whole": np.array([0, 8, 0]),
            "real": [1.0, np.nan, 1.0],
            "between": [0.0, 1.0, np.nan],
            "few": np.array([1, 1, 1]),
            "flag": [True, False, True],
            "text": np.array(["x", None, "y"], dtype=object),
        }
    )
    faults = guard_of(EveryCheck).faults(frame)
    assert faults is not None
    told = {(fault.column, fault.check.partition("(")[0]): np.flatnonzero(fault.rows).tolist() for fault in faults}
    assert told == {
        ("name", "isin"): [1],
        ("whole", "less_than_or_equal_to"): [1],
        ("between", "in_range"): [1],
        ("between", "not_nullable"): [2],
        (None, "unique_key"): [0, 2],
    }
