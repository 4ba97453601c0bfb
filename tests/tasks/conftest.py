"""Frames of the tests, each held against its schema, and the notes that tasks leave."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import sqrt
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pandas as pd
import pytest

from schemas.book import Exposures, Positions
from schemas.frame import Frame, empty, schema_of
from schemas.market import Prices, Quotes, Returns
from schemas.risk import Betas, Hedges
from tasks.connections.ib.broker import Broker, Settings
from tasks.connections.ib.simulator.book import Holding
from tasks.connections.ib.simulator.gateway import SimulatedGateway
from tasks.connections.ib.simulator.instruments import Instrument
from tasks.connections.scope import Message, Scope, entered
from tasks.positions import read_positions
from tasks.run import Run
from tasks.stream import Batch, Stream

Rows = Callable[..., pd.DataFrame]

NOON = pd.Timestamp("2022-12-28 17:00", tz="UTC")


class Notebook:
    """Listens to a step, and keeps its notes."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, done: int, total: int, what: str) -> None:
        pass

    def message(self, message: Message) -> None:
        pass


@pytest.fixture
def notes() -> Iterator[list[str]]:
    """What the tasks called in this test noted."""
    listener = Notebook()
    with entered(Scope(listener=listener)):
        yield listener.lines


def frame_of(model: type[Frame], rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a valid frame of this kind."""
    if not rows:
        return empty(model)
    types = {name: str(column.dtype) for name, column in schema_of(model).columns.items()}
    frame = pd.DataFrame(rows)[list(types)]
    if "time" in frame:
        frame["time"] = pd.to_datetime(frame["time"], utc=True)
    frame = frame.astype(types)
    return schema_of(model).validate(frame)


def factory(model: type[Frame], defaults: dict[str, Any]) -> Rows:
    """Makes frames of a kind from rows that say only what matters."""

    def make(*rows: dict[str, Any]) -> pd.DataFrame:
        return frame_of(model, [{**defaults, "symbol": f"C{row.get('con_id', 1)}", **row} for row in rows])

    return make


@pytest.fixture
def prices() -> Rows:
    return factory(Prices, {})


@pytest.fixture
def returns() -> Rows:
    return factory(Returns, {})


@pytest.fixture
def positions() -> Rows:
    defaults = {
        "account": "DU1",
        "security_type": "STK",
        "currency": "USD",
        "exchange": "",
        "multiplier": 1.0,
        "average_cost": 0.0,
    }
    return factory(Positions, defaults)


@pytest.fixture
def quotes() -> Rows:
    nothing = dict.fromkeys(("bid", "ask", "last", "close"), float("nan"))
    defaults = {
        "security_type": "STK",
        "currency": "USD",
        "multiplier": 1.0,
        **nothing,
        "price_kind": "mid",
        "market_data": "live",
        "time": NOON,
    }
    return factory(Quotes, defaults)


@pytest.fixture
def betas() -> Rows:
    numbers = ("intercept", "beta_error", "intercept_error", "residual_volatility")
    defaults = {
        "benchmark_id": 900,
        "r_squared": 0.5,
        **dict.fromkeys(numbers, 0.0),
        "observations": 252,
        "first_session": pd.Timestamp("2021-12-29"),
        "last_session": pd.Timestamp("2022-12-28"),
        "reason": "",
    }
    return factory(Betas, defaults)


@pytest.fixture
def exposures() -> Rows:
    """Rows by value, beta and R²; a null value or beta makes the row uncovered."""

    def make(*rows: dict[str, Any]) -> pd.DataFrame:
        full = []
        for con_id, row in enumerate(rows, start=1):
            value, beta = row.get("value", float("nan")), row.get("beta", float("nan"))
            covered = pd.notna(value) and pd.notna(beta)
            full.append(
                {
                    "account": "DU1",
                    "con_id": con_id,
                    "symbol": f"C{con_id}",
                    "security_type": "STK",
                    "quantity": 1.0,
                    "multiplier": 1.0,
                    "price": 1.0,
                    "contract_currency": "USD",
                    "currency": "USD",
                    "rate": 1.0,
                    "value": value,
                    "pnl": 0.0,
                    "benchmark_id": 900,
                    "beta": beta,
                    "r_squared": 0.5,
                    "beta_exposure": beta * value,
                    "covered": covered,
                    "reason": "" if covered else "no price",
                    **row,
                }
            )
        return frame_of(Exposures, full)

    return make


@pytest.fixture
def hedges() -> Rows:
    defaults = {
        "security_type": "STK",
        "currency": "USD",
        "multiplier": 1.0,
        **dict.fromkeys(("portfolio_value", "portfolio_beta", "beta_exposure", "hedged_exposure"), 0.0),
        **dict.fromkeys(("target_beta", "band", "exact_quantity", "notional"), 0.0),
        "rounding": "nearest",
        "price_kind": "mid",
        "market_data": "live",
        "positions": 1,
        "covered_positions": 1,
        "coverage_by_count": 1.0,
        "coverage_by_value": 1.0,
        "time": NOON,
        "session": pd.Timestamp("2022-12-28"),
    }
    return factory(Hedges, defaults)


NIST = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "nist" / "xKDR_NISTTests" / "data"


@pytest.fixture(scope="session")
def nist() -> Callable[[str], dict[str, np.ndarray]]:
    """A data set's columns; skips the test aloud where the data isn't at hand."""

    def read(name: str) -> dict[str, np.ndarray]:
        path = NIST / f"{name}.csv"
        if not path.exists():
            pytest.skip(f"NIST's data set {name} is not here: it isn't shipped, and is looked for beside the project")
        with path.open(encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        return {column: np.array([float(row[column]) for row in rows]) for column in rows[0]}

    return read


@pytest.fixture(scope="session")
def exact() -> Callable[..., dict[str, float]]:
    """The regression in rational numbers, each observation weighted, rounded once at the end.

    The errors are those of the weighted line where every observation has the same variance.
    """

    def line(x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
        xs, ys = [Fraction(float(v)) for v in x], [Fraction(float(v)) for v in y]
        ws = [Fraction(1)] * len(xs) if weights is None else [Fraction(float(v)) for v in weights]
        total = sum(ws)
        x_mean = sum(w * a for w, a in zip(ws, xs, strict=True)) / total
        y_mean = sum(w * b for w, b in zip(ws, ys, strict=True)) / total
        sxx = sum(w * (a - x_mean) ** 2 for w, a in zip(ws, xs, strict=True))
        syy = sum(w * (b - y_mean) ** 2 for w, b in zip(ws, ys, strict=True))
        # How slope and intercept follow from each y: their errors are the lengths of these, times s.
        steep = [w * (a - x_mean) / sxx for w, a in zip(ws, xs, strict=True)]
        level = [w / total - x_mean * c for w, c in zip(ws, steep, strict=True)]
        slope = sum(c * b for c, b in zip(steep, ys, strict=True))
        intercept = sum(c * b for c, b in zip(level, ys, strict=True))
        residuals = [b - intercept - slope * a for a, b in zip(xs, ys, strict=True)]
        squares = sum(w * e**2 for w, e in zip(ws, residuals, strict=True))
        # What the line takes of each own observation: the diagonal of the hat matrix.
        taken = [c + d * a for a, c, d in zip(xs, level, steep, strict=True)]
        variance = squares / sum(w * (1 - h) for w, h in zip(ws, taken, strict=True))
        return {
            "slope": float(slope),
            "intercept": float(intercept),
            "r_squared": float(1 - squares / syy),
            "slope_error": sqrt(variance * sum(c**2 for c in steep)),
            "intercept_error": sqrt(variance * sum(c**2 for c in level)),
            "residual_deviation": sqrt(variance),
        }

    return line


@pytest.fixture(scope="session")
def panel() -> Callable[..., pd.DataFrame]:
    """Seeded returns of SPY (con_id 1) and of contracts that follow it more or less, in calendar order."""

    def make(contracts: int, sessions: int = 252, missing: float = 0.0, seed: int = 5) -> pd.DataFrame:
        """A long frame of seeded returns; con_id 1, `SPY`, is the factor and has no holes."""
        chance = np.random.default_rng(seed)
        factor = chance.normal(0.0004, 0.011, sessions)
        values = chance.normal(1.0, 0.4, (contracts, 1)) * factor + chance.normal(0, 0.018, (contracts, sessions))
        values[0] = factor
        values[chance.random(values.shape) < missing] = np.nan
        values[0] = factor
        names = ["SPY", *(f"C{number}" for number in range(2, contracts + 1))]
        frame = pd.DataFrame(
            {
                "con_id": np.repeat(np.arange(1, contracts + 1), sessions),
                "symbol": pd.Categorical(np.repeat(names, sessions)),
                "session": np.tile(pd.bdate_range("2022-01-03", periods=sessions).astype("datetime64[ns]"), contracts),
                "return": values.ravel(),
            }
        )
        return schema_of(Returns).validate(frame)

    return make


@dataclass(frozen=True)
class Market:
    """A simulated gateway in a session, and the real client connected to it."""

    gateway: SimulatedGateway
    broker: Broker
    run: Run

    @property
    def held(self) -> pd.DataFrame:
        """What the accounts hold: a universe."""
        return read_positions(self.broker)


Opened = Callable[..., Market]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Opens a market whose account DU1 holds one of each instrument, on 2022-12-28, fifteen minutes before the
    close unless `now` says otherwise; simulated time stands still unless there is a `speed`."""
    with ExitStack() as stack:

        def make(
            *held: Instrument | Holding, settings: dict[str, Any] | None = None, past: bool = False, **options: Any
        ) -> Market:
            book = [item if isinstance(item, Holding) else Holding("DU1", item, 1, 1.0) for item in held]
            gateway = stack.enter_context(SimulatedGateway(book=book, **options))
            broker = stack.enter_context(Broker("gateway", Settings(port=gateway.port, **(settings or {})), tmp_path))
            return Market(gateway, broker, Run("r", "p", date(2022, 12, 28), clock=gateway.clock, past=past))

        yield make


Taking = Callable[..., list[Batch]]


@pytest.fixture
def taking() -> Taking:
    """Takes batches of a stream until they hold so many rows, or `enough` says so of all rows, then closes it.

    Whatever has come within `seconds` is what there is.
    """

    def take(
        stream: Stream[Any],
        rows: int = 1,
        enough: Callable[[pd.DataFrame], bool] | None = None,
        seconds: float = 15.0,
    ) -> list[Batch]:
        taken: list[Batch] = []
        watchdog = Timer(seconds, stream.close)
        watchdog.start()
        try:
            for batch in stream:
                taken.append(batch)
                together = pd.concat([each.rows for each in taken])
                if enough(together) if enough else len(together) >= rows:
                    break
        finally:
            watchdog.cancel()
            stream.close()
        return taken

    return take
