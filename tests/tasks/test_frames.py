"""Writing frames to the store and reading them back, as the steps of a pipeline do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from schemas.audit import FrameWrites
from schemas.frame import empty, schema_of
from schemas.risk import Betas
from tasks.connections.arctic import FrameStore
from tasks.connections.content import content_id
from tasks.connections.problems import DataProblem
from tasks.frames import read_frame, write_frame
from tasks.registry import catalog
from tasks.run import Run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FrameStore]:
    with FrameStore("frames", FrameStore.Settings(), tmp_path) as opened:
        yield opened


def run(key: str, number: int = 1) -> Run:
    return Run(id=f"run-{number}", pipeline="beta_hedge", session=date(2022, 12, 28), step="save_betas", key=key)


def test_a_frame_of_betas_is_read_back_as_betas(store: FrameStore, betas: Callable[..., pd.DataFrame]) -> None:
    frame = betas({"con_id": 265598, "beta": 1.25}, {"con_id": 272093, "beta": None})
    receipt = schema_of(FrameWrites).validate(write_frame(frame, store, run("k"), "risk", "betas"))
    assert receipt.iloc[0].to_dict() == {
        "store": "frames", "library": "risk", "symbol": "betas", "version": 0, "rows": 2,
    }  # fmt: skip
    back = read_frame(store, run("k"), "risk", "betas")
    schema_of(Betas).validate(back)
    assert_frame_equal(back, frame, check_exact=True)


@pytest.mark.parametrize("name", catalog().schemas)
def test_an_empty_frame_of_every_schema_is_still_of_that_schema(store: FrameStore, name: str) -> None:
    schema = catalog().schemas[name]
    write_frame(empty(schema), store, run("k"), "all", name)
    schema_of(schema).validate(read_frame(store, run("k"), "all", name))


def test_the_same_slot_writes_once_and_another_writes_anew(
    store: FrameStore, betas: Callable[..., pd.DataFrame]
) -> None:
    frame = betas({"con_id": 265598, "beta": 1.25})
    first = write_frame(frame, store, run("monday", 1), "risk", "betas")
    repeated = write_frame(frame, store, run("monday", 2), "risk", "betas")
    assert_frame_equal(first, repeated)
    other = write_frame(frame, store, run("tuesday", 3), "risk", "betas")
    assert other["version"].tolist() == [1]


def test_a_past_session_reads_what_was_written_by_then(store: FrameStore, betas: Callable[..., pd.DataFrame]) -> None:
    def of(day: int) -> Run:
        return Run(id="r", pipeline="p", session=date(2022, 12, day), step="s", key=f"k{day}")

    for day in (21, 23):
        write_frame(betas({"con_id": day, "beta": 1.0}), store, of(day), "risk", "betas")
    read = {day: read_frame(store, of(day), "risk", "betas")["con_id"].tolist() for day in (21, 22, 23, 28)}
    assert read == {21: [21], 22: [21], 23: [23], 28: [23]}
    with pytest.raises(DataProblem, match=r"risk/betas has no version of 2022-12-20 or before"):
        read_frame(store, of(20), "risk", "betas")
    store.write("risk", "betas", betas({"con_id": 99, "beta": 1.0}), {})  # by nobody's run: nobody knows for when
    assert read_frame(store, of(20), "risk", "betas")["con_id"].tolist() == [99]


def test_a_frame_read_says_which_version_it_is(store: FrameStore, betas: Callable[..., pd.DataFrame]) -> None:
    write_frame(betas({"con_id": 265598, "beta": 1.25}), store, run("monday"), "risk", "betas")
    write_frame(betas({"con_id": 272093, "beta": 0.9}), store, run("tuesday"), "risk", "betas")
    latest, first = read_frame(store, run("k"), "risk", "betas"), read_frame(store, run("k"), "risk", "betas", 0)
    assert first["con_id"].tolist() == [265598]
    assert latest["con_id"].tolist() == [272093]
    origin = {"store": "frames", "library": "risk", "symbol": "betas", "content": content_id(first)}
    assert first.attrs["origin"] == {**origin, "version": 0}
    assert latest.attrs["origin"]["version"] == 1
