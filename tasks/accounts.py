"""What accounts are worth, hold and earn, from the broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pandera.typing import DataFrame

from schemas.accounts import AccountPnl, Accounts, AccountSummaries, AccountValues, Holdings, PositionPnl
from schemas.book import Positions
from tasks.account_frames import Figures, account_pnl, account_values, holdings, position_pnl, summaries
from tasks.columns import frame_of
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.rows.accounts import AccountValue
from tasks.connections.ib.rows.accounts import PositionPnl as PositionPnlRow
from tasks.connections.problems import DataProblem, Problem
from tasks.connections.scope import note
from tasks.contracts import contracts_of
from tasks.declare import task
from tasks.run import Run
from tasks.wording import listed


def managed_accounts(broker: Broker, accounts: Sequence[str] | None) -> list[str]:
    """These accounts, or all of the login, sorted. Raises `DataProblem` for one that it doesn't manage."""
    managed = broker.accounts()
    wanted = set(managed if accounts is None else accounts)
    if unknown := sorted(wanted - set(managed)):
        raise DataProblem(
            f"This login doesn't manage {', '.join(unknown)}.", f"Its accounts are {', '.join(sorted(managed))}."
        )
    return sorted(wanted)


@task(reads="now")
def read_accounts(broker: Broker) -> DataFrame[Accounts]:
    """The accounts that the broker's login manages, sorted."""
    return cast("DataFrame[Accounts]", frame_of(Accounts, {"account": sorted(set(broker.accounts()))}))


@task(reads="now")
def read_account_summary(broker: Broker, run: Run, accounts: list[str] | None = None) -> DataFrame[AccountSummaries]:
    """What each account is worth and may still trade, as the broker reckons it.

    Parameters
    ----------
    broker
        The connection to ask.
    run
        Its clock says when.
    accounts
        Only these; every account of the login when absent.

    Returns
    -------
    AccountSummaries
        One row an account, sorted; amounts in the account's base currency, null where the broker
        doesn't tell one.

    Raises
    ------
    DataProblem
        An account that the login doesn't manage.
    """
    wanted = set(managed_accounts(broker, accounts))
    figures: Figures = {}
    for row in broker.account_summary():
        if row.account in wanted:
            figures.setdefault(row.account, {})[row.tag] = row
    if untold := sorted(wanted - figures.keys()):
        note(f"The broker sent no summary of {listed(untold)}.")
    return cast("DataFrame[AccountSummaries]", summaries(figures, run.now()))


@task(reads="now")
def read_account_values(
    broker: Broker, run: Run, accounts: list[str] | None = None, model: str = ""
) -> DataFrame[AccountValues]:
    """Every figure that the broker keeps of each account: cash by currency, margins, accruals and more.

    Parameters
    ----------
    broker
        The connection to ask.
    run
        Its clock says when.
    accounts
        Only these; every account of the login when absent.
    model
        A model portfolio within the accounts; empty: the accounts themselves.

    Returns
    -------
    AccountValues
        One row an account, model, tag and currency, sorted; `value` is null where the figure is no number.

    Raises
    ------
    DataProblem
        An account that the login doesn't manage.
    """
    rows: list[AccountValue] = []
    for account in managed_accounts(broker, accounts):
        rows += broker.account_values(account, model)
    return cast("DataFrame[AccountValues]", account_values(rows, run.now()))


@task(reads="now")
def read_portfolio(broker: Broker, run: Run, accounts: list[str] | None = None) -> DataFrame[Holdings]:
    """What each account holds, with the broker's valuation and profit and loss.

    Parameters
    ----------
    broker
        The connection to ask. It tells of one account after the other.
    run
        Its clock says when.
    accounts
        Only these; every account of the login when absent.

    Returns
    -------
    Holdings
        One row an account and contract, sorted by both; in each contract's own currency. Positions
        closed today are left out.

    Raises
    ------
    DataProblem
        An account that the login doesn't manage.
    """
    items = [item for account in managed_accounts(broker, accounts) for item in broker.portfolio(account)]
    return cast("DataFrame[Holdings]", holdings([item for item in items if item.quantity != 0], run.now()))


@task(reads="now")
def read_account_pnl(
    broker: Broker, run: Run, accounts: list[str] | None = None, model: str = ""
) -> DataFrame[AccountPnl]:
    """Daily, unrealised and realised profit and loss of each account, as the broker reckons it.

    Parameters
    ----------
    broker
        The connection to ask.
    run
        Its clock says when.
    accounts
        Only these; every account of the login when absent.
    model
        A model portfolio within the accounts; empty: the accounts themselves.

    Returns
    -------
    AccountPnl
        One row an account, sorted, in its base currency; null where the broker doesn't know yet.

    Raises
    ------
    DataProblem
        An account that the login doesn't manage.
    """
    rows = {account: broker.account_pnl(account, model) for account in managed_accounts(broker, accounts)}
    return cast("DataFrame[AccountPnl]", account_pnl(rows, model, run.now()))


@task(reads="now")
def read_position_pnl(positions: DataFrame[Positions], broker: Broker, run: Run) -> DataFrame[PositionPnl]:
    """Profit and loss of each position, as the broker reckons it.

    Parameters
    ----------
    positions
        Those asked about.
    broker
        The connection to ask.
    run
        Its clock says when.

    Returns
    -------
    PositionPnl
        One row an account and contract, sorted by both, in the account's base currency. A position
        that the broker refuses to tell of isn't in it, and a note says why.

    Raises
    ------
    Problem
        The first position's, where the broker tells of none.
    """
    contracts = {contract.con_id: contract for contract in contracts_of(positions)}
    pairs = sorted(zip(positions["account"].astype(str), positions["con_id"].tolist(), strict=True))
    answers = broker.position_pnl([(account, contracts[con_id]) for account, con_id in pairs])
    rows: dict[tuple[str, int], PositionPnlRow] = {}
    problems: list[Problem] = []
    for key, answer in answers.items():
        if isinstance(answer, Problem):
            problems.append(answer)
        else:
            rows[key] = answer
    if problems and not rows:
        raise problems[0]
    for problem in problems:
        note(f"Left out: {problem}")
    symbols = {con_id: contract.symbol for con_id, contract in contracts.items()}
    return cast("DataFrame[PositionPnl]", position_pnl(rows, symbols, run.now()))
