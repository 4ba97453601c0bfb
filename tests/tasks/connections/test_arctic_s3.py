"""The store of frames on S3: the same promises, keys apart from the address, one desk a library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tasks.connections.arctic import FrameStore
from tasks.connections.problems import DataProblem, Problem, Refused

KEYS = {"access": "AKIADESK", "secret": "hunter2"}


def store_at(folder: Path, uri: str, **more: bool) -> FrameStore:
    return FrameStore("ticks", FrameStore.Settings(uri=uri, **KEYS, **more), folder)


def trades(*ids: int) -> pd.DataFrame:
    times = pd.to_datetime([f"2025-03-03T12:00:{one:02}Z" for one in ids], utc=True).as_unit("ns")
    return pd.DataFrame({"trade_id": np.array(ids), "time": times, "symbol": pd.Categorical(["SPY"] * len(ids))})


def test_frames_are_written_whole_grown_and_read_in_part(tmp_path: Path, s3_bucket: Callable[[], str]) -> None:
    with store_at(tmp_path, s3_bucket()) as store:
        assert store.write("risk", "betas", trades(1, 2), {"session": "2025-03-03"}) == 0
        assert store.write("risk", "betas", trades(1, 2), {"session": "2025-03-03"}) == 0
        store.append("options", "trades", trades(1, 5), ["trade_id"], {})
        store.append("options", "trades", trades(3, 5, 7), ["trade_id"], {})
        assert_frame_equal(store.read("options", "trades")[0], trades(1, 3, 5, 7))
        assert_frame_equal(store.read("risk", "betas")[0], trades(1, 2))
        assert store.check_health() == "2 libraries"
        with pytest.raises(DataProblem, match=r"no library `option`\. Did you mean options\?"):
            store.read("option", "trades")


def test_another_machines_desk_is_refused_until_it_takes_over(tmp_path: Path, s3_bucket: Callable[[], str]) -> None:
    uri = s3_bucket()
    with store_at(tmp_path / "one", uri) as ours:
        ours.append("options", "trades", trades(1), ["trade_id"], {})
        with store_at(tmp_path / "other", uri) as theirs:
            assert theirs.read("options", "trades")[1] == 0
            with pytest.raises(Refused, match=r"ticks/options is written by another desk, on .* `takes_over: true`"):
                theirs.append("options", "trades", trades(2), ["trade_id"], {})
            theirs.append("theirs", "trades", trades(2), ["trade_id"], {})
        with store_at(tmp_path / "other", uri, takes_over=True) as theirs:
            theirs.append("options", "trades", trades(2), ["trade_id"], {})
    with store_at(tmp_path / "one", uri) as ours:
        with pytest.raises(Refused):
            ours.append("options", "trades", trades(3), ["trade_id"], {})
        assert ours.read("options", "trades")[0]["trade_id"].tolist() == [1, 2]


def test_keys_are_never_said(tmp_path: Path, s3_bucket: Callable[[], str]) -> None:
    uri = s3_bucket()
    store = store_at(tmp_path, uri.replace("127.0.0.1:b", "127.0.0.1:nosuch"))
    with pytest.raises(Problem) as told:
        store.open().write("risk", "betas", trades(1), {})
    assert "hunter2" not in str(told.value)
    assert "hunter2" not in repr(store.settings)
