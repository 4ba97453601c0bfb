"""The whole hedge from stored prices, as a run does it, against a plain pandas and numpy script.

Run from the project's root: ``.venv/bin/python tests/benchmarks/whole_pipeline.py``. Both read the same
frames from the same ArcticDB and end with the same hedge; ours validates and journals every frame on the
way. They are timed in turn, in one process, imports aside. Only the ratio means anything.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

import flows.execute
from flows.batch import Finished, run_batch
from flows.check import check_file, render
from flows.check.parameters import bind
from flows.desk import Desk, load_desk
from flows.journal import Journal
from flows.plan import Plan
from tasks.connections.arctic import FrameStore
from tasks.registry import catalog

WANTED = 2.5
SESSIONS = 253
PIPELINE = """
description: Hedge a stored book.
steps:
  positions: {task: read_frame, with: {library: bench, symbol: positions}, schema: Positions}
  prices: {task: read_frame, with: {library: bench, symbol: prices}, schema: Prices}
  quotes: {task: read_frame, with: {library: bench, symbol: quotes}, schema: Quotes}
  returns: {task: compute_returns, in: prices}
  betas: {task: regress_betas, in: returns, with: {benchmark: C00000}}
  exposure: {task: mark_exposure, in: [positions, quotes, betas]}
  hedge: {task: size_hedge, in: [exposure, quotes], with: {instrument: C00000, maximum_age: 1d}}
  intents: {task: plan_orders, in: hedge}
