"""A project in a temporary folder, with small tasks of its own and a clock that the tests move."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from pandera.typing import DataFrame

import tasks.connections.base as base
from flows.batch import Finished, run_batch
from flows.check import check_file, render
from flows.check.parameters import bind
from flows.desk import load_desk
from flows.journal import Journal
from schemas.market import Prices, Returns
from tasks.connections.base import Connection
from tasks.connections.clock import Clock, ManualClock
from tasks.connections.durations import Duration
from tasks.connections.problems import ConnectionProblem, DataProblem
from tasks.connections.scope import current, note
from tasks.declare import Task, source, task
from tasks.registry import Catalog, catalog
from tasks.run import Run

CLOSE = "2022-12-28T20:45:00Z"


@dataclass
class World:
    """What the test's tasks did, and how they are to behave."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(CLOSE))
    calls: list[str] = field(default_factory=list)
    failures: int = 0
    release: Any = None
    late: list[str] = field(default_factory=list)


WORLD = World()


class Market(Connection):
    """A connection whose clock the test moves."""

    kind: ClassVar[str] = "market"

    def clock(self) -> Clock:
        return WORLD.clock

    def _open(self) -> None:
        WORLD.calls.append("open")

    def _close(self) -> None:
        WORLD.calls.append("close")


def priced(con_ids: list[int], close: float = 10.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "con_id": np.array(con_ids, dtype=np.int64),
            "symbol": pd.Categorical([f"S{con_id}" for con_id in con_ids]),
            "session": pd.Timestamp("2022-12-27").as_unit("ns"),
            "close": close,
        }
    )


@task(reads="as_of")
def read_some(market: Market, con_ids: list[int] | None = None, close: float = 10.0) -> DataFrame[Prices]:
    """Some prices."""
    WORLD.calls.append("read_some")
    return priced([1, 2, 3] if con_ids is None else con_ids, close)


@source
def watch_some(market: Market) -> DataFrame[Prices]:
    """Prices as they come."""
    return priced([1])


@task(reads="now")
def read_now(market: Market) -> DataFrame[Prices]:
    """What is so only now."""
    WORLD.calls.append("read_now")
    return priced([1, 2], close=float(WORLD.clock.now().day))


@task
def one_contract(con_id: int, close: float = 10.0) -> DataFrame[Prices]:
    """One price."""
    WORLD.calls.append(f"one_contract {con_id}")
    if con_id == 13:
        raise DataProblem("13 is unlucky.")
    return priced([con_id], close)


@task
def compute_some(prices: DataFrame[Prices], extra: DataFrame[Prices] | None = None) -> DataFrame[Returns]:
    """Returns of a kind; noting whether there was an extra."""
    note("with extra" if extra is not None else "alone")
    return prices[["con_id", "symbol", "session"]].assign(**{"return": prices["close"] / 100})


@task
def carry_on(prices: DataFrame[Prices], previous: DataFrame[Prices] | None = None) -> DataFrame[Prices]:
    """Prices plus what they were."""
    return prices.assign(close=prices["close"] + (0.0 if previous is None else previous["close"]))


class CheapPrices(Prices):
    """Prices, all of them low."""

    close: np.float64 = pa.Field(gt=0, lt=15)


@task
def take_cheap(prices: DataFrame[CheapPrices]) -> DataFrame[Prices]:
    """Takes what no schema of its producer promises."""
    return prices


@task
def take_typed(wait: Duration, day: date, share: float) -> DataFrame[Prices]:
    """Notes what it was given."""
    note(f"{wait!r} {day!r} {share!r}")
    return priced([1])


class Halves(NamedTuple):
    """Two frames."""

    low: DataFrame[Prices]
    high: DataFrame[Prices]


@task
def split_some(prices: DataFrame[Prices]) -> Halves:
    """Below and above con_id 2."""
    return Halves(prices[prices["con_id"] < 2], prices[prices["con_id"] >= 2])


@task
def fail_some(prices: DataFrame[Prices], retryable: bool = True) -> DataFrame[Prices]:
    """Fails as often as the world says."""
    WORLD.calls.append("fail_some")
    if WORLD.failures > 0:
        WORLD.failures -= 1
        raise ConnectionProblem("It is away.") if retryable else DataProblem("It is wrong.")
    return prices


@task
def break_schema(prices: DataFrame[Prices]) -> DataFrame[Prices]:
    """Yields what it must not."""
    return prices.assign(close=-prices["close"])


@task
def wait_long(prices: DataFrame[Prices]) -> DataFrame[Prices]:
    """Waits until released, then tries to send."""
    WORLD.release.wait(10)
    try:
        current().deadline.check("an order")
        WORLD.late.append("sent")
    except ConnectionProblem as problem:
        WORLD.late.append(str(problem))
    return prices


@task(effect=True)
def act(prices: DataFrame[Prices] | None, run: Run, to: str = "desk") -> DataFrame[Prices]:
    """Does something to the world; fails first as often as the world says."""
    WORLD.calls.append(f"act {to}")
    if WORLD.failures > 0:
        WORLD.failures -= 1
        raise ConnectionProblem("It is away.")
    return priced([1])


@pytest.fixture
def world() -> World:
    """Fresh for each test."""
    WORLD.__dict__.update(vars(World()))
    return WORLD


@dataclass
class Project:
    """Writes, checks and runs pipelines in a folder of its own."""

    root: Path
    tasks: Catalog

    def write(self, name: str, text: str) -> Path:
        path = self.root / "pipelines" / f"{name}.yaml"
        path.write_text(textwrap.dedent(text))
        return path

    def run(
        self, name: str, text: str | None = None, params: Mapping[str, str] | None = None, **options: Any
    ) -> Finished:
        path = self.root / "pipelines" / f"{name}.yaml" if text is None else self.write(name, text)
        desk = load_desk(self.root / "pipelines", None)
        checked = check_file(path, self.tasks, desk, self.root / "pipelines")
        assert checked.plan is not None, render(checked)
        return run_batch(checked.plan, desk, bind(checked.plan, params or {}), **{"untracked": True, **options})

    @property
    def journal(self) -> Journal:
        return Journal(load_desk(self.root / "pipelines", None).data)


@pytest.fixture
def project(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setitem(base.KINDS, "market", f"{__name__}:Market")
    monkeypatch.setattr(base, "connection_class", _with_market(base.connection_class))
    monkeypatch.setattr("flows.desk.connection_class", base.connection_class)
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "_desk.yaml").write_text("name: test\nconnections:\n  market: {kind: market}\n")
    own = {thing.spec.name: thing.spec for thing in globals().values() if isinstance(thing, Task)}
    real = catalog()
    return Project(tmp_path, Catalog({**real.tasks, **own}, real.schemas))


def _with_market(real: Callable[[str], type[Connection]]) -> Callable[[str], type[Connection]]:
    return lambda kind: Market if kind == "market" else real(kind)


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prefect server on a free port of this machine, stopped at the end."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        url = f"http://127.0.0.1:{port}/api"
        try:
            _wait_for(f"{url}/health", server, home / "server.log")
            yield url
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own server on loopback
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"no server at {url} within 90 s:\n{log.read_text()}")


@pytest.fixture
def tracked(prefect_api, monkeypatch):
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    with temporary_settings({PREFECT_API_URL: prefect_api}):
        yield lambda path, body: _post(f"{prefect_api}/{path}/filter", body)
        # Left to the process's end, what they still hold would go to a server that Prefect starts for it.
        APILogWorker.drain_all(timeout=10)
        EventsWorker.drain_all(timeout=10)


def _post(url: str, body: dict) -> list[dict]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server on loopback
        return json.load(answer)
