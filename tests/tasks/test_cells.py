"""Cells of text: what they are, and which are refused with a word on why."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cells import ISO, Notation, parsed
from tasks.connections.problems import DataProblem

NEW_YORK = ZoneInfo("America/New_York")
CONTINENTAL = Notation(decimal=",", thousands=".")
SWISS = Notation(thousands="'")
FRENCH = Notation(decimal=",", thousands=" ")


def one(cell: str, dtype: str, notation: Notation = ISO, nullable: bool = False):
    """The value of a cell, or the sentence on what is wrong with it."""
    values, bad = parsed([cell], dtype, nullable, notation)
    assert str(values.dtype) == dtype
    return bad[0] if bad else values[0]


@pytest.mark.parametrize(
    ("cell", "notation", "value"),
    [
        ("1234.5", ISO, 1234.5),
        ("-.5", ISO, -0.5),
        ("7.", ISO, 7.0),
        ("+1e-3", ISO, 0.001),
        ("1,234,567.25", Notation(thousands=","), 1234567.25),
        ("1234567.25", Notation(thousands=","), 1234567.25),
        ("1.234.567,25", CONTINENTAL, 1234567.25),
        ("1'234.5", SWISS, 1234.5),
        ("1\u202f234,5", FRENCH, 1234.5),
        ("1\u00a0234", FRENCH, 1234.0),
    ],
)
def test_a_number_is_read_as_the_file_writes_it(cell, notation, value):
    assert one(cell, "float64", notation) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_that_python_wrote_comes_back_to_the_last_bit(number):
    assert one(repr(number), "float64") == number


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=4))
def test_thousands_and_decimals_are_undone_in_every_notation(number):
    plain = f"{number:,.4f}"
    continental = plain.translate(str.maketrans(",.", ".,"))
    assert one(plain, "float64", Notation(thousands=",")) == float(Decimal(number))
    assert one(continental, "float64", CONTINENTAL) == float(Decimal(number))


@pytest.mark.parametrize(
    ("cell", "notation"),
    [
        ("12,34", Notation(thousands=",")),  # a group of two: a continental decimal, or a slip
        ("1,2345", Notation(thousands=",")),
        (",123", Notation(thousands=",")),
        ("1234,567", Notation(thousands=",")),
        ("1 234", ISO),
        ("0x10", ISO),
        ("1_000", ISO),
        ("nan", ISO),
        ("inf", ISO),
        ("12a", ISO),
        (".", ISO),
        ("-", ISO),
        ("(1.5)", ISO),
        ("٣", ISO),
    ],
)
def test_what_is_no_number_in_this_notation_is_not_guessed_at(cell, notation):
    assert one(cell, "float64", notation).startswith(f"expected a number, got `{cell}`")


def test_a_number_of_another_notation_is_told_which():
    assert one("1,234.50", "float64") == (
        'expected a number, got `1,234.50` (a number with `decimal: ".", thousands: ","`)'
    )
    assert '(a number with `decimal: ",", thousands: "."`)' in one("1.234,50", "float64")


def test_too_large_for_a_double_is_refused():
    assert one("1e999", "float64") == "`1e999` is too large for a number"


@pytest.mark.parametrize(
    ("cell", "value"), [("265598", 265598), ("-1,600", -1600), ("12.0", 12), ("9007199254740993", 2**53 + 1)]
)
def test_a_whole_number_is_exact(cell, value):
    assert one(cell, "int64", Notation(thousands=",")) == value


@pytest.mark.parametrize("cell", ["1.5", "1e30", "26x"])
def test_what_is_not_whole_is_refused(cell):
    assert one(cell, "int64") == f"expected a whole number, got `{cell}`"


def test_a_whole_number_of_more_than_64_bits_is_refused():
    assert one("-9223372036854775808", "int64") == -(2**63)
    assert one("9223372036854775808", "int64") == "`9223372036854775808` is too large for a whole number"


@pytest.mark.parametrize(("cell", "value"), [("TRUE", True), ("no", False), ("1", True)])
def test_truths(cell, value):
    assert one(cell, "bool") == value
    assert one("maybe", "bool") == "expected true or false, yes or no, 1 or 0, got `maybe`"


@pytest.mark.parametrize("cell", ["2022-12-28", "2022-12-28 00:00", "2022-12-28T00:00:00.000"])
def test_a_session_is_a_date(cell):
    assert one(cell, "datetime64[ns]") == pd.Timestamp("2022-12-28")


@pytest.mark.parametrize(
    "cell", ["20221228", "2022-02-30", "28.12.2022", "2022-12-28T16:00", "2022-W52-3", "today", "2500-01-01"]
)
def test_what_is_no_iso_date_is_no_session(cell):
    assert one(cell, "datetime64[ns]") == f"expected a date such as 2024-12-31, got `{cell}`"


def test_dates_are_read_as_the_file_writes_them():
    assert one("28/12/2022", "datetime64[ns]", Notation(dates="%d/%m/%Y")) == pd.Timestamp("2022-12-28")
    assert one("12/28/2022", "datetime64[ns]", Notation(dates="%d/%m/%Y")).startswith("expected a date as `%d/%m/%Y`")


@pytest.mark.parametrize(
    ("cell", "notation", "moment"),
    [
        ("2022-12-28T16:00:00Z", ISO, "2022-12-28 16:00"),
        ("2022-12-28 16:00:00.123456789-05:00", ISO, "2022-12-28 21:00:00.123456789"),
        ("2022-12-28 16:00", Notation(timezone=NEW_YORK), "2022-12-28 21:00"),
        ("2022-06-28 16:00", Notation(timezone=NEW_YORK), "2022-06-28 20:00"),
        ("2022-12-28T16:00+01:00", Notation(timezone=NEW_YORK), "2022-12-28 15:00"),
        ("28.12.2022 16:00:01", Notation(dates="%d.%m.%Y %H:%M:%S", timezone=NEW_YORK), "2022-12-28 21:00:01"),
    ],
)
def test_a_time_is_an_instant(cell, notation, moment):
    assert one(cell, "datetime64[ns, UTC]", notation) == pd.Timestamp(moment, tz="UTC")


@pytest.mark.parametrize(
    ("cell", "notation", "words"),
    [
        ("2022-12-28 16:00", ISO, "names no zone (say whose time it is by `timezone:`)"),
        ("2022-11-06 01:30", Notation(timezone=NEW_YORK), "doesn't exist, or happens twice, in America/New_York"),
        ("2022-03-13 02:30", Notation(timezone=NEW_YORK), "doesn't exist, or happens twice, in America/New_York"),
        ("now", Notation(timezone=NEW_YORK), "expected a time such as 2024-12-31T16:00:00Z, got `now`"),
        ("2022-13-01 10:00Z", ISO, "expected a time such as"),
    ],
)
def test_a_time_that_may_be_two_instants_or_none_is_refused(cell, notation, words):
    assert words in one(cell, "datetime64[ns, UTC]", notation)


def test_many_times_with_and_without_a_zone_keep_their_places():
    cells = ["2022-12-28 16:00", "", "2022-12-28T16:00Z", "x", "2022-12-28 16:00"]
    values, bad = parsed(cells, "datetime64[ns, UTC]", True, Notation(timezone=NEW_YORK))
    assert values.dt.hour.fillna(-1).tolist() == [21, -1, 16, -1, 21]
    assert list(bad) == [3]


def test_an_empty_cell_is_missing_where_it_may_be_and_a_fault_where_not():
    assert np.isnan(one("", "float64", nullable=True))
    assert pd.isna(one("", "datetime64[ns]", nullable=True))
    for dtype in ("float64", "int64", "bool", "datetime64[ns]", "datetime64[ns, UTC]"):
        assert one("", dtype) == "is empty"
    assert np.isnan(one("n/a", "float64", Notation(missing=frozenset({"", "n/a"})), nullable=True))


def test_text_is_text_whatever_it_looks_like():
    # NA is a bank in Canada, TRUE a brand, 007 an account.
    texts = ["NA", "TRUE", "007", "", "nan"]
    for dtype in ("object", "category"):
        values, bad = parsed(texts, dtype, False, ISO)
        assert values.tolist() == texts
        assert bad == {}


def test_no_cells_are_an_empty_column_of_the_type():
    for dtype in ("object", "category", "float64", "int64", "bool", "datetime64[ns]", "datetime64[ns, UTC]"):
        values, bad = parsed([], dtype, False, ISO)
        assert (len(values), str(values.dtype), bad) == (0, dtype, {})


def test_a_type_that_no_file_holds_is_refused():
    with pytest.raises(DataProblem, match="A column of type complex128 can't be read"):
        parsed(["1"], "complex128", False, ISO)
