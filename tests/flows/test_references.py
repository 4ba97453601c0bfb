"""`$names` stand for values: found where they are, and replaced by what they stand for."""

from __future__ import annotations

from datetime import date

import pytest

from flows.references import find, resolve, whole

NAMES = {
    "benchmark": "SPY",
    "count": 252,
    "flag": True,
    "nothing": None,
    "symbols": ["SPY", "QQQ"],
    "run.session": date(2024, 12, 31),
    "run.pipeline": "beta_hedge",
}


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ("$benchmark", "SPY"),
        ("$count", 252),
        ("${count}", 252),
        ("$symbols", ["SPY", "QQQ"]),
        ("$nothing", None),
        ("$run.session", date(2024, 12, 31)),
        ("trades/${run.session}", "trades/2024-12-31"),
        ("Beta hedge $run.session", "Beta hedge 2024-12-31"),
        ("$run.pipeline failed", "beta_hedge failed"),
        ("${benchmark}_$count", "SPY_252"),
        ("is $flag, $nothing", "is true, "),
        ("$benchmark.", "SPY."),
        ("$$5", "$5"),
        ("$$benchmark", "$benchmark"),
        ("$$$benchmark", "$SPY"),
        ("plain", "plain"),
        (5, 5),
        ({"a": ["$count", {"b": "x$count"}]}, {"a": [252, {"b": "x252"}]}),
        ({"$count": 1}, {"$count": 1}),
    ],
)
def test_names_are_replaced_and_a_lone_one_keeps_its_type(value, resolved):
    assert resolve(value, NAMES) == resolved


def test_what_a_name_stands_for_is_not_read_again():
    assert resolve("$benchmark $count", {"benchmark": "$count", "count": 1}) == "$count 1"


def test_an_unknown_name_is_an_error():
    with pytest.raises(KeyError):
        resolve("$benchmrk", NAMES)


def test_each_reference_is_found_with_its_place():
    found = list(find({"a": ["no", "x$count ${run.session}"], "b": "$$5"}))
    assert [(one.name, one.location, one.offset, one.width, one.whole) for one in found] == [
        ("count", ("a", 1), 1, 6, False),
        ("run.session", ("a", 1), 8, 14, False),
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("costs $5", "a single `$` begins a reference; write `$$` for a dollar"),
        ("$", "a single `$` begins a reference; write `$$` for a dollar"),
        ("${count", "`${` is not closed by `}`"),
        ("${}", "`${}` names nothing"),
        ("${count + 1}", "`count + 1` is not a name: there are no expressions in here"),
        ("${a.b.c}", "`a.b.c` is not a name: there are no expressions in here"),
    ],
)
def test_what_is_no_reference_says_why(text, fault):
    assert [one.fault for one in find(text)] == [fault]


def test_only_a_whole_scalar_is_whole():
    assert whole("$count") == "count"
    assert whole("${run.id}") == "run.id"
    for other in ("x$count", "$count$count", "$$count", "$count ", 5, None, ["$count"]):
        assert whole(other) is None
