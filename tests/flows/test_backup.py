"""A desk's backup: taken while runs go on, whole or not there, and a restored desk knows what it knew."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from flows import archive
from flows.copies import copy_data
from tasks.connections.problems import DataProblem

# ArcticDB and the copying of its folder must not meet in one process: commands and writers have their own.
SEED = """
import sys
from datetime import date
from pathlib import Path
import numpy as np, pandas as pd
from flows.journal import Journal
from flows.stream.spool import Spool
from tasks.connections.arctic import FrameStore
from tasks.connections.sql import Database
data = Path(sys.argv[1])
frame = pd.DataFrame({"con_id": np.arange(40_000), "beta": np.linspace(0, 2, 40_000)})
with FrameStore("frames", FrameStore.Settings(), data) as store:
    store.write("risk", "betas", frame.head(5), {"session": "2022-12-28"})
with Database("tables", Database.Settings(), data) as database:
    database.replace("fills", frame.head(3), session=date(2022, 12, 28), effect="k", run="r")
with Journal(data) as journal:
    journal.begin_run(run="5eed", pipeline="hedge", text="", params={}, desk={}, session=date(2022, 12, 28),
        slot="manual", clock="wall", trigger="test", started=pd.Timestamp("2022-12-28", tz="UTC"), versions={})
    journal.begin_step(run="5eed", step="betas", task="t", item=None, source_hash="", arguments={}, inputs={})
    ref = journal.put_frame(frame, "")
    journal.end_step("5eed", "betas", "completed", seconds=0.1, attempts=1, outputs={None: ref})
with Spool(data / "streams" / "live" / "2022-12-28-ab.db") as spool:
    spool.begin("1ive", 0, {"pipeline": "live"})
(data / "logs").mkdir()
(data / "logs" / "hedgerow.log").write_text("told")
(data / "paper" / "journal").mkdir(parents=True)
(data / "paper" / "journal" / "journal.db").touch()
"""
LOOK = """
import sys
from pathlib import Path
from flows.journal import Journal
from flows.stream.spool import Spool
from tasks.connections.arctic import FrameStore
from tasks.connections.sql import Database
data = Path(sys.argv[1])
with FrameStore("frames", FrameStore.Settings(), data) as store:
    print(len(store.read("risk", "betas")[0]), store.write("risk", "betas", store.read("risk", "betas")[0], {"n": 1}))
with Database("tables", Database.Settings(), data) as database:
    print(len(database.read("fills")))
with Journal(data) as journal:
    print(len(journal.frame(journal.run("5eed").step("betas").outputs[None])))
with Spool(data / "streams" / "live" / "2022-12-28-ab.db") as spool:
    print(spool.about()["pipeline"])
print((data / "logs" / "hedgerow.log").read_text(), (data / "paper").exists())
"""
WRITER = """
import sys
from datetime import date
from pathlib import Path
import numpy as np, pandas as pd
from flows.journal import Journal
from tasks.connections.arctic import FrameStore
from tasks.connections.sql import Database
data = Path(sys.argv[1])
with (FrameStore("frames", FrameStore.Settings(), data) as store,
      Database("tables", Database.Settings(), data) as database, Journal(data) as journal):
    for n in range(10_000):
        frame = pd.DataFrame({"n": np.arange(n, n + 40_000)})
        store.write("live", "n", frame.head(10), {"n": n})
        database.replace("live", frame.head(10), session=date(2022, 12, 28), effect=f"k{n}", run="r")
        run = f"w{n:05d}"
        journal.begin_run(run=run, pipeline="w", text="", params={}, desk={}, session=date(2022, 12, 28), slot="m",
            clock="wall", trigger="test", started=pd.Timestamp(n, tz="UTC"), versions={})
        journal.begin_step(run=run, step="s", task="t", item=None, source_hash="", arguments={}, inputs={})
        ref = journal.put_frame(frame, "")
        journal.end_step(run, "s", "completed", seconds=0.1, attempts=1, outputs={None: ref})
        print(n, flush=True)
