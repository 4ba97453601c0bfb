"""Pure steps on a real Dask cluster of two worker processes: the same frames as on threads, and no silence."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows import dask_cluster
from flows.shared_frames import Reference
from tasks.connections.content import content_id
from tasks.declare import Task

pytest.importorskip("distributed")

CODE = Path(__file__).resolve().parents[3]
PROBE = '''
import os, time
import numpy as np
import pandas as pd
from pathlib import Path
from pandera.typing import DataFrame
from schemas.market import Prices
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task

@task
def make_prices(rows: int) -> DataFrame[Prices]:
    """So many prices, seeded."""
    ids = np.arange(1, rows + 1)
    return pd.DataFrame({
        "con_id": ids,
        "symbol": pd.Categorical([f"S{i % 7}" for i in ids]),
        "session": pd.Timestamp("2022-12-27").as_unit("ns"),
        "close": np.random.default_rng(7).uniform(1, 400, rows),
    })

@task
def one_price(con_id: int, slow: float = 0.0) -> DataFrame[Prices]:
    """One price, noting whose process made it."""
    time.sleep(slow)
    note(f"by {os.getpid()}")
    return make_prices.function(con_id).tail(1).assign(close=np.sqrt(con_id))

@task
def pick(prices: DataFrame[Prices], con_id: int) -> DataFrame[Prices]:
    """The price of one contract of many."""
    note(f"by {os.getpid()}")
    return prices[prices["con_id"] == con_id].assign(close=lambda rows: rows["close"] / 3)

@task
def spoil(prices: DataFrame[Prices], con_id: int) -> DataFrame[Prices]:
    """Writes into the frame that it is given."""
    prices["close"] *= 2
    return prices[prices["con_id"] == con_id]

@task
def wrong(prices: DataFrame[Prices]) -> DataFrame[Prices]:
    """Says what is wrong."""
    raise DataProblem("13 is unlucky.", "Leave it out.")

@task
def die(con_id: int, mark: str) -> DataFrame[Prices]:
    """Ends its process, the first time."""
    try:
        Path(mark).touch(exist_ok=False)
    except FileExistsError:
        return one_price.function(con_id)
    os._exit(1)

@task
def die_always(con_id: int) -> DataFrame[Prices]:
    """Ends its process."""
    os._exit(1)
'''


@dataclass
class Local:
    """A scheduler and its workers, on this machine."""

    path: Path
    address: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, workers: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self._start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show")
        logs = [self.add() for _ in range(workers)]
        until = time.monotonic() + 30
        while not all("Registered to" in log.read_text() for log in logs):
            assert time.monotonic() < until, [log.read_text() for log in logs]
            time.sleep(0.05)

    def add(self) -> Path:
        options = ("--nthreads", "2", "--no-nanny", "--no-dashboard", "--memory-limit", "0")
        return self._start("worker", self.address, *options)

    def _start(self, what: str, *arguments: str) -> Path:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
        paths = os.pathsep.join([str(CODE), str(self.path)])
        path = self.path / f"{what}{len(self.processes)}.log"
        with path.open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    command,
                    cwd=self.path,
                    env={**os.environ, "PYTHONPATH": paths},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        return path

    @property
    def workers(self) -> list[subprocess.Popen[bytes]]:
        return [process for process in self.processes[1:] if process.poll() is None]

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.send_signal(signal.SIGKILL)
            process.wait(10)


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Tasks of a module that the workers can import too."""
    path = tmp_path_factory.mktemp("probe")
    (path / "dask_probe.py").write_text(PROBE)
    sys.path.insert(0, str(path))
    import dask_probe

    yield {"path": path, "tasks": {t.spec.name: t.spec for t in vars(dask_probe).values() if isinstance(t, Task)}}
    sys.path.remove(str(path))


@pytest.fixture(scope="module")
def cluster(probe) -> Iterator[Local]:
    local = Local(probe["path"])
    try:
        local.start(2)
        yield local
    finally:
        local.stop()


@pytest.fixture
def own(probe, tmp_path) -> Iterator[Local]:
    """A cluster that the test may break."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "dask_probe.py").write_text(PROBE)
    local = Local(tmp_path / "own")
    try:
        yield local
    finally:
        local.stop()


@pytest.fixture
def known(project, probe):
    """The project, whose catalog has the probe's tasks."""
    project.tasks = type(project.tasks)({**project.tasks.tasks, **probe["tasks"]}, project.tasks.schemas)
    return project


def on(local: Local, text: str) -> str:
    return f"runner: {{dask: '{local.address}'}}\n{text}"


