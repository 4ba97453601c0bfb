"""The store of frames: every write is a version, none is lost, and what can't be is said by name."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pydantic import ValidationError

from tasks.connections import lmdb
from tasks.connections.arctic import FrameStore
from tasks.connections.problems import ConnectionProblem, DataProblem, DeadlinePassed, Problem
from tasks.connections.scope import Deadline, Scope, entered


def store_at(folder: Path, uri: str = "lmdb") -> FrameStore:
    return FrameStore("frames", FrameStore.Settings(uri=uri), folder)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FrameStore]:
    with store_at(tmp_path) as opened:
        yield opened


@pytest.fixture
def betas() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "symbol": pd.Categorical(["AAPL", "MSFT"], categories=["MSFT", "AAPL", "SPY"]),
            "beta": [1.25, None],
            "time": pd.to_datetime(["2022-12-28T20:45:00.123456789Z", None]),
            "reason": ["", None],
        }
    )


def test_each_write_is_a_version_and_all_stay(store: FrameStore, betas: pd.DataFrame) -> None:
    later = betas.assign(beta=[1.3, 0.9])
    assert store.write("risk", "betas", betas, {"key": "monday"}) == 0
    assert store.write("risk", "betas", later, {"key": "tuesday"}) == 1
    latest, version = store.read("risk", "betas")
    assert version == 1
    assert_frame_equal(latest, later, check_exact=True)
    assert_frame_equal(store.read("risk", "betas", 0)[0], betas, check_exact=True)


def test_a_write_repeated_under_its_key_is_the_same_version(store: FrameStore, betas: pd.DataFrame) -> None:
    first = store.write("risk", "betas", betas, {"key": "monday"})
    assert store.write("risk", "betas", betas, {"key": "monday"}) == first
    assert store.write("risk", "betas", betas.assign(beta=0.0), {"key": "monday"}) == first + 1
    assert store.write("risk", "betas", betas.assign(beta=0.0), {"key": "tuesday"}) == first + 2


def test_some_columns_in_the_order_asked_for(store: FrameStore, betas: pd.DataFrame) -> None:
    store.write("risk", "betas", betas, {})
    assert_frame_equal(store.read("risk", "betas", columns=["time", "symbol"])[0], betas[["time", "symbol"]])


def test_frames_of_other_programs_are_read_as_they_are(store: FrameStore, tmp_path: Path) -> None:
    plain = pd.DataFrame({"close": [1.0, 2.0]}, index=pd.date_range("2022-12-27", periods=2))
    arctic = lmdb.open_store(f"lmdb://{tmp_path / 'frames'}")
    arctic.get_library("theirs", create_if_missing=True).write("spy", plain)
    lmdb.close_store(f"lmdb://{tmp_path / 'frames'}")
    frame, version = store.read("theirs", "spy")
    assert version == 0
    assert_frame_equal(frame, plain, check_freq=False)


def test_other_programs_read_plain_columns(store: FrameStore, betas: pd.DataFrame, tmp_path: Path) -> None:
    store.write("risk", "betas", betas, {})
    arctic = lmdb.open_store(f"lmdb://{tmp_path / 'frames'}")
    theirs = arctic["risk"].read("betas").data
    lmdb.close_store(f"lmdb://{tmp_path / 'frames'}")
    assert list(theirs["symbol"]) == ["AAPL", "MSFT"]
    assert list(theirs.columns) == list(betas.columns)


def test_refused_columns_are_named_all_at_once(store: FrameStore) -> None:
    frame = pd.DataFrame({"size": pd.array([1], dtype="Int64"), "expiry": [date(2023, 1, 20)], "close": [1.0]})
    with pytest.raises(DataProblem, match=r"`size` is Int64, column `expiry` is objects \(date\)"):
        store.write("risk", "betas", frame, {})


@pytest.mark.parametrize(
    ("library", "symbol", "version", "said"),
    [
        ("rsk", "betas", None, "no library `rsk`. Did you mean risk?"),
        ("risk", "beta", None, "no symbol `beta`. Did you mean betas?"),
        ("risk", "prices", None, "no symbol `prices`. It has betas."),
        ("risk", "betas", 7, "no version 7. It has 0."),
        ("ri sk", "betas", None, "can't name a library"),
        ("risk", "bet*", None, "can't name a symbol"),
        ("risk", "bêtas", None, "can't name a symbol"),
        ("risk", "b" * 300, None, "can't name a symbol"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(
    store: FrameStore, betas: pd.DataFrame, library: str, symbol: str, version: int | None, said: str
) -> None:
    store.write("risk", "betas", betas, {})
    with pytest.raises(DataProblem) as told:
        store.read(library, symbol, version)
    assert said in str(told.value)


def test_an_unknown_column_is_said_with_what_is_there(store: FrameStore, betas: pd.DataFrame) -> None:
    store.write("risk", "betas", betas, {})
    with pytest.raises(DataProblem, match=r"no column `bta`\. Did you mean beta\?"):
        store.read("risk", "betas", columns=["bta"])


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(Problem, match=r"can't be written: .*data/frames.*Make that folder writable"):
        store_at(tmp_path / "data").open()


def test_a_full_store_says_so_and_can_still_be_read(tmp_path: Path) -> None:
    with store_at(tmp_path, "lmdb://small?map_size=4MB") as small:
        small.write("risk", "small", pd.DataFrame({"a": [1]}), {})
        large = pd.DataFrame({"a": np.random.default_rng(7).random(1_000_000)})
        with pytest.raises(Problem, match=r"is full\..*larger map"):
            small.write("risk", "large", large, {})
        assert small.read("risk", "small")[0]["a"].tolist() == [1]


def test_an_address_of_another_kind_is_refused_when_the_file_is_read() -> None:
    with pytest.raises(ValidationError, match="expected lmdb, lmdb://folder or s3://…, got postgres"):
        FrameStore.Settings(uri="postgres://u:password@host")


def test_a_step_out_of_time_writes_nothing(store: FrameStore, betas: pd.DataFrame) -> None:
    deadline = Deadline()
    deadline.abandon()
    with entered(Scope(deadline=deadline)), pytest.raises((DeadlinePassed, ConnectionProblem)):
        store.write("risk", "betas", betas, {})
    with pytest.raises(DataProblem, match="no library"):
        store.read("risk", "betas")


def test_a_busy_library_is_worth_another_try(store: FrameStore, betas: pd.DataFrame, tmp_path: Path) -> None:
    store.write("risk", "betas", betas, {})
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with lmdb.write_lock(tmp_path / "locks" / "frames.risk.lock", "risk", 5):
            held.set()
            let_go.wait(5)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(5)
    try:
        with entered(Scope(deadline=Deadline(0.05))), pytest.raises(ConnectionProblem) as told:
            store.write("risk", "betas", betas.assign(beta=0.0), {})
    finally:
        let_go.set()
        other.join()
    assert told.value.retryable
    assert "risk/betas is being written by another run" in str(told.value)


WRITER = """
import sys
from pathlib import Path
import pandas as pd
from tasks.connections.arctic import FrameStore
with FrameStore("frames", FrameStore.Settings(), Path(sys.argv[1])) as store:
    print(*(store.write("risk", "betas", pd.DataFrame({"who": [sys.argv[2]], "n": [n]}), {}) for n in range(15)))
"""


def test_two_processes_and_a_thread_lose_no_write(tmp_path: Path) -> None:
    others = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), who], stdout=subprocess.PIPE, text=True)
        for who in "ab"
    ]
    with store_at(tmp_path) as store:
        versions = [store.write("risk", "betas", pd.DataFrame({"who": ["c"], "n": [n]}), {}) for n in range(15)]
        for other in others:
            versions += map(int, other.communicate(timeout=60)[0].split())
        assert sorted(versions) == list(range(45))
        kept = pd.concat([store.read("risk", "betas", version)[0] for version in range(45)])
    assert len(kept.drop_duplicates()) == 45


def test_one_instance_a_path_serves_all_and_closes_with_the_last(tmp_path: Path, betas: pd.DataFrame) -> None:
    with store_at(tmp_path) as one:
        with store_at(tmp_path) as other:
            one.write("risk", "betas", betas, {})
            assert other.read("risk", "betas")[1] == 0
        assert one.read("risk", "betas")[1] == 0
    with store_at(tmp_path) as again:
        assert again.read("risk", "betas")[1] == 0
