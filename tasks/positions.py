"""The book, from the broker."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame

from schemas.book import Positions
from schemas.frame import empty
from tasks.connections.ib.broker import Broker
from tasks.connections.problems import DataProblem
from tasks.declare import task


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
    managed = broker.accounts()
    wanted = set(managed if accounts is None else accounts)
    if unknown := sorted(wanted - set(managed)):
        raise DataProblem(
            f"This login doesn't manage {', '.join(unknown)}.", f"Its accounts are {', '.join(sorted(managed))}."
        )
    held = [row for row in broker.positions() if row.account in wanted and row.quantity != 0]
    if not held:
        return cast("DataFrame[Positions]", empty(Positions))
    held.sort(key=lambda row: (row.account, row.contract.con_id))
    frame = pd.DataFrame(
        {
            "con_id": np.array([row.contract.con_id for row in held], dtype=np.int64),
            "symbol": pd.Categorical([row.contract.symbol for row in held]),
            "security_type": pd.Categorical([row.contract.security_type for row in held]),
            "currency": pd.Categorical([row.contract.currency for row in held]),
            "exchange": pd.Categorical([row.contract.exchange for row in held]),
            "multiplier": [float(row.contract.multiplier or 1) for row in held],
            "account": pd.Categorical([row.account for row in held]),
            "quantity": [row.quantity for row in held],
            "average_cost": [row.average_cost for row in held],
        }
    )
    return cast("DataFrame[Positions]", frame)