def pids(finished, name: str) -> set[int]:
    return {
        int(note.removeprefix("by "))
        for node, outcome in finished.outcomes.items()
        if node.startswith(name)
        for note in outcome.notes
    }


EACH = """
steps:
  prices: {task: make_prices, with: {rows: 60000}}
  picked: {task: pick, in: prices, each: {con_id: [1, 5, 60000, 4, 2, 3]}}
  returns: {task: compute_returns, in: prices}
  single: {task: one_price, each: {con_id: [1, 2, 3, 4]}, with: {slow: 0.2}}
output: picked
"""


def test_the_frames_are_those_of_threads_bit_for_bit_and_both_workers_make_them(known, cluster):
    here = known.run("here", EACH)
    there = known.run("there", on(cluster, EACH))
    assert there.status == "completed", there.failures
    assert here.outcomes["prices"].frames[None].memory_usage().sum() > dask_cluster.LARGE
    for name, outcome in here.outcomes.items():
        assert content_id(outcome.frames[None]) == content_id(there.outcomes[name].frames[None]), name
    assert pids(here, "picked") == {os.getpid()}
    workers = {worker.pid for worker in cluster.workers}
    assert len(workers) == 2
    assert pids(there, "picked") <= workers
    assert pids(there, "single") == workers
    with known.journal as journal:
        kept = {step.step: step for step in journal.run(there.id).steps}
        assert kept["picked[5]"].outputs[None].id == content_id(there.outcomes["picked[5]"].frames[None])


@pytest.fixture
def given(monkeypatch) -> list[Any]:
    """What stood for the frames of calls."""
    seen: list[Any] = []
    real = dask_cluster.Cluster._given

    def given(self: Any, *arguments: Any) -> Any:
        seen.append(real(self, *arguments))
        return seen[-1]

    monkeypatch.setattr(dask_cluster.Cluster, "_given", given)
    return seen


def test_large_frames_go_by_reference_and_the_others_by_value(known, cluster, given):
    finished = known.run("referred", on(cluster, EACH.replace("rows: 60000", "rows: 50000").replace("60000", "9")))
    assert finished.status == "completed", finished.failures
    assert {type(one) for one in given} == {Reference}
    assert {one.content for one in given} == {content_id(finished.outcomes["prices"].frames[None])}
    given.clear()
    small = known.run("small", on(cluster, EACH.replace("60000", "9")))
    assert small.status == "completed", small.failures
    assert {type(one) for one in given} == {pd.DataFrame}


@pytest.mark.parametrize("place", [None, ("another machine", 1, 1)])
def test_workers_of_another_machine_get_large_frames_once_by_value(known, cluster, given, monkeypatch, place):
    here = known.run("here", EACH)
    monkeypatch.setattr(dask_cluster, "place_of", lambda _: place)
    there = known.run("there", on(cluster, EACH))
    assert there.status == "completed", there.failures
    for name, outcome in here.outcomes.items():
        assert content_id(outcome.frames[None]) == content_id(there.outcomes[name].frames[None]), name
        assert there.outcomes[name].attempts == 1
    sent = [one for one in given if not isinstance(one, Reference)]
    assert len({one.key for one in sent}) < len(sent)
    assert len(given) == len(sent) or place is not None


def test_a_frame_that_a_worker_cannot_read_is_sent_to_it(known, cluster, given, monkeypatch):
    """As one that expires while its run goes on."""
    monkeypatch.setattr("flows.journal.Journal.shelved", lambda self, *_: (self.folder / "frames", "0" * 64))
    there = known.run("unread", on(cluster, EACH))
    assert there.status == "completed", there.failures
    assert {type(one) for one in given} > {Reference}


def test_a_tracked_run_computes_there_too(known, cluster, tracked):
    there = known.run("tracked_there", on(cluster, EACH), untracked=False)
    assert there.tracked
    assert there.status == "completed", there.failures
    assert pids(there, "picked") <= {worker.pid for worker in cluster.workers}


def test_reads_and_effects_stay_with_the_run(known, cluster, world):
    text = """
        steps:
          prices: {task: read_some}
          now: {task: read_now}
          do: {task: act, in: prices}
        """
    assert known.run("stay", on(cluster, "") + text.replace("\n        ", "\n")).status == "completed"
    assert {"read_some", "read_now", "act desk"} <= set(world.calls)


def test_a_task_that_writes_into_its_frame_changes_it_for_no_other(known, cluster):
    text = EACH.replace("task: pick,", "task: spoil,")
    assert content_id(known.run("spoilt", on(cluster, text)).outcomes["picked"].frames[None]) == content_id(
        known.run("spoilt_here", text).outcomes["picked"].frames[None]
    )