"""
HELD = """
import sys
from pathlib import Path
from flows.journal import Journal
from tasks.connections.arctic import FrameStore
from tasks.connections.sql import Database
data = Path(sys.argv[1])
with (FrameStore("frames", FrameStore.Settings(), data) as store,
      Database("tables", Database.Settings(), data) as database, Journal(data) as journal):
    done = [run for run in journal.runs(10_000, "w") if "s" in {one.step for one in journal.run(run.id).steps}
            and journal.run(run.id).step("s").status == "completed"]
    for run in done:
        assert len(journal.frame(journal.run(run.id).step("s").outputs[None])) == 40_000
    last = max(int(run.id[1:]) for run in done)
    assert store.metadata("live", "n")["n"] >= last
    assert database.read("live")["n"].max() >= last + 9
    print(last)
"""


def python(code: str, *arguments: object) -> str:
    told = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


def hedgerow(project: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows", *map(str, arguments)]
    environment = {**os.environ, "HEDGEROW_PROJECT": str(project)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("seed") / ".hedgerow"
    python(SEED, data)
    return data


@pytest.fixture
def project(tmp_path: Path, seeded: Path) -> Path:
    """A project whose desk has a past."""
    (tmp_path / "pipelines").mkdir()
    desk = "connections:\n  frames: {kind: arctic}\n  tables: {kind: sql}\n  away: {kind: arctic, uri: 's3://h:b'}\n"
    (tmp_path / "pipelines" / "_desk.yaml").write_text(desk)
    subprocess.run(["cp", "-a", seeded, tmp_path / ".hedgerow"], check=True)
    return tmp_path


def test_a_restored_desk_knows_what_it_knew(project: Path) -> None:
    data, file = project / ".hedgerow", project / "desk.tar.gz"
    told = hedgerow(project, "backup", file)
    assert told.returncode == 0, told.stderr
    assert "each held against its hash" in told.stdout
    assert "`away` is not in it" in told.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    refused = hedgerow(project, "restore", file)
    assert refused.returncode == 1
    assert "has data already. Give --force" in refused.stderr
    (data / "frames" / "risk" / "data.mdb").write_bytes(b"ruined")
    told = hedgerow(project, "restore", file, "--force")
    assert told.returncode == 0, told.stderr
    assert (project / ".hedgerow.before-1" / "frames" / "risk" / "data.mdb").read_bytes() == b"ruined"
    assert python(LOOK, data).split() == ["5", "1", "3", "40000", "live", "told", "False"]
    assert not list(project.glob(".*.restoring"))


def test_what_it_holds_was_there_at_one_time_while_runs_went_on(project: Path, tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(project / ".hedgerow")], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    try:
        for _ in range(5):
            before = int(writer.stdout.readline())
        told = hedgerow(project, "backup", tmp_path / "desk.tar.gz")
        assert told.returncode == 0, told.stderr
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.communicate()
    restored = tmp_path / "elsewhere"
    archive.extract(tmp_path / "desk.tar.gz", restored)
    assert int(python(HELD, restored)) >= before


def test_a_backup_that_is_killed_is_not_there(project: Path) -> None:
    file = project / "desk.tar.gz"
    noise = project / ".hedgerow" / "noise.bin"
    noise.write_bytes(np.random.default_rng(7).bytes(60_000_000))
    environment = {**os.environ, "HEDGEROW_PROJECT": str(project)}
    for suffix in ("staged", "part"):
        killed = subprocess.Popen([sys.executable, "-m", "flows", "backup", str(file)], env=environment)
        until = time.monotonic() + 30
        while not list(project.glob(f".{file.name}.*.{suffix}")) and time.monotonic() < until:
            time.sleep(0.005)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert not file.exists()
    assert hedgerow(project, "backup", file).returncode == 0
    assert not list(project.glob(f".{file.name}.*"))
    archive.verify(file)


def test_a_restore_that_is_killed_leaves_the_old_or_the_new(project: Path) -> None:
    file = project / "desk.tar.gz"
    (project / ".hedgerow" / "noise.bin").write_bytes(np.random.default_rng(7).bytes(60_000_000))
    assert hedgerow(project, "backup", file).returncode == 0
    environment = {**os.environ, "HEDGEROW_PROJECT": str(project)}
    killed = subprocess.Popen([sys.executable, "-m", "flows", "restore", str(file), "--force"], env=environment)
    until = time.monotonic() + 30
    while not list(project.glob(".*.restoring")) and time.monotonic() < until:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (project / ".hedgerow" / "journal" / "journal.db").exists()
    assert hedgerow(project, "restore", file, "--force").returncode == 0
    assert not list(project.glob(".*.restoring"))


def test_a_desk_at_work_is_not_restored_over(project: Path) -> None:
    file = project / "desk.tar.gz"
    assert hedgerow(project, "backup", file).returncode == 0
    (project / ".hedgerow" / "locks").mkdir(exist_ok=True)
    with FileLock(project / ".hedgerow" / "locks" / "beta_hedge.lock"):
        told = hedgerow(project, "restore", file, "--force")
    assert told.returncode == 1
    assert "The desk is at work: locks/beta_hedge.lock is held" in told.stderr
    assert not list(project.glob(".hedgerow.before-*"))


def test_another_desks_backup_and_an_existing_file_are_refused(project: Path) -> None:
    file = project / "desk.tar.gz"
    assert hedgerow(project, "backup", file).returncode == 0
    again = hedgerow(project, "backup", file)
    assert again.returncode == 1
    assert "desk.tar.gz exists. Name another file, or give --force" in again.stderr
    inside = hedgerow(project, "backup", project / ".hedgerow" / "x.tar.gz")
    assert "is in the folder that it would be a backup of" in inside.stderr
    path = project / "pipelines" / "_desk.yaml"
    path.write_text("name: other\ndata: fresh\n" + path.read_text())
    told = hedgerow(project, "restore", file)
    assert told.returncode == 1
    assert "is a backup of desk" in told.stderr
    assert not (project / "fresh").exists()


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "a").write_text("first")
    (folder / "deep" / "b").write_bytes(bytes(100_000))
    archive.write(tmp_path / "x.tar.gz", folder, ["a", "deep/b"], {"desk": "d", "profile": None, "taken": "2022"})
    return tmp_path / "x.tar.gz"


def test_a_file_that_was_changed_or_cut_is_refused_whole(packed: Path, tmp_path: Path) -> None:
    whole = packed.read_bytes()
    for wrong in (whole[:-200], whole[:300], b"", b"none at all"):
        packed.write_bytes(wrong)
        with pytest.raises(DataProblem):
            archive.extract(packed, tmp_path / "out")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "said"), [("a", "its hash is another"), ("evil", "of which it says nothing")])
def test_a_member_that_is_not_what_was_backed_up_is_named(packed: Path, tmp_path: Path, name: str, said: str) -> None:
    changed = tmp_path / "y.tar.gz"
    (tmp_path / "member").write_text("third")
    with tarfile.open(packed) as old, tarfile.open(changed, "w:gz") as new:
        for member in old:
            if member.name != "data/a":
                new.addfile(member, old.extractfile(member))
        new.add(tmp_path / "member", arcname=f"data/{name}")
    with pytest.raises(DataProblem, match=said):
        archive.extract(changed, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_copies_of_databases_are_whole_while_they_are_written(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with closing(sqlite3.connect(data / "desk.db", check_same_thread=False)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE pairs (n INTEGER, half TEXT)")
        database.commit()
        stopped = threading.Event()

        def write() -> None:
            n = 0
            while not stopped.is_set():
                n += 1
                with suppress(sqlite3.OperationalError), database:
                    database.executemany("INSERT INTO pairs VALUES (?, ?)", [(n, "one"), (n, "two")])

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(5):
                assert copy_data(data, tmp_path / str(number)) == ["desk.db"]
                with closing(sqlite3.connect(tmp_path / str(number) / "desk.db")) as copy:
                    pairs = pd.read_sql("SELECT n, COUNT(*) AS halves FROM pairs GROUP BY n", copy)
                assert (pairs["halves"] == 2).all()
        finally:
            stopped.set()
            writer.join()
