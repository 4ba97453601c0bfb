"""The engine as a user gets it, for the live hedge workload: a YAML file, every frame validated.

An adapter for the workload's driver (`--engine tests/benchmarks/live_hedge.py:Hedgerow`): the book is held,
ticks are pushed into a source, and each firing's hedge is handed back with the last tick that is in it.
"""

from __future__ import annotations

import tempfile
import textwrap
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PIPELINE = """
    stream:
      quotes: {task: watch_pushed, keep: latest, window: {every: WINDOW}}
    steps:
      positions: {task: hold_positions}
      betas: {task: hold_betas}
      exposure: {task: mark_exposure, in: [positions, quotes, betas]}
      hedge: {task: size_hedge, in: [exposure, quotes], with: {instrument: SPY, maximum_move: 10.0}}
    output: hedge
    """
SPY = 756733


class Hedgerow:
    """See the workload's contract. Options: `cycle_ms` is the source's window; 0: as soon as the graph is idle."""

    def __init__(self, workload: Any, options: Any, on_result: Callable[[int, dict[str, float]], None]) -> None:
        self._workload, self._options, self._on_result = workload, options, on_result
        self._folder = tempfile.TemporaryDirectory(prefix="live-hedge-")
        self._firings = 0

    def start(self) -> None:
        """Import what a run imports."""
        import flows.check
        import flows.stream.runner  # noqa: F401
        from tasks.registry import catalog

        pd.options.mode.copy_on_write = True
        self._catalog = catalog()

    def betas(self) -> tuple[Any, Any]:
        """By the task, from the workload's closes."""
        from tasks.betas import regress_betas
        from tasks.returns import compute_returns

        workload = self._workload
        ids = np.append(workload.cids, SPY)
        sessions = pd.bdate_range("2022-01-03", periods=workload.close.shape[1]).as_unit("ns")
        symbols = [*workload.symbols, "SPY"]
        prices = pd.DataFrame(
            {
                "con_id": np.repeat(ids, len(sessions)),
                "symbol": pd.Categorical(np.repeat(symbols, len(sessions))),
                "session": np.tile(sessions.to_numpy(), len(ids)),
                "close": workload.close.ravel(),
            }
        )
        found = regress_betas.function(compute_returns.function(prices), "SPY").set_index("con_id")
        found = found.loc[workload.cids]
        return found["beta"].to_numpy(), found["r_squared"].to_numpy()

    def build(self, beta: Any, r_squared: Any) -> None:
        """Check the file and start the stream."""
        from flows.check import check_file, render
        from flows.context import OpenConnections, RunContext
        from flows.desk import load_desk
        from flows.journal import Journal
        from flows.stream.runner import Stream
        from tasks.registry import Catalog

        root = Path(self._folder.name)
        (root / "pipelines").mkdir()
        (root / "pipelines" / "_desk.yaml").write_text("name: bench\n")
        window = f"{self._options.cycle_ms}ms" if self._options.cycle_ms else "0.1ms"
        path = root / "pipelines" / "live.yaml"
        path.write_text(textwrap.dedent(PIPELINE.replace("WINDOW", window)))
        own = {task.spec.name: task.spec for task in self._tasks(beta, r_squared)}
        tasks = Catalog({**self._catalog.tasks, **own}, self._catalog.schemas)
        desk = load_desk(root / "pipelines")
        checked = check_file(path, tasks, desk, root / "pipelines")
        if checked.plan is None:
            raise SystemExit(render(checked))
        connections = OpenConnections(desk)
        context = RunContext(
            id="bench",
            plan=checked.plan,
            desk=desk,
            parameters={},
            session=date(2022, 12, 28),
            clock=connections.clock(),
            connections=connections,
            journal=Journal(desk.data),
        )
        self._stream = Stream(context, (self,))
        self._thread = threading.Thread(target=self._stream.run, daemon=True)
        self._thread.start()

    def _tasks(self, beta: Any, r_squared: Any) -> list[Any]:
        from pandera.typing import DataFrame

        from schemas.book import Positions
        from schemas.market import Quotes
        from schemas.risk import Betas
        from tasks.declare import source, task
        from tasks.pushed import Pushed
        from tasks.stream import Stream as SourceStream

        held = self._positions()
        fitted = self._betas(beta, r_squared)
        self._pushed = pushed = Pushed[Any](self._quotes(), "con_id", "price", "time")

        def hold_positions() -> DataFrame[Positions]:
            return held

        def hold_betas() -> DataFrame[Betas]:
            return fitted

        def watch_pushed() -> SourceStream[DataFrame[Quotes]]:
            return pushed  # type: ignore[return-value]

        scope = {"DataFrame": DataFrame, "Positions": Positions, "Betas": Betas, "Quotes": Quotes}
        scope["SourceStream"] = SourceStream
        for function in (hold_positions, hold_betas, watch_pushed):
            function.__globals__.update(scope)  # annotations are text, and are looked up there
        return [task(reads="as_of")(hold_positions), task(reads="as_of")(hold_betas), source(watch_pushed)]

    def fired(self, graph: Any, fired: Any) -> None:
        """Hand a firing's hedge back."""
        self._firings += 1
        if "hedge" not in fired.ran:
            return
        hedge = graph.held["hedge"].frame(None)
        row = {name: hedge[name].to_numpy()[0] for name in _FIGURES}
        self._on_result(
            fired.sequences["quotes"],
            {
                "PortfolioValue": row["portfolio_value"],
                "PortfolioBeta": row["beta_exposure"] / row["portfolio_value"],
                "SPYBetaValue": row["beta_exposure"],
                "SPYBetaValueForHedge": row["hedged_exposure"],
                "HedgeShares": row["quantity"],
                "HedgeCost": row["notional"],
                "SPY_Price": row["price"],
            },
        )

    def told(self, name: str, text: str) -> None:
        """Nobody reads it."""

    def put(self, sequence: int, con_id: int, price: float) -> None:
        """One tick."""
        self._pushed.put(con_id, price, sequence)

    def put_batch(self, sequences: Any, con_ids: Any, prices: Any) -> None:
        """Many ticks."""
        self._pushed.put_many(con_ids, prices, int(sequences[-1]))

    def info(self) -> dict[str, Any]:
        """How often it fired."""
        return {"firings": self._firings}

    def close(self) -> None:
        """Stop."""
        self._stream.stop()
        self._thread.join(10)
        self._folder.cleanup()

    def _positions(self) -> pd.DataFrame:
        workload = self._workload
        count = workload.P
        return pd.DataFrame(
            {
                "con_id": workload.cids,
                "symbol": pd.Categorical(workload.symbols),
                "security_type": pd.Categorical(["STK"] * count),
                "currency": pd.Categorical(["USD"] * count),
                "exchange": pd.Categorical(["NYSE"] * count),
                "multiplier": np.ones(count),
                "account": pd.Categorical(["DU1"] * count),
                "quantity": workload.position,
                "average_cost": workload.avgcost,
            }
        )

    def _betas(self, beta: Any, r_squared: Any) -> pd.DataFrame:
        workload = self._workload
        count = workload.P
        none = np.full(count, np.nan)
        return pd.DataFrame(
            {
                "con_id": workload.cids,
                "symbol": pd.Categorical(workload.symbols),
                "benchmark_id": np.full(count, SPY),
                "beta": beta,
                "intercept": none,
                "r_squared": r_squared,
                "beta_error": none,
                "intercept_error": none,
                "residual_volatility": none,
                "observations": np.full(count, 252),
                "first_session": pd.Timestamp("2022-01-04").as_unit("ns"),
                "last_session": pd.Timestamp("2022-12-27").as_unit("ns"),
                "reason": np.full(count, "", dtype=object),
            }
        )

    def _quotes(self) -> pd.DataFrame:
        workload = self._workload
        count = workload.P + 1
        none = np.full(count, np.nan)
        return pd.DataFrame(
            {
                "con_id": np.append(workload.cids, SPY),
                "symbol": pd.Categorical([*workload.symbols, "SPY"]),
                "security_type": pd.Categorical(["STK"] * count),
                "currency": pd.Categorical(["USD"] * count),
                "multiplier": np.ones(count),
                "bid": none,
                "ask": none,
                "last": none,
                "close": workload.p0,
                "price": workload.p0,
                "price_kind": pd.Categorical(["last"] * count, categories=["mid", "last", "close", "none"]),
                "market_data": pd.Categorical(["live"] * count),
                "time": pd.DatetimeIndex(["2022-12-28T15:00Z"] * count).as_unit("ns"),
            }
        )


_FIGURES = ("portfolio_value", "beta_exposure", "hedged_exposure", "quantity", "notional", "price")
