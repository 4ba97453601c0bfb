"""kill -9 in the midst of each kind of write: what was acknowledged is there, and all of it can be read."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from tasks.connections.arctic import FrameStore
from tasks.connections.arctic_query import Selection
from tasks.connections.sql import Database

KILLS = int(os.environ.get("HEDGEROW_KILLS", "3"))
"""Of each kind of write; a hundred take some minutes."""
WRITER = """
import sys
from datetime import date
from pathlib import Path
import numpy as np, pandas as pd
from tasks.connections.arctic import FrameStore
from tasks.connections.sql import Database
folder, how, url, begin = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
store = FrameStore("frames", FrameStore.Settings(), folder).open() if how != "rows" else None
database = Database("tables", Database.Settings(url=url), folder).open() if how == "rows" else None
for n in range(begin, begin + 100_000):
    ids = np.arange(n * 500, (n + 1) * 500)
    frame = pd.DataFrame({"id": ids, "time": pd.to_datetime(ids, unit="s", utc=True), "n": n})
    if how == "write":
        store.write("l", "s", frame, {"n": n})
    elif how == "append":
        store.append("l", "s", frame, ["id"], {"n": n})
    elif how == "upsert":  # half of the rows before come again
        again = frame.assign(id=frame["id"] - 250, time=frame["time"] - pd.Timedelta("250s")) if n else frame
        store.append("l", "s", again, ["id", "time"], {"n": n}, upsert=True)
    else:
        database.replace("t", frame, session=date(2025, 3, 3), effect=f"k{n}", run="r", key=["id"])
    print(n, flush=True)
"""


def killed(folder: Path, how: str, url: str, begin: int, acknowledged: int) -> int:
    """Kill a writer after so many writes; the last that it acknowledged."""
    arguments = [sys.executable, "-c", WRITER, str(folder), how, url, str(begin)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        last = [int(writer.stdout.readline()) for _ in range(acknowledged)][-1]
        writer.kill()
        told = writer.stdout.read().splitlines()  # said before it died
    return int(told[-1]) if told and told[-1] else last


@pytest.mark.parametrize("how", ["write", "append", "upsert"])
def test_frames_outlive_their_writer(tmp_path: Path, how: str) -> None:
    begin = 0
    for kill in range(KILLS):
        last = killed(tmp_path, how, "", begin, 3 + kill % 5)
        with FrameStore("frames", FrameStore.Settings(), tmp_path) as store:
            found = store.select("l", "s", Selection()).frame
            there = store.metadata("l", "s")["n"]
        assert last <= there <= last + 1  # one that nobody was told of may be there
        if how == "write":
            assert found["n"].tolist() == [there] * 500
        else:
            end = (there + 1) * 500 - (250 if how == "upsert" and there else 0)
            assert found["id"].tolist() == list(range(end))
        begin = there + 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_rows_outlive_their_writer(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    url = "sqlite" if kind == "sqlite" else str(request.getfixturevalue("postgresql_url"))
    begin = 0
    for kill in range(KILLS):
        last = killed(tmp_path, "rows", url, begin, 3 + kill % 5)
        with Database("tables", Database.Settings(url=url), tmp_path) as database:
            found = database.read("t", date(2025, 3, 3))
        there = len(found) // 500 - 1
        assert last <= there <= last + 1
        assert sorted(found["id"]) == list(range((there + 1) * 500))
        begin = there + 1