output: hedge
"""
DESK = "name: bench\nconnections: {frames: {kind: arctic}}\norders: {accounts: [A]}\n"


def frames(contracts: int, missing: float = 0.03, seed: int = 20221228) -> dict[str, pd.DataFrame]:
    """A seeded book, its prices with some sessions missing, and its quotes."""
    import exchange_calendars

    chance = np.random.default_rng(seed)
    factor = chance.normal(0.0004, 0.011, SESSIONS)
    shocks = chance.normal(1.0, 0.4, (contracts, 1)) * factor + chance.normal(0.0, 0.012, (contracts, SESSIONS))
    shocks[0] = factor
    close = chance.uniform(20, 400, (contracts, 1)) * np.cumprod(1 + shocks, axis=1)
    calendar = exchange_calendars.get_calendar("XNYS", start="2021-12-01", end="2023-01-31")
    days = calendar.sessions_in_range("2021-12-01", "2022-12-30")[-SESSIONS:].to_numpy().astype("datetime64[ns]")
    names = pd.Index([f"C{number:05d}" for number in range(contracts)])
    con_ids = np.arange(1, contracts + 1)
    there = chance.random(contracts * SESSIONS) >= missing
    there[:SESSIONS] = True
    prices = pd.DataFrame(
        {
            "con_id": np.repeat(con_ids, SESSIONS),
            "symbol": pd.Categorical.from_codes(np.repeat(np.arange(contracts), SESSIONS), categories=names),
            "session": np.tile(days, contracts),
            "close": close.ravel(),
        }
    )[there].reset_index(drop=True)
    who = pd.Categorical.from_codes(np.arange(contracts), categories=names)
    same = {"security_type": "STK", "currency": "USD"}
    contract = {"con_id": con_ids, "symbol": who, **{name: _constant(text, contracts) for name, text in same.items()}}
    positions = pd.DataFrame(
        {
            **contract,
            "exchange": _constant("", contracts),
            "multiplier": 1.0,
            "account": _constant("A", contracts),
            "quantity": np.floor(chance.uniform(1, 1000, contracts)),
            "average_cost": chance.uniform(20, 400, contracts),
        }
    )
    last = close[:, -1]
    quotes = pd.DataFrame(
        {
            **contract,
            "multiplier": 1.0,
            "bid": last - 0.01,
            "ask": last + 0.01,
            "last": last,
            "close": last,
            "price": last,
            "price_kind": pd.Categorical(["mid"] * contracts, categories=["mid", "last", "close", "none"]),
            "market_data": _constant("live", contracts),
            "time": pd.Timestamp(time.time_ns(), unit="ns", tz="UTC"),
        }
    )
    return {"positions": positions, "prices": prices, "quotes": quotes}


def _constant(text: str, rows: int) -> pd.Categorical:
    return pd.Categorical.from_codes(np.zeros(rows, dtype=np.int8), categories=[text])


def by_hand(store: FrameStore) -> float:
    """What a desk writes without us: read, pivot, returns, betas in one masked pass, merge, hedge."""
    read = {name: store.read("bench", name)[0] for name in ("positions", "prices", "quotes")}
    wide = read["prices"].pivot(index="session", columns="con_id", values="close")
    returns = wide.pct_change(fill_method=None).iloc[1:]
    y = returns.to_numpy()
    x = y[:, :1]
    there = ~np.isnan(y)
    n = there.sum(axis=0)
    dx = np.where(there, x - np.where(there, x, 0).sum(axis=0) / n, 0)
    dy = np.where(there, y - np.where(there, y, 0).sum(axis=0) / n, 0)
    sxy, sxx, syy = (dx * dy).sum(axis=0), (dx * dx).sum(axis=0), (dy * dy).sum(axis=0)
    betas = pd.DataFrame({"con_id": returns.columns, "beta": sxy / sxx, "r_squared": sxy**2 / (sxx * syy)})
    book = read["positions"].merge(read["quotes"][["con_id", "price"]], on="con_id").merge(betas, on="con_id")
    book["exposure"] = book["beta"] * book["quantity"] * book["price"] * book["multiplier"]
    hedged = book.loc[book["r_squared"] > 1 / 3, "exposure"].sum()
    price = read["quotes"].set_index("con_id").loc[1, "price"]
    return float(-np.floor(abs(hedged) / price + 0.5) * np.sign(hedged))


@contextmanager
def timed(spent: Counter[str]) -> Iterator[None]:
    """Add up the seconds that runs spend validating, journalling and computing, over their threads."""
    lock = threading.Lock()

    def watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                with lock:
                    spent[name] += time.perf_counter() - begun

        return call

    places = [
        (flows.execute, "validated", "validating frames"),
        (Journal, "put_frame", "hashing and keeping frames"),
        (Journal, "begin_step", "journal rows"),
        (Journal, "end_step", "journal rows"),
        (flows.execute._Attempt, "_called", "the tasks themselves, reads included"),
    ]
    before = [getattr(place, attribute) for place, attribute, _ in places]
    for (place, attribute, name), function in zip(places, before, strict=True):
        setattr(place, attribute, watched(name, function))
    try:
        yield
    finally:
        for (place, attribute, _), function in zip(places, before, strict=True):
            setattr(place, attribute, function)


def as_run(plan: Plan, desk: Desk) -> Finished:
    """One run, as `hedgerow run` does it."""
    finished = run_batch(plan, desk, bind(plan, {}), untracked=True)
    assert finished.status == "completed", {name: outcome.reason for name, outcome in finished.failures.items()}
    return finished


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--contracts", type=int, default=5000)
    arguments.add_argument("--rounds", type=int, default=7)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pipelines = Path(folder) / "pipelines"
        pipelines.mkdir()
        (pipelines / "_desk.yaml").write_text(DESK)
        (pipelines / "stored_hedge.yaml").write_text(PIPELINE)
        desk = load_desk(pipelines, None)
        checked = check_file(pipelines / "stored_hedge.yaml", catalog(), desk, pipelines)
        assert checked.plan is not None, render(checked)
        spec = desk.connections["frames"]
        with FrameStore("frames", spec.settings, desk.data) as store:
            for name, frame in frames(asked.contracts).items():
                store.write("bench", name, frame, {})
            plain, ours, spent = [], [], Counter[str]()
            as_run(checked.plan, desk)
            by_hand(store)
            for _ in range(asked.rounds):
                begun = time.perf_counter()
                quantity = by_hand(store)
                plain.append(time.perf_counter() - begun)
                # The journal keeps a frame once: an empty one makes every round write them all again.
                for path in sorted((desk.data / "journal").rglob("*"), reverse=True):
                    path.unlink() if path.is_file() else path.rmdir()
                begun = time.perf_counter()
                with timed(spent):
                    finished = as_run(checked.plan, desk)
                ours.append(time.perf_counter() - begun)
    (hedge,) = finished.outcomes["hedge"].frames[None]["quantity"]
    assert hedge == quantity, (hedge, quantity)
    ratio = median(one / other for one, other in zip(ours, plain, strict=True))
    print(f"{asked.contracts:,} contracts × {SESSIONS} sessions, 3 % missing; {asked.rounds} rounds, in turn")
    print(f"{'plain script':<40}{median(plain):>8.3f} s  ({min(plain):.3f}–{max(plain):.3f})")
    print(f"{'the pipeline, validated and journalled':<40}{median(ours):>8.3f} s  ({min(ours):.3f}–{max(ours):.3f})")
    print(f"{'ratio (wanted: at most ' + str(WANTED) + ')':<40}{ratio:>8.2f}\n")
    print("where a run's time goes (seconds over its threads, mean of the rounds)")
    for name, seconds in spent.most_common():
        print(f"  {name:<40}{seconds / asked.rounds:>8.3f} s")
    print("by step")
    for name, outcome in finished.outcomes.items():
        print(f"  {name:<40}{outcome.seconds:>8.3f} s{outcome.rows or 0:>12,} rows")


if __name__ == "__main__":
    main()
