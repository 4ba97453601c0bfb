"""What accounts are worth, hold and earn, as it changes."""

from __future__ import annotations

import pandas as pd
from pandera.typing import DataFrame

from schemas.accounts import AccountPnl, AccountSummaries, AccountValues, Holdings, PositionPnl
from schemas.book import Positions
from tasks.account_frames import Figures, account_pnl, account_values, holdings, position_pnl, summaries
from tasks.accounts import managed_accounts
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.rows.accounts import PortfolioItem
from tasks.connections.problems import DataProblem
from tasks.contracts import contracts_of
from tasks.declare import source
from tasks.run import Run
from tasks.stream import Arrival, Stream

WHOLE = 10.0
"""Seconds to wait until all figures of the accounts have come, so that the first rows have no gaps."""


@source
def watch_account_summary(
    broker: Broker, run: Run, accounts: list[str] | None = None
) -> Stream[DataFrame[AccountSummaries]]:
    """What each account is worth and may still trade, then again whenever part of it changes.

    Parameters
    ----------
    broker
        The connection to follow; the broker tells of changes every three minutes.
    run
        Its clock says when.
    accounts
        Only these; every account of the login when absent.

    Returns
    -------
    Stream of AccountSummaries
        Whole rows of the accounts that have changed.

    Raises
    ------
    DataProblem
        An account that the login doesn't manage.
    """
    wanted = set(managed_accounts(broker, accounts))
    figures: Figures = {}

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        changed = set()
        for _, _, row in arrivals:
            if row.account in wanted:
                figures.setdefault(row.account, {})[row.tag] = row
                changed.add(row.account)
        return summaries({account: figures[account] for account in changed}, _when(arrivals, run))

    subscription = broker.follow_account_summary()
    subscription.wait_whole(WHOLE)
    return Stream({"": subscription}, read, AccountSummaries, run.clock)


@source
def watch_account_values(
    broker: Broker, run: Run, accounts: list[str] | None = None, model: str = ""
) -> Stream[DataFrame[AccountValues]]:
    """Every figure that the broker keeps of each account, then each that changes.

    Parameters
    ----------
    broker
        The connection to follow.
    run
        Its clock says when.
    accounts
        Only these; every account of the login when absent.
    model
        A model portfolio within the accounts; empty: the accounts themselves.

    Raises
    ------
    DataProblem
        An account that the login doesn't manage.
    """
    followed = {account: broker.follow_account_values(account, model) for account in managed_accounts(broker, accounts)}
    return Stream(
        followed,
        lambda arrivals: account_values([row for _, _, row in arrivals], _when(arrivals, run)),
        AccountValues,
        run.clock,
    )


@source
def watch_portfolio(broker: Broker, run: Run, account: str | None = None) -> Stream[DataFrame[Holdings]]:
    """What an account holds, with the broker's valuation, then each position that changes.

    Parameters
    ----------
    broker
        The connection to follow; the broker tells of changes every three minutes, and after fills.
    run
        Its clock says when.
    account
        Which one: the protocol follows one account a connection. May be left out where the login manages one.

    Returns
    -------
    Stream of Holdings
        A position that is closed comes once more, with quantity 0.

    Raises
    ------
    DataProblem
        An account that the login doesn't manage, or none named where it manages several.
    """
    found = managed_accounts(broker, None if account is None else [account])
    if len(found) != 1:
        raise DataProblem(
            f"A connection can follow one account's portfolio, and this login manages {', '.join(found)}.",
            "Name one with `account:`; `watch_positions` follows all.",
        )
    (followed,) = found

    def read(arrivals: list[Arrival]) -> pd.DataFrame:
        items = [row for _, _, row in arrivals if isinstance(row, PortfolioItem) and row.account == followed]
        return holdings(items, _when(arrivals, run))

    return Stream({"": broker.follow_portfolio(followed)}, read, Holdings, run.clock)


@source
def watch_account_pnl(
    broker: Broker, run: Run, accounts: list[str] | None = None, model: str = ""
) -> Stream[DataFrame[AccountPnl]]:
    """Daily, unrealised and realised profit and loss of each account, about once a second while it changes.

    Parameters
    ----------
    broker
        The connection to follow.
    run
        Its clock says when.
    accounts
        Only these; every account of the login when absent.
    model
        A model portfolio within the accounts; empty: the accounts themselves.

    Raises
    ------
    DataProblem
        An account that the login doesn't manage.
    """
    followed = {account: broker.follow_account_pnl(account, model) for account in managed_accounts(broker, accounts)}
    return Stream(
        followed,
        lambda arrivals: account_pnl({account: row for account, _, row in arrivals}, model, _when(arrivals, run)),
        AccountPnl,
        run.clock,
    )


@source
def watch_position_pnl(positions: DataFrame[Positions], broker: Broker, run: Run) -> Stream[DataFrame[PositionPnl]]:
    """Profit and loss of each position, about once a second while it changes.

    Parameters
    ----------
    positions
        Those to follow.
    broker
        The connection to follow.
    run
        Its clock says when.

    Returns
    -------
    Stream of PositionPnl
        A position that the broker refuses to tell of isn't in it, and a note says why.
    """
    contracts = {contract.con_id: contract for contract in contracts_of(positions)}
    symbols = {con_id: contract.symbol for con_id, contract in contracts.items()}
    pairs = zip(positions["account"].astype(str), positions["con_id"].tolist(), strict=True)
    followed = {key: broker.follow_position_pnl(key[0], contracts[key[1]]) for key in sorted(pairs)}
    return Stream(
        followed,
        lambda arrivals: position_pnl({key: row for key, _, row in arrivals}, symbols, _when(arrivals, run)),
        PositionPnl,
        run.clock,
    )


def _when(arrivals: list[Arrival], run: Run) -> pd.Timestamp:
    return pd.Timestamp(arrivals[-1].time, unit="ns", tz="UTC") if arrivals else run.now()
