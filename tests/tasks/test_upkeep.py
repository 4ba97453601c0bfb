"""Snapshots outlive what comes after; compaction changes how rows lie, and not what they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from schemas.audit import FrameCompactions, FrameSnapshots
from schemas.frame import Frame, Instant, schema_of
from tasks.connections.arctic import FrameStore
from tasks.connections.arctic_query import Selection
from tasks.connections.clock import ManualClock
from tasks.connections.problems import DataProblem
from tasks.frames import append_frame, read_frame, upsert_frame, write_frame
from tasks.run import Run
from tasks.upkeep import compact_frames, snapshot_frames


class Trades(Frame):
    """Of this test."""

    __key__ = ("trade_id",)

    trade_id: np.int64
    time: Instant


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FrameStore]:
    with FrameStore("frames", FrameStore.Settings(), tmp_path) as opened:
        yield opened


def run(day: int, hour: int = 12) -> Run:
    clock = ManualClock(f"2025-03-{day:02}T{hour:02}:00Z")
    return Run(f"r{day}", "p", date(2025, 3, day), "s", f"k{day}-{hour}", clock, frames={"frame": Trades})


def trades(*ids: int) -> pd.DataFrame:
    times = pd.to_datetime([f"2025-03-03T12:00:{one:02}Z" for one in ids], utc=True).as_unit("ns")
    return pd.DataFrame({"trade_id": np.array(ids), "time": times})


def ids(frame: pd.DataFrame) -> list[int]:
    return frame["trade_id"].tolist()


def test_the_key_of_the_schema_tells_rows_apart(store: FrameStore, notes: list[str]) -> None:
    assert append_frame(trades(1, 2), store, run(3), "options", "trades")["rows"].tolist() == [2]
    assert append_frame(trades(2, 3), store, run(4), "options", "trades")["rows"].tolist() == [1]
    assert notes == ["1 row of 2 were in options/trades already."]
    untyped = Run("r", "p", date(2025, 3, 4), "s", "k")
    with pytest.raises(DataProblem, match="`key: "):
        append_frame(trades(9), store, untyped, "options", "trades")
    upsert_frame(trades(3, 4), store, untyped, "options", "trades", key=["trade_id", "time"])
    assert ids(read_frame(store, run(4), "options", "trades")) == [1, 2, 3, 4]


def test_a_version_is_read_by_number_session_instant_or_snapshot(store: FrameStore) -> None:
    write_frame(trades(1), store, run(3, 9), "options", "trades")
    write_frame(trades(2), store, run(3, 15), "options", "trades")
    held = schema_of(FrameSnapshots).validate(snapshot_frames(store, run(3, 16), "options", "eod"))
    assert held[["snapshot", "symbol", "version"]].to_numpy().tolist() == [["eod", "trades", 1]]
    write_frame(trades(3), store, run(4), "options", "trades")
    now = run(5)
    assert ids(read_frame(store, now, "options", "trades")) == [3]
    assert ids(read_frame(store, now, "options", "trades", version=0)) == [1]
    assert ids(read_frame(store, now, "options", "trades", session=date(2025, 3, 3))) == [2]
    assert ids(read_frame(store, now, "options", "trades", instant=datetime(2025, 3, 3, 10, tzinfo=UTC))) == [1]
    assert ids(read_frame(store, now, "options", "trades", snapshot="eod")) == [2]
    with pytest.raises(DataProblem, match=r"by version and by snapshot\. Give one"):
        read_frame(store, now, "options", "trades", version=0, snapshot="eod")
    with pytest.raises(DataProblem, match=r"no snapshot `eood`\. Did you mean eod\?"):
        read_frame(store, now, "options", "trades", snapshot="eood")
    with pytest.raises(DataProblem, match="has no version of 2025-03-03 08:00:00"):
        read_frame(store, now, "options", "trades", instant=datetime(2025, 3, 3, 8, tzinfo=UTC))


def test_a_snapshot_is_taken_once_by_its_slot_and_never_moved(store: FrameStore) -> None:
    append_frame(trades(1), store, run(3), "options", "trades")
    first = snapshot_frames(store, run(3), "options", "eod")
    append_frame(trades(2), store, run(4), "options", "trades")
    assert_frame_equal(snapshot_frames(store, run(3), "options", "eod"), first)
    with pytest.raises(DataProblem, match="has a snapshot `eod` already"):
        snapshot_frames(store, run(4), "options", "eod")
    with pytest.raises(DataProblem, match=r"no symbol `trade`\. Did you mean trades\?"):
        snapshot_frames(store, run(4), "options", "other", symbols=["trade"])
    with pytest.raises(DataProblem, match="no library `option`"):
        snapshot_frames(store, run(4), "option", "other")


def test_compaction_keeps_rows_their_writers_and_what_snapshots_hold(store: FrameStore) -> None:
    for number in range(30):
        append_frame(trades(number), store, run(3, number % 24), "options", "trades")
    snapshot_frames(store, run(3), "options", "eod")
    append_frame(trades(30), store, run(4), "options", "trades")
    before = store.select("options", "trades", Selection())
    done = schema_of(FrameCompactions).validate(compact_frames(store, run(4), "options", prune=True))
    assert done[["symbol", "pieces_before", "pieces"]].to_numpy().tolist() == [["trades", 31, 1]]
    after = store.select("options", "trades", Selection())
    assert_frame_equal(after.frame, before.frame)
    assert before.versions is not None
    assert after.versions is not None
    assert after.versions.tolist() == before.versions.tolist() == list(range(31))
    assert len(read_frame(store, run(4), "options", "trades", snapshot="eod")) == 30
    with pytest.raises(DataProblem, match="has no version 3"):
        read_frame(store, run(4), "options", "trades", version=3)
    assert compact_frames(store, run(4), "options").empty
    append_frame(trades(30, 31), store, run(5), "options", "trades")
    assert ids(read_frame(store, run(5), "options", "trades")) == list(range(32))
