"""A project whose sources the test feeds by hand, on a clock that it moves."""

from __future__ import annotations

import queue
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
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
from flows.check import check_file, render
from flows.check.parameters import bind
from flows.context import OpenConnections, RunContext
from flows.desk import load_desk
from flows.journal import Journal
from flows.stream.firing import Fired, Graph
from flows.stream.runner import Ended, Stream
from schemas.frame import Category, Frame
from tasks.connections.base import Connection
from tasks.connections.clock import Clock, ManualClock
from tasks.connections.problems import ConnectionProblem, Refused
from tasks.connections.scope import note
from tasks.declare import Task, source, task
from tasks.registry import Catalog, catalog
from tasks.run import OrderPolicy, Run

OPEN = "2022-12-28T15:00:00Z"


class Ticks(Frame):
    """Prices as they come."""

    __key__: ClassVar[tuple[str, ...]] = ("con_id",)

    con_id: np.int64 = pa.Field(gt=0)
    symbol: Category
    price: np.float64 = pa.Field(gt=0, nullable=True)


class Prints(Frame):
    """Trades: no two are the same."""

    __key__: ClassVar[tuple[str, ...]] = ("number",)

    number: np.int64
    con_id: np.int64 = pa.Field(gt=0)
    size: np.float64 = pa.Field(gt=0)


class Totals(Frame):
    """A sum."""

    __key__: ClassVar[tuple[str, ...]] = ("name",)

    name: Category
    total: np.float64
    rows: np.int64


class Batch(NamedTuple):
    rows: pd.DataFrame
    sequence: int
    time: pd.Timestamp | None = None
    is_all: bool = False


class Hand:
    """A source that gives what the test puts in."""

    END = object()

    def __init__(self) -> None:
        self.queue: queue.Queue[Any] = queue.Queue()
        self.opened: list[pd.DataFrame | None] = []
        self.stale = False
        self.dropped = 0
        self.confirmed = False
        self._sequence = 0

    def put(self, rows: pd.DataFrame, is_all: bool = False) -> None:
        self._sequence += len(rows)
        self.queue.put(Batch(rows, self._sequence, is_all=is_all))

    def fail(self, error: Exception) -> None:
        self.queue.put(error)

    def end(self) -> None:
        self.queue.put(self.END)

    def opening(self) -> Hand.Open:
        return Hand.Open(self)

    class Open:
        def __init__(self, hand: Hand) -> None:
            self._hand = hand
            self._closed = threading.Event()

        stale = property(lambda self: self._hand.stale)
        dropped = property(lambda self: self._hand.dropped)
        confirmed = property(lambda self: self._hand.confirmed)

        def __iter__(self) -> Iterator[Batch]:
            while not self._closed.is_set():
                try:
                    given = self._hand.queue.get(timeout=0.02)
                except queue.Empty:
                    continue
                if self._closed.is_set():  # it is for whoever opened it after
                    self._hand.queue.put(given)
                    return
                if given is Hand.END:
                    return
                if isinstance(given, Exception):
                    raise given
                yield given

        def close(self) -> None:
            self._closed.set()


@dataclass
class World:
    clock: ManualClock = field(default_factory=lambda: ManualClock(OPEN))
    hands: dict[str, Hand] = field(default_factory=dict)
    acts: list[Any] = field(default_factory=list)
    failing: dict[str, int] = field(default_factory=dict)
    reads: int = 0

    def hand(self, name: str) -> Hand:
        return self.hands.setdefault(name, Hand())

    def fail_if_asked(self, name: str) -> None:
        if self.failing.get(name, 0) > 0:
            self.failing[name] -= 1
            raise ConnectionProblem(f"{name} is away.")


WORLD = World()


class Market(Connection):
    kind: ClassVar[str] = "market"

    def clock(self) -> Clock:
        return WORLD.clock

    def _open(self) -> None: ...

    def _close(self) -> None: ...


def ticks(*pairs: tuple[int, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "con_id": np.array([con_id for con_id, _ in pairs], dtype=np.int64),
            "symbol": pd.Categorical([f"S{con_id}" for con_id, _ in pairs]),
            "price": np.array([price for _, price in pairs], dtype=np.float64),
        }
    )


def prints(*numbers: int, size: float = 1.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": np.array(numbers, dtype=np.int64),
            "con_id": np.ones(len(numbers), dtype=np.int64),
            "size": np.full(len(numbers), size),
        }
    )


def totals(total: float, rows: int, name: str = "all") -> pd.DataFrame:
    return pd.DataFrame(
        {"name": pd.Categorical([name]), "total": [float(total)], "rows": np.array([rows], dtype=np.int64)}
    )


@source
def watch_ticks(market: Market, hand: str = "ticks") -> DataFrame[Ticks]:
    """Prices."""
    WORLD.hand(hand).opened.append(None)
    return WORLD.hand(hand).opening()  # type: ignore[return-value]


@source
def watch_of(universe: DataFrame[Ticks], market: Market, hand: str = "of") -> DataFrame[Ticks]:
    """Prices of a universe."""
    WORLD.hand(hand).opened.append(universe)
    return WORLD.hand(hand).opening()  # type: ignore[return-value]


@source
def watch_prints(market: Market, hand: str = "prints") -> DataFrame[Prints]:
    """Trades."""
    return WORLD.hand(hand).opening()  # type: ignore[return-value]


@task
def sum_ticks(ticks: DataFrame[Ticks], scale: float = 1.0) -> DataFrame[Totals]:
    """The sum of the prices."""
    note(f"{len(ticks)} prices")
    if (ticks["price"] == 13).any():
        raise ValueError("13 is unlucky")
    return totals(scale * ticks["price"].sum(), len(ticks))


