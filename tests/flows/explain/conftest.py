"""A hedge of a small book, computed by the product's own tasks and journalled step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows.journal import FrameRef, Journal, Producer
from schemas.frame import Frame, schema_of
from tasks.betas import regress_betas
from tasks.connections.clock import ManualClock
from tasks.connections.scope import Message
from tasks.exposure import mark_exposure
from tasks.hedge import size_hedge
from tasks.registry import catalog
from tasks.returns import compute_returns
from tasks.run import Run

AAPL, MSFT, SPY, OPTION = 265598, 272093, 756733, 900000101
NAMES = {AAPL: "AAPL", MSFT: "MSFT", SPY: "SPY", OPTION: "AAPL"}
SESSION = date(2022, 11, 23)
NOW = pd.Timestamp("2022-11-23 20:45", tz="UTC")

Recorder = Callable[..., FrameRef]


def frame_of(name: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Columns as a valid frame of the schema of this name."""
    model: type[Frame] = catalog().schemas[name]
    types = {column: str(described.dtype) for column, described in schema_of(model).columns.items()}
    return schema_of(model).validate(pd.DataFrame(columns)[list(types)].astype(types))


def contracts(con_ids: list[int]) -> dict[str, Any]:
    return {
        "con_id": con_ids,
        "symbol": [NAMES[one] for one in con_ids],
        "security_type": ["OPT" if one == OPTION else "STK" for one in con_ids],
        "currency": "USD",
        "exchange": "",
        "multiplier": [100.0 if one == OPTION else 1.0 for one in con_ids],
    }


def positions() -> pd.DataFrame:
    held = contracts([AAPL, AAPL, MSFT, SPY, OPTION])
    accounts, quantities = ["DU1", "DU2", "DU1", "DU1", "DU2"], [100.0, 50.0, -20.0, 30.0, 2.0]
    return frame_of("Positions", {**held, "account": accounts, "quantity": quantities, "average_cost": 100.0})


def prices() -> pd.DataFrame:
    """AAPL has no price on the last two sessions; MSFT is listed from the tenth on."""
    sessions = pd.bdate_range("2022-09-06", "2022-11-22")
    random = np.random.default_rng(7)
    market = random.normal(0, 0.01, len(sessions))
    parts = []
    for con_id, beta, first, last in [(AAPL, 1.2, 0, -2), (MSFT, 0.9, 9, None), (SPY, 1.0, 0, None)]:
        own = beta * market + (0 if con_id == SPY else random.normal(0, 0.003, len(sessions)))
        close = 100 * np.exp(np.cumsum(own))
        rows = {"con_id": con_id, "symbol": NAMES[con_id], "session": sessions[first:last], "close": close[first:last]}
        parts.append(pd.DataFrame(rows))
    return frame_of("Prices", pd.concat(parts, ignore_index=True))


def quotes() -> pd.DataFrame:
    con_ids = [AAPL, MSFT, SPY, OPTION]
    market = {"bid": 99.9, "ask": 100.1, "last": 100.0, "close": 100.0, "price": 100.0, "price_kind": "mid"}
    return frame_of("Quotes", {**contracts(con_ids), **market, "market_data": "simulated", "time": NOW})


@pytest.fixture(scope="session")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    """One for all tests here, as a desk has one: each test has runs of its own beside the hedge's."""
    with Journal(tmp_path_factory.mktemp("data")) as opened:
        yield opened


@pytest.fixture(scope="session")
def begin(journal: Journal) -> Callable[..., None]:
    """Begins a run of a pipeline."""

    def begun(run: str, pipeline: str = "beta_hedge", text: str = "output: hedge\n", session: date = SESSION) -> None:
        described = {"params": {}, "desk": {}, "versions": {}, "slot": "manual", "clock": "wall", "trigger": "test"}
        journal.begin_run(run=run, pipeline=pipeline, text=text, session=session, started=NOW, **described)

    return begun


@pytest.fixture(scope="session")
def record(journal: Journal) -> Recorder:
    """Journals a step that completed with a frame."""

    def recorded(
        run: str,
        step: str,
        frame: pd.DataFrame,
        schema: str,
        inputs: Mapping[str, tuple[str, str | None] | Producer] | None = None,
        *,
        task: str = "",
        messages: tuple[tuple[int | None, str], ...] = (),
        field: str | None = None,
    ) -> FrameRef:
        begun = {"item": None, "source_hash": "", "arguments": {"benchmark": "SPY"}, "inputs": inputs or {}}
        journal.begin_step(run=run, step=step, task=task or f"make_{step}", **begun)
        for number, (con_id, payload) in enumerate(messages):
            journal.message(run, step, Message("gateway", number, "history", con_id, "received", number, payload))
        ref = journal.put_frame(frame, schema)
        notes = [f"{step} is made"]
        journal.end_step(run, step, "completed", seconds=0.1, attempts=1, outputs={field: ref}, notes=notes)
        return ref

    return recorded


@pytest.fixture(scope="session")
def hedge_run(begin: Callable[..., None], record: Recorder) -> str:
    """A run of the hedge, in the journal; its id."""
    run = "5eed"
    begin(run)
    bars = tuple((con_id, f"17\0{con_id}\0bars") for con_id in (AAPL, MSFT, SPY))
    failure = ((OPTION, f"4\0002\000{OPTION}\000162\0no data"), (None, "4\0002\0-1\0002106\0HMDS is fine"))
    record(run, "positions", positions(), "Positions", messages=((None, f"61\0003\0DU1\0{AAPL}"),))
    record(run, "prices", prices(), "Prices", {"universe": ("positions", None)}, messages=(*bars, *failure))
    record(run, "quotes", quotes(), "Quotes", {"universe": ("positions", None)})
    returns = compute_returns(prices())
    record(run, "returns", returns, "Returns", {"prices": ("prices", None)})
    betas = regress_betas(returns, "SPY", 20)
    record(run, "betas", betas, "Betas", {"returns": ("returns", None)})
    exposure = mark_exposure(positions(), quotes(), betas)
    inputs: dict[str, tuple[str, str | None]] = {name: (name, None) for name in ("positions", "quotes", "betas")}
    record(run, "exposure", exposure, "Exposures", inputs)
    hedge = size_hedge(exposure, quotes(), Run(run, "beta_hedge", SESSION, clock=ManualClock(NOW)), "SPY")
    record(run, "hedge", hedge, "Hedges", {"exposure": ("exposure", None), "quotes": ("quotes", None)})
    return run
