"""Daily closes, from the broker, and from what was pulled before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.frame import empty
from schemas.market import Prices, Universe
from tasks.bars import market_of
from tasks.bars_store import BarStore, Series, Sessions
from tasks.connections.arctic import FrameStore
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.contracts import contracts_of, with_benchmark
from tasks.declare import task
from tasks.run import Run
from tasks.sessions import closed_sessions, moment_of
from tasks.stored_history import DailyBarReader, Kind, Puller, bars_as_known, running, tell_pulled_before
from tasks.wording import listed

if TYPE_CHECKING:
    from tasks.connections.ib.histories import Question

WITHOUT_HISTORY = ("OPT", "FOP", "WAR", "BAG")
"""Types whose daily closes say nothing of a beta, and that carry their underlying's symbol."""


@task(reads="as_of")
def pull_history(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    benchmark: str | None = None,
    returns: Annotated[int, Field(ge=1)] = 252,
    calendar: str = "XNYS",
    store: FrameStore | None = None,
    library: str = "history",
    refresh: bool = False,
) -> DataFrame[Prices]:
    """Daily closes, adjusted for splits and dividends, of every contract and the benchmark.

    With a store, what was pulled once isn't pulled again: of each contract the broker is asked for the
    sessions that the store lacks and for the one before them. Where that one's close isn't what it was
    (a split or a dividend has changed all that went before), the contract is pulled whole. Each contract
    is stored as its bars come, so that a pull that was cut off goes on where it was.

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
    store
        Where bars are kept; the desk's, where it has one. Null: all is pulled anew, and nothing is kept.
    library
        Of the store, made at the first bar. A symbol a contract, every change a new version.
    refresh
        Pull all anew, and put it in place of what is stored.

    Returns
    -------
    Prices
        Sorted by con_id and session; in each contract's own currency, per unit. A contract that
        the broker doesn't know, or has no bars of, isn't in it, and a note says why: its
        position ends as not covered. Options and the like aren't asked for. In a run of a past session:
        closes up to that session's, from the store alone, as they were known then; the broker
        adjusts up to today only.

    Raises
    ------
    DataProblem
        The benchmark is unknown, ambiguous, or without data; or a past session, of which nothing is stored.
    """
    asked, benchmark_id = with_benchmark(_with_history(contracts_of(universe)), broker, benchmark)
    if not asked:
        return cast("DataFrame[Prices]", empty(Prices))
    moment = moment_of(run, calendar)
    sessions = closed_sessions(calendar, moment, returns + 1)
    reader, kind = _daily_closes(broker, calendar, sessions, running(calendar, moment))
    bars = None if store is None else BarStore(store, library)
    if not run.past:
        found = Puller(broker, bars, run, refresh=refresh).pull(asked, sessions, kind)
    elif bars is None:
        raise DataProblem(
            f"Daily closes as of {run.session} can't be had: the broker adjusts prices up to today only.",
            "Give the desk a store (`connections: {frames: {kind: arctic}}`), which keeps what each session pulls.",
        )
    else:
        found = bars_as_known(asked, sessions, bars, kind, run)
    closes: dict[Contract, pd.DataFrame] = {}
    for contract in asked:
        rows = found.bars.get(contract.con_id)
        if rows is not None and len(rows):
            closes[contract] = rows
            continue
        problem = found.refused.get(contract.con_id)
        reason = "the broker has no bars of these sessions." if problem is None else str(problem)
        if contract.con_id == benchmark_id:
            raise DataProblem(
                f"The benchmark {benchmark} has no daily history: {reason}", "Give another `benchmark`, or mend that."
            )
        note(f"No daily history of {contract}, which is left out: {reason}")
    reader.tell()
    tell_pulled_before(closes.values(), run)
    return cast("DataFrame[Prices]", _frame(closes))


def _with_history(contracts: list[Contract]) -> list[Contract]:
    without = [contract for contract in contracts if contract.security_type in WITHOUT_HISTORY]
    if without:
        note(f"No daily history is asked for {listed(without)}: a beta would need the underlying's and a model.")
    return [contract for contract in contracts if contract.security_type not in WITHOUT_HISTORY]


def _daily_closes(broker: Broker, calendar: str, sessions: Sessions, begun: int) -> tuple[DailyBarReader, Kind]:
    """How daily bars are asked for, read and kept."""
    from tasks.connections.ib.histories import daily

    market = market_of(broker)
    reader = DailyBarReader(calendar, sessions)

    def ask(contract: Contract, count: int) -> Question:
        return daily(contract, count, adjusted=True)

    def series(contract: Contract) -> Series:
        return Series(market, "1 day", daily(contract, 1, adjusted=True).what)

    return reader, Kind(ask, reader, series, begun)


def _frame(closes: dict[Contract, pd.DataFrame]) -> pd.DataFrame:
    if not closes:
        return empty(Prices)
    lengths = [len(rows) for rows in closes.values()]
    symbols = pd.Categorical([contract.symbol for contract in closes])
    return pd.DataFrame(
        {
            "con_id": np.repeat(np.array([contract.con_id for contract in closes], dtype=np.int64), lengths),
            "symbol": symbols.repeat(lengths),
            "session": np.concatenate([rows["session"].to_numpy() for rows in closes.values()]),
            "close": np.concatenate([rows["close"].to_numpy() for rows in closes.values()]),
        }
    )