@task
def sum_prints(prints: DataFrame[Prints], ticks: DataFrame[Ticks] | None = None) -> DataFrame[Totals]:
    """The size of these trades."""
    return totals(prints["size"].sum(), len(prints))


@task
def run_up(
    totals: DataFrame[Totals], run: Run, previous: DataFrame[Totals] | None = None, wait: float = 0
) -> DataFrame[Totals]:
    """The running sum of sums."""
    before = 0.0 if previous is None else float(previous["total"].iloc[0])
    return totals.assign(total=totals["total"] + before)


@task(reads="as_of")
def read_base(market: Market) -> DataFrame[Totals]:
    """Something of the world."""
    WORLD.fail_if_asked("read_base")
    WORLD.reads += 1
    return globals()["totals"](100.0 * WORLD.reads, 1)


@task(reads="as_of")
def read_prints(market: Market) -> DataFrame[Prints]:
    """What was printed before."""
    return prints(1, 2, 3)


@task
def add(one: DataFrame[Totals], other: DataFrame[Totals]) -> DataFrame[Totals]:
    """Both together."""
    return one.assign(total=one["total"] + other["total"].iloc[0])


@task(effect=True)
def keep_prints(prints: DataFrame[Prints], run: Run) -> DataFrame[Totals]:
    """Keeps trades."""
    WORLD.fail_if_asked("keep_prints")
    WORLD.acts.append(("keep", prints["number"].tolist(), run.key))
    WORLD.fail_if_asked("keep_prints answering")
    return totals(prints["size"].sum(), len(prints))


@task(effect=True)
def tell(totals: DataFrame[Totals], run: Run) -> DataFrame[Totals]:
    """Tells somebody."""
    WORLD.fail_if_asked("tell")
    WORLD.acts.append(("tell", float(totals["total"].iloc[0]), run.key))
    return totals


@task(effect=True)
def trade(totals: DataFrame[Totals], policy: OrderPolicy) -> DataFrame[Totals]:
    """Trades."""
    WORLD.acts.append(("trade", float(totals["total"].iloc[0])))
    return totals


@task(effect=True)
def cry(run: Run) -> None:
    """Tells of failures."""
    WORLD.acts.append(("cry", dict(run.failures)))


@pytest.fixture
def world() -> World:
    WORLD.__dict__.update(vars(World()))
    return WORLD


class Running:
    """A stream in a thread of its own, looked at by the test."""

    def __init__(self, context: RunContext, close: Callable[[], None]) -> None:
        self.said: list[tuple[str, str]] = []
        self.firings: list[Fired] = []
        self.frames: list[dict[str, pd.DataFrame]] = []
        self.stream = Stream(context, (self,))
        self.context = context
        self.result: Ended | None = None
        self.error: BaseException | None = None
        self._close = close
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self.stream.run()
        except BaseException as error:
            self.error = error

    def fired(self, graph: Graph, fired: Fired) -> None:
        self.frames.append({name: frame for name in fired.ran if (frame := graph.held[name].frame(None)) is not None})
        self.firings.append(fired)

    def told(self, name: str, text: str) -> None:
        self.said.append((name, text))

    def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if self.error is not None:
                raise self.error
            assert time.monotonic() < end, f"waited in vain; told {self.said}, fired {self.firings[-3:]}"
            time.sleep(0.002)

    def outputs(self, step: str) -> list[float]:
        """What a step's totals were, firing by firing."""
        return [float(frames[step]["total"].iloc[0]) for frames in list(self.frames) if step in frames]

    def wait(self) -> Ended:
        self._thread.join(10)
        if self.error is not None:
            raise self.error
        assert self.result is not None, "it doesn't end"
        self._close()
        return self.result

    def stop(self) -> Ended:
        self.stream.stop()
        return self.wait()


@dataclass
class Project:
    root: Path
    tasks: Catalog

    def context(self, name: str, text: str, **params: str) -> tuple[RunContext, Callable[[], None]]:
        path = self.root / "pipelines" / f"{name}.yaml"
        path.write_text(textwrap.dedent(text))
        desk = load_desk(self.root / "pipelines", None)
        checked = check_file(path, self.tasks, desk, self.root / "pipelines")
        assert checked.plan is not None, render(checked)
        connections = OpenConnections(desk)
        journal = Journal(desk.data, connections.read_origin)
        context = RunContext(
            id=f"run{time.monotonic_ns()}",
            plan=checked.plan,
            desk=desk,
            parameters=bind(checked.plan, params),
            session=date(2022, 12, 28),
            clock=connections.clock(),
            connections=connections,
            journal=journal,
        )
        return context, lambda: (connections.close(), journal.close())

    def start(self, name: str, text: str, **params: str) -> Running:
        return Running(*self.context(name, text, **params))


def make_project(folder: Path, patch: pytest.MonkeyPatch) -> Project:
    """A project in a folder, with the tasks above."""
    real_class = base.connection_class
    patch.setitem(base.KINDS, "market", f"{__name__}:Market")
    patch.setattr("flows.desk.connection_class", lambda kind: Market if kind == "market" else real_class(kind))
    (folder / "pipelines").mkdir(parents=True, exist_ok=True)
    (folder / "pipelines" / "_desk.yaml").write_text("name: test\nconnections:\n  market: {kind: market}\n")
    own = {thing.spec.name: thing.spec for thing in globals().values() if isinstance(thing, Task)}
    real = catalog()
    return Project(folder, Catalog({**real.tasks, **own}, real.schemas))


@pytest.fixture
def project(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Project:
    return make_project(tmp_path, monkeypatch)


@pytest.fixture
def make() -> Any:
    """Makers of rows."""

    class Make:
        pass

    made = Make()
    made.ticks, made.prints, made.totals, made.refused = ticks, prints, totals, Refused  # type: ignore[attr-defined]
    return made
