"""A value suits a type or says why not; nothing is coerced that a person didn't mean."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from flows.annotations import Disjoint, bounded, chosen, intersection
from flows.values import Unfit, convert, describe
from tasks.connections.durations import Duration

SPAN = timedelta(minutes=2)


@pytest.mark.parametrize(
    ("value", "annotation", "converted"),
    [
        (5, int, 5),
        (5, float, 5.0),
        (5, int | None, 5),
        (None, int | None, None),
        (True, bool, True),
        ("5", str, "5"),
        ("2024-12-31", date, date(2024, 12, 31)),
        (date(2024, 12, 31), date, date(2024, 12, 31)),
        (date(2024, 12, 31), str, "2024-12-31"),
        ("2m", Duration, SPAN),
        (SPAN, Duration, SPAN),
        (timedelta(milliseconds=1.5), Duration, timedelta(milliseconds=1.5)),
        ([1, 2], list[float], [1.0, 2.0]),
        ([1, 2], tuple[int, ...], (1, 2)),
        ({"7": 1.5}, dict[int, float], {7: 1.5}),
        ("log", Literal["simple", "log"], "log"),
        (math.inf, float, math.inf),
        ({"a": [1]}, Any, {"a": [1]}),
    ],
)
def test_what_suits_is_converted(value, annotation, converted):
    found = convert(value, annotation)
    assert found == converted
    assert type(found) is type(converted)


@pytest.mark.parametrize(
    ("value", "annotation", "location", "message"),
    [
        ("5", int, (), "expected a whole number, got text `5`"),
        (5.0, int, (), "expected a whole number, got `5`"),
        (True, int, (), "expected a whole number, got `true`"),
        (5, str, (), "expected text, got `5`"),
        (1, bool, (), "expected `true` or `false`, got `1`"),
        ("true", bool, (), "expected `true` or `false`, got text `true`"),
        (None, float, (), "expected a number, got nothing"),
        (math.nan, float, (), "expected a number, got `.nan`"),
        ("31.12.2024", date, (), "expected a date such as 2024-12-31, got text `31.12.2024`"),
        (5, Duration, (), "expected a duration such as 500ms, 30s, 2m or 1h30m, got 5"),
        ("lgo", Literal["simple", "log"], (), "expected one of `simple`, `log`, got text `lgo`"),
        (2, Annotated[int, Field(ge=3)], (), "expected at least 3, got `2`"),
        (1, Annotated[float, Field(lt=1)], (), "expected less than 1, got `1`"),
        ("x", int | str | None, (), None),
        ([1], int | str, (), "expected a whole number or text, got a list"),
        ([1, "b"], list[int], (1,), "expected a whole number, got text `b`"),
        ({"EUR": "x"}, dict[str, float], ("EUR",), "expected a number, got text `x`"),
        ("x" * 100, int, (), f"expected a whole number, got text `{'x' * 39}…`"),
    ],
)
def test_what_does_not_suit_says_why_and_where(value, annotation, location, message):
    if message is None:
        assert convert(value, annotation) == value
        return
    with pytest.raises(Unfit) as unfit:
        convert(value, annotation)
    assert [(fault.location, fault.message) for fault in unfit.value.faults] == [(location, message)]


def test_types_are_told_in_words():
    assert describe(Annotated[int, Field(ge=3)]) == "a whole number"
    assert describe(str | None) == "text or nothing"
    assert describe(Literal["simple", "log"]) == "one of `simple`, `log`"
    assert describe(Duration) == "a duration"
    assert describe(dict[str, float]) == "a mapping"


def accepts(annotation: Any, value: Any) -> bool:
    try:
        convert(value, annotation)
    except Unfit:
        return False
    return True


@pytest.mark.parametrize(
    ("one", "other", "inside", "outside"),
    [
        (int, float, [3], [3.5]),
        (int | None, int, [3], [None]),
        (int | None, float | None, [3, None], [3.5]),
        (Annotated[int, Field(ge=3)], Annotated[int, Field(ge=1, le=9)], [3, 9], [1, 2, 10]),
        (Annotated[int, Field(gt=3)], Annotated[float, Field(ge=1, allow_inf_nan=False)], [4], [3, 1]),
        (Literal["a", "b"], Literal["b", "c"], ["b"], ["a", "c"]),
        (Literal["a", "b"], str, ["a"], ["c"]),
        (list[int], list[float], [[1]], [[1.5]]),
        (list[Any], list[str], [["a"]], [[1]]),
        (Any, date, ["2024-12-31"], ["x"]),
        (Duration, Duration, ["2m"], [2]),
    ],
)
def test_a_value_of_two_types_is_of_both(one, other, inside, outside):
    for both in (intersection(one, other), intersection(other, one)):
        assert all(accepts(both, value) for value in inside)
        assert not any(accepts(both, value) for value in outside)


@pytest.mark.parametrize(
    ("one", "other"),
    [(int, str), (bool, int), (date, str), (Literal["a"], int), (Literal["a"], Literal["b"]), (list[int], list[str])],
)
def test_types_with_nothing_in_common_are_disjoint(one, other):
    with pytest.raises(Disjoint):
        intersection(one, other)


def test_bounds_only_ever_tighten():
    assert not accepts(bounded(Annotated[int, Field(ge=3)], "min", 1), 2)
    assert not accepts(bounded(Annotated[int, Field(ge=3)], "min", 5), 4)
    assert accepts(bounded(float | None, "max", 1), None)
    assert accepts(bounded(date, "min", "2024-01-01"), "2024-06-01")
    assert not accepts(bounded(date, "min", "2024-01-01"), "2023-12-31")
    assert accepts(bounded(Duration, "max", "2m"), "2m")
    with pytest.raises(Unfit, match="expected at most 2m, got text `3m`"):
        convert("3m", bounded(Duration, "max", "2m"))
    with pytest.raises(Unfit, match="text has no least or greatest value"):
        bounded(str, "min", 3)
    with pytest.raises(Unfit, match="expected a number, got text `many`"):
        bounded(int, "min", "many")


def test_choices_are_of_the_type():
    assert accepts(chosen(str, ["SPY", "QQQ"]), "QQQ")
    assert not accepts(chosen(str, ["SPY", "QQQ"]), "IWM")
    assert accepts(chosen(float, [0.5, 1]), 1)
    with pytest.raises(Unfit, match=r"expected one of `0.5`, `1`, got `0.7`"):
        convert(0.7, chosen(float, [0.5, 1]))
    with pytest.raises(Unfit):
        chosen(int, [1, "many"])
