"""Whether a kind of frame serves where another is asked for, told from the schemas alone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from flows.compatibility import fit
from schemas.book import Exposures, Positions
from schemas.frame import Category, Frame, Instant, schema_of
from schemas.market import Contracts, Prices, Quotes, Returns, Universe
from schemas.risk import Betas


class Fills(Frame):
    """What the others are held against."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id", "time")

    con_id: np.int64 = pa.Field(gt=0)
    time: Instant
    side: Category = pa.Field(isin=["BUY", "SELL"])
    price: np.float64 = pa.Field(ge=1, le=100)
    fee: np.float64 = pa.Field(nullable=True)


def kind(**columns: object) -> type[Frame]:
    """A schema with these columns, each (type, field)."""
    namespace: dict[str, object] = {"__annotations__": {name: given[0] for name, given in columns.items()}}
    namespace |= {name: given[1] for name, given in columns.items()}
    return type("Kind", (Frame,), {**namespace, "__module__": __name__})


def test_positions_are_a_universe():
    assert fit(Positions, Universe).faults == ()
    assert fit(Positions, Universe).unproven == ()
    assert fit(Contracts, Universe).faults == ()


def test_any_frame_serves_where_none_in_particular_is_asked_for():
    assert fit(Prices, None).faults == ()


def test_a_missing_column_is_a_fault():
    assert fit(Prices, Returns).faults == ("column `return` is missing",)
    assert fit(Quotes, Universe).faults == ("column `exchange` is missing",)


def test_many_missing_columns_are_counted():
    (fault,) = fit(Prices, Quotes).faults[:1]
    assert fault.startswith("columns `security_type`, `currency`, `multiplier`, `bid` and ")
    assert fault.endswith("more are missing")


def test_another_type_is_a_fault():
    assert fit(Fills, kind(price=(np.int64, pa.Field()))).faults == ("column `price` is float64, int64 is needed",)
    assert fit(Fills, kind(side=(object, pa.Field()))).faults == ("column `side` is category, object is needed",)
    assert len(fit(Fills, kind(time=(np.dtype("datetime64[ns]"), pa.Field()))).faults) == 1


def test_nulls_are_a_fault_where_none_are_wanted_and_welcome_where_they_may_be():
    assert fit(Fills, kind(fee=(np.float64, pa.Field()))).faults == ("column `fee` may be null",)
    assert fit(Fills, kind(price=(np.float64, pa.Field(nullable=True)))).faults == ()


def test_rows_may_not_share_the_key_that_is_asked_for():
    assert fit(Positions, Betas).faults[-1] == (
        "rows may share a key (con_id): Positions has one row a (account, con_id)"
    )
    assert fit(Universe, Contracts).faults[-1] == "rows may share a key (con_id): Universe has none"

    class OneAContract(Frame):
        __key__: ClassVar[tuple[str, ...]] = ("con_id",)
        con_id: np.int64

    class OneAnAccount(Frame):
        __key__: ClassVar[tuple[str, ...]] = ("account", "con_id")
        con_id: np.int64
        account: Category

    assert fit(Contracts, OneAContract).faults == ()
    assert fit(OneAContract, OneAnAccount).faults == ("column `account` is missing",)
    assert len(fit(Exposures, OneAContract).faults) == 1


@pytest.mark.parametrize(
    ("field", "proven"),
    [
        (pa.Field(ge=1, le=100), True),
        (pa.Field(gt=0), True),
        (pa.Field(ge=0), True),
        (pa.Field(lt=101), True),
        (pa.Field(in_range={"min_value": 0, "max_value": 100}), True),
        (pa.Field(gt=1), False),
        (pa.Field(ge=2), False),
        (pa.Field(lt=100), False),
        (pa.Field(in_range={"min_value": 1, "max_value": 99}), False),
        (pa.Field(isin=[1.0, 2.0]), False),
    ],
)
def test_bounds_are_proven_by_tighter_ones_and_run_where_they_are_not(field, proven):
    told = fit(Fills, kind(price=(np.float64, field)))
    assert told.faults == ()
    assert (told.unproven == ()) is proven


def test_choices_are_proven_by_fewer():
    assert fit(Fills, kind(side=(Category, pa.Field(isin=["BUY", "SELL", "SHORT"])))).unproven == ()
    assert fit(Fills, kind(side=(Category, pa.Field(notin=["SHORT"])))).unproven == ()
    assert fit(Fills, kind(side=(Category, pa.Field(isin=["BUY"])))).unproven == ("side: isin(['BUY'])",)


def test_a_check_written_as_a_method_is_proven_only_by_inheritance():
    class Sorted(Frame):
        con_id: np.int64

        @pa.dataframe_check
        def in_order(cls, frame: pd.DataFrame) -> bool:
            return bool(frame["con_id"].is_monotonic_increasing)

        @pa.check("con_id")
        def even(cls, values: pd.Series) -> pd.Series:
            return values % 2 == 0

    class Priced(Sorted):
        price: np.float64

    class Sized(Sorted):
        size: np.float64 = pa.Field(nullable=True)
        price: np.float64

    class Loose(Frame):
        con_id: np.int64
        price: np.float64

    assert fit(Sized, Priced).unproven == ()
    assert fit(Loose, Priced).unproven == ("con_id: even", "in_order")


def test_every_schema_of_the_project_suits_itself_and_its_ancestors():
    for one in (Positions, Universe, Contracts, Prices, Returns, Quotes, Betas, Exposures):
        assert fit(one, one).faults == fit(one, one).unproven == ()
        twin = type("Twin", (one,), {"__module__": __name__})
        assert fit(one, twin).faults == fit(one, twin).unproven == ()
        assert schema_of(one).columns
