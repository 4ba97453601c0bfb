"""Daily closes, from the broker."""

from __future__ import annotations

from typing import Annotated, cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.frame import empty
from schemas.market import Prices, Universe
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.bars import Bar, days_of
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.contracts import contracts_of, with_benchmark
from tasks.declare import task
from tasks.run import Run
from tasks.sessions import closed_sessions
from tasks.wording import counted, listed

WITHOUT_HISTORY = ("OPT", "FOP", "WAR", "BAG")
"""Types whose daily closes say nothing of a beta, and that carry their underlying's symbol."""


@task(reads="now")
def pull_history(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    benchmark: str | None = None,
    returns: Annotated[int, Field(ge=1)] = 252,
    calendar: str = "XNYS",
) -> DataFrame[Prices]:
    """Daily closes, adjusted for splits and dividends, of every contract and the benchmark.

    Parameters
    ----------
    universe
        The contracts; each is asked for once, however many accounts hold it.
    broker
        The connection to ask.
    run
        Its clock says which sessions are over.
    benchmark
        Symbol of a US stock or fund to add.
    returns
        How many daily returns are wanted: closes of `returns + 1` closed sessions are pulled.
        The session that is still running has no close, so its bar is dropped.
    calendar
        The exchange calendar of the sessions, by its ISO 10383 code.

    Returns
    -------
    Prices
        Sorted by con_id and session; in each contract's own currency, per unit. A contract that
        the broker doesn't know, or has no bars of, isn't in it, and a note says why: its
        position ends as not covered. Options and the like aren't asked for.

    Raises
    ------
    DataProblem
        The benchmark is unknown, ambiguous, or without data.
    """
    asked, benchmark_id = with_benchmark(_with_history(contracts_of(universe)), broker, benchmark)
    if not asked:
        return cast("DataFrame[Prices]", empty(Prices))
    sessions = closed_sessions(calendar, run.now(), returns + 1)
    # One more than wanted, because the latest bar may be of the running session.
    answers = broker.daily_history(asked, returns + 2)
    closes: dict[Contract, pd.Series[float]] = {}
    strays = 0
    for contract in asked:
        answer = answers[contract.con_id]
        found, stray = (pd.Series(dtype=float), 0) if isinstance(answer, DataProblem) else _closes(answer, sessions)
        strays += stray
        if len(found):
            closes[contract] = found
            continue
        reason = str(answer) if isinstance(answer, DataProblem) else "the broker has no bars of these sessions."
        if contract.con_id == benchmark_id:
            raise DataProblem(
                f"The benchmark {benchmark} has no daily history: {reason}", "Give another `benchmark`, or mend that."
            )
        note(f"No daily history of {contract}, which is left out: {reason}")
    if strays:
        note(f"{counted(strays, 'bar')} left out: no close above zero, or on days that are no sessions of {calendar}.")
    return cast("DataFrame[Prices]", _frame(closes))


def _with_history(contracts: list[Contract]) -> list[Contract]:
    without = [contract for contract in contracts if contract.security_type in WITHOUT_HISTORY]
    if without:
        note(f"No daily history is asked for {listed(without)}: a beta would need the underlying's and a model.")
    return [contract for contract in contracts if contract.security_type not in WITHOUT_HISTORY]


def _closes(bars: list[Bar], sessions: np.ndarray) -> tuple[pd.Series[float], int]:
    """(closes on these sessions, how many bars between the first and the last of them are of no use)."""
    days = days_of([bar.date for bar in bars])
    close = np.array([bar.close for bar in bars], dtype=np.float64)
    within = (days >= sessions[0]) & (days <= sessions[-1])
    useful = within & np.isin(days, sessions) & np.isfinite(close) & (close > 0)
    series = pd.Series(close[useful], index=days[useful].astype("datetime64[ns]"))
    return series[~series.index.duplicated(keep="last")].sort_index(), int((within & ~useful).sum())


def _frame(closes: dict[Contract, pd.Series[float]]) -> pd.DataFrame:
    if not closes:
        return empty(Prices)
    lengths = [len(series) for series in closes.values()]
    symbols = pd.Categorical([contract.symbol for contract in closes])
    return pd.DataFrame(
        {
            "con_id": np.repeat(np.array([contract.con_id for contract in closes], dtype=np.int64), lengths),
            "symbol": symbols.repeat(lengths),
            "session": np.concatenate([series.index.to_numpy() for series in closes.values()]),
            "close": np.concatenate([series.to_numpy() for series in closes.values()]),
        }
    )
