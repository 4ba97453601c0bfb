"""The book, from the broker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import pandas as pd
from pandera.typing import DataFrame

from schemas.book import Positions
from tasks.accounts import managed_accounts
from tasks.columns import frame_of
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Position
from tasks.contracts import universe_columns
from tasks.declare import source, task
from tasks.run import Run
from tasks.stream import Arrival, Stream


@task(reads="now")
def read_positions(broker: Broker, accounts: list[str] | None = None) -> DataFrame[Positions]:
    """What every account holds now, as the broker tells it.

    Parameters
    ----------
    broker
        The connection to ask.
    accounts
        Only these; every account of the login when absent.

    Returns
    -------
    Positions
        One row an account and contract, sorted by both: the same contract in two accounts is two
        rows. Positions closed today, which the broker lists with quantity 0, are left out.

    Raises
    ------
    DataProblem
        An account that the login doesn't manage.
    """
    wanted = set(managed_accounts(broker, accounts))
    held = [row for row in broker.positions() if row.account in wanted and row.quantity != 0]
    return cast("DataFrame[Positions]", _frame(held))


@source
def watch_positions(broker: Broker, run: Run, accounts: list[str] | None = None) -> Stream[DataFrame[Positions]]:
    """What every account holds, then each position that changes.

    Parameters
    ----------
    broker
        The connection to follow.
    run
        Its clock dates the batches.
    accounts
        Only these; every account of the login when absent.

    Returns
    -------
    Stream of Positions
        With `keep: latest`, the book. A position that is closed comes once more, with quantity 0.
        The broker tells of a change within seconds of the fill, and of everything again after a
        dropped connection.

    Raises
    ------
    DataProblem
        An account that the login doesn't manage.
    """
    wanted = set(managed_accounts(broker, accounts))
    known: set[tuple[str, int]] = set()

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        rows = {(row.account, row.contract.con_id): row for _, _, row in arrivals if row.account in wanted}
        told = [row for key, row in rows.items() if row.quantity != 0 or key in known]
        known.update(key for key, row in rows.items() if row.quantity != 0)
        return _frame(told)

    followed = broker.follow_positions()
    # Half a book would be hedged like a whole one.
    return Stream({"": followed}, read, Positions, run.clock, is_whole=lambda: followed.wait_whole(0.0))


def _frame(rows: Iterable[Position]) -> pd.DataFrame:
    held = sorted(rows, key=lambda row: (row.account, row.contract.con_id))
    return frame_of(
        Positions,
        {
            **universe_columns([row.contract for row in held]),
            "account": [row.account for row in held],
            "quantity": [row.quantity for row in held],
            "average_cost": [row.average_cost for row in held],
        },
    )