def test_what_a_task_says_is_wrong_is_said_in_the_same_words(known, cluster):
    text = "steps:\n  prices: {task: make_prices, with: {rows: 3}}\n  bad: {task: wrong, in: prices, retry: 3}\n"
    outcome = known.run("wrong", on(cluster, text)).outcomes["bad"]
    assert (outcome.reason, outcome.attempts) == ("13 is unlucky. Leave it out.", 1)


def test_a_step_past_its_timeout_is_given_up(known, cluster):
    text = "steps:\n  slow: {task: one_price, with: {con_id: 1, slow: 3.0}, timeout: 200ms}\n"
    begun = time.monotonic()
    outcome = known.run("slow", on(cluster, text)).outcomes["slow"]
    assert "timeout of 0.2 s" in outcome.reason
    assert time.monotonic() - begun < 3


KILLED = """
steps:
  prices: {{task: make_prices, with: {{rows: 60000}}}}
  before: {{task: pick, in: prices, each: {{con_id: [1, 2, 3, 4]}}}}
  killer: {{task: die, with: {{con_id: 3, mark: "{mark}"}}, after: [before]}}
  after: {{task: pick, in: prices, each: {{con_id: [5, 6, 7, 8]}}, after: [killer]}}
"""


def test_a_killed_worker_is_made_up_for_by_another(known, own):
    own.start(2)
    mark = own.path / "mark"
    finished = known.run("killed", on(own, KILLED.format(mark=mark)))
    assert finished.status == "completed", finished.failures
    assert mark.exists()
    assert len(own.workers) == 1
    assert finished.outcomes["killer"].frames[None]["close"].tolist() == [np.sqrt(3)]
    assert pids(finished, "after") == {own.workers[0].pid}


@pytest.mark.parametrize("is_shared", [True, False])
def test_a_worker_in_the_place_of_the_only_one_gets_its_large_frames_anew(known, own, monkeypatch, is_shared):
    if not is_shared:
        monkeypatch.setattr(dask_cluster, "place_of", lambda _: None)
    own.start(1)
    mark = own.path / "mark"

    def replace() -> None:
        until = time.monotonic() + 30
        while not mark.exists() and time.monotonic() < until:
            time.sleep(0.05)
        own.add()

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        finished = known.run("replaced", on(own, KILLED.format(mark=mark)))
    finally:
        thread.join(40)
    assert finished.status == "completed", finished.failures
    assert pids(finished, "after") == {own.processes[-1].pid}


def test_a_step_that_ends_every_worker_fails_in_a_sentence(known, own, monkeypatch):
    monkeypatch.setattr(dask_cluster, "PATIENCE", 2.0)
    own.start(1)
    begun = time.monotonic()
    text = "steps:\n  killer: {task: die_always, with: {con_id: 3}}\n  other: {task: read_some}\n"
    finished = known.run("killer", on(own, text))
    assert time.monotonic() - begun < 20
    assert finished.outcomes["other"].status == "completed"
    assert "was lost, or has no worker left, while it was used" in finished.outcomes["killer"].reason


def test_a_cluster_that_is_not_there_fails_the_step_and_no_other(known, own, monkeypatch):
    monkeypatch.setattr(dask_cluster, "PATIENCE", 2.0)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        own.address = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
        text = "steps:\n  one: {task: one_price, with: {con_id: 1}}\n  other: {task: read_some}\n"
        finished = known.run("away", on(own, text))
    assert finished.outcomes["other"].status == "completed"
    assert f"No Dask scheduler answers at {own.address}" in finished.outcomes["one"].reason


def test_a_worker_with_another_version_of_a_task_is_refused(known, own):
    (own.path / "dask_probe.py").write_text(PROBE.replace("np.sqrt(con_id)", "np.sqrt(con_id) + 1"))
    own.start(1)
    outcome = known.run("skewed", on(own, "steps:\n  one: {task: one_price, with: {con_id: 1}}\n")).outcomes["one"]
    assert "Task `one_price` on the Dask worker is another version than the run's" in outcome.reason


def test_frames_are_the_same_on_the_wire():
    """What the results rest on: pickling keeps categories, units and missing values."""
    import pickle

    frame = pd.DataFrame(
        {
            "symbol": pd.Categorical(["B", None], categories=["A", "B"]),
            "time": pd.to_datetime(["2022-12-27T20:45:00.000000001Z", None]).as_unit("ns"),
            "value": [np.nan, -0.0],
        }
    )
    assert content_id(pickle.loads(pickle.dumps(frame, 5))) == content_id(frame)  # noqa: S301 - our own
