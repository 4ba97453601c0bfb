"""What differs between two runs, and where that begins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flows.differences import compare, difference
from flows.journal import Journal
from schemas.market import Prices
from tasks.connections.clock import ManualClock

NOON = ManualClock("2022-12-28T12:00Z").now()


def prices(*closes: float, first: int = 1) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "con_id": np.arange(first, first + len(closes), dtype=np.int64),
            "symbol": pd.Categorical([f"S{number}" for number in range(first, first + len(closes))]),
            "session": pd.Timestamp("2022-12-27").as_unit("ns"),
            "close": np.array(closes),
        }
    )


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path) as made:
        yield made


def ran(journal, run: str, steps: dict, params: dict | None = None, text: str = "steps: {}") -> None:
    """Journal a run: steps as name -> (frame, upstream steps, arguments)."""
    journal.begin_run(
        run=run, pipeline="p", text=text, params=params or {}, desk={}, session=NOON.date(), slot="manual",
        clock="c", trigger="t", started=NOON, versions={"numpy": "2"},
    )  # fmt: skip
    for name, (frame, upstream, arguments) in steps.items():
        journal.begin_step(
            run=run, step=name, task="t", item=None, source_hash="h", arguments=arguments,
            inputs={f"p{number}": (step, None) for number, step in enumerate(upstream)},
        )  # fmt: skip
        outputs = {} if frame is None else {None: journal.put_frame(frame, "Prices")}
        journal.end_step(run, name, "completed", seconds=0.0, attempts=1, error=None, outputs=outputs, notes=())
    journal.end_run(run, "completed", None, NOON)


def compared(journal, one: str = "aaa", other: str = "bbb"):
    return compare(journal, journal.run(one), journal.run(other), {"Prices": Prices})


def test_the_same_frames_are_no_difference(journal):
    steps = {"a": (prices(1, 2), [], {}), "b": (prices(3), ["a"], {})}
    ran(journal, "aaa", steps)
    ran(journal, "bbb", steps)
    found = compared(journal)
    assert (found.about, found.steps) == ((), ())


def test_it_begins_where_the_inputs_are_the_same_and_follows_from_there(journal):
    ran(journal, "aaa", {"a": (prices(1), [], {}), "b": (prices(2), ["a"], {"x": 1}), "c": (prices(3), ["b"], {})})
    ran(
        journal,
        "bbb",
        {"a": (prices(1), [], {}), "b": (prices(2.5), ["a"], {"x": 2}), "c": (prices(4), ["b"], {})},
        params={"x": 2},
    )
    found = compared(journal)
    assert found.about == ("x: –, 2",)
    assert [(step.step, step.begins, step.causes) for step in found.steps] == [
        ("b", True, ("x: 1, 2",)),
        ("c", False, ("`b` differs",)),
    ]
    (frame,) = found.steps[0].frames
    assert (frame.changed, frame.largest) == ({"close": 1}, {"close": 0.5})
    assert frame.examples == ("con_id=1, session=2022-12-27: close 2.0 → 2.5",)


def test_a_step_that_only_one_run_has_is_told(journal):
    ran(journal, "aaa", {"a": (prices(1), [], {})})
    ran(journal, "bbb", {"a": (prices(1), [], {}), "b": (prices(1), ["a"], {})})
    (step,) = compared(journal).steps
    assert (step.step, step.causes) == ("b", ("only the second run has it",))


def test_rows_belong_together_by_their_key_not_by_their_place():
    one, other = prices(1, 2, 3), prices(1, 2, 3).iloc[::-1].reset_index(drop=True)
    found = difference(one, other, ["con_id", "session"])
    assert (found.added, found.removed, dict(found.changed)) == (0, 0, {})
    found = difference(one, prices(2, 3, 4, first=2), ["con_id", "session"])
    assert (found.added, found.removed, dict(found.changed)) == (1, 1, {})


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (np.nan, np.nan, False),
        (np.nan, 1.0, True),
        (np.inf, np.inf, False),
        (0.0, -0.0, False),
        (1.0, 1.0 + 1e-15, True),
    ],
)
def test_numbers_differ_to_the_last_bit_and_nulls_dont(one, other, differs):
    assert bool(difference(prices(one), prices(other), ["con_id"]).changed) is differs


@pytest.mark.parametrize(
    ("one", "other", "differs"), [(None, None, False), ("a", None, True), ("a", "b", True), ("a", "a", False)]
)
def test_texts_differ_and_nulls_dont(one, other, differs):
    frames = [pd.DataFrame({"k": [1], "v": pd.Series([value], dtype=object)}) for value in (one, other)]
    assert bool(difference(*frames, ["k"]).changed) is differs
