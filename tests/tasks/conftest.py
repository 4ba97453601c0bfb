"""Frames of the tests, each held against its schema, and the notes that tasks leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

from schemas.book import Exposures, Positions
from schemas.frame import Frame, empty, schema_of
from schemas.market import Prices, Quotes, Returns
from schemas.risk import Betas, Hedges
from tasks.connections.scope import Message, Scope, entered

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
