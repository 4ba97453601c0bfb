"""Options on given underlyings."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import numpy as np
from pandera.typing import DataFrame
from pydantic import Field

from schemas.contracts import ContractDetails, OptionChains
from schemas.market import Quotes, Universe
from tasks.columns import frame_of
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.contracts import ContractDetails as Details
from tasks.connections.ib.rows.reference import Chain
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.contracts import answered, contracts_of
from tasks.declare import task
from tasks.reference import day_of, details_frame
from tasks.run import Run
from tasks.wording import listed

OPTION = {"FUT": "FOP"}
"""Type of the options on what isn't a stock or an index."""


@task(reads="now")
def read_option_chains(
    universe: DataFrame[Universe], broker: Broker, exchange: str | None = "SMART"
) -> DataFrame[OptionChains]:
    """Expiries and strikes of the options on each underlying.

    Parameters
    ----------
    universe
        The underlyings; options among them are left out.
    broker
        The connection to ask.
    exchange
        Only the chains of this exchange; nothing (`null`) gives each exchange's own.

    Returns
    -------
    OptionChains
        One row an underlying, exchange, class, expiry and strike, sorted. It is every expiry with
        every strike: not all of these pairs exist; `find_options` asks for those that do.

    Raises
    ------
    Problem
        The first underlying's, where none has an answer.
    """
    rows: list[tuple[Contract, Chain, str, float]] = []
    for contract, chains in _chains(universe, broker).items():
        kept = [chain for chain in chains if exchange is None or chain.exchange == exchange]
        if chains and not kept:
            note(f"No options on {contract} at {exchange}: {listed(chain.exchange for chain in chains)} have some.")
        rows += [
            (contract, chain, expiry, strike)
            for chain in sorted(kept, key=lambda chain: (chain.exchange, chain.trading_class, chain.multiplier))
            for expiry in chain.expiries
            for strike in chain.strikes
        ]
    frame = frame_of(
        OptionChains,
        {
            "con_id": [contract.con_id for contract, _, _, _ in rows],
            "symbol": [contract.symbol for contract, _, _, _ in rows],
            "exchange": [chain.exchange for _, chain, _, _ in rows],
            "trading_class": [chain.trading_class for _, chain, _, _ in rows],
            "multiplier": [float(chain.multiplier or 1) for _, chain, _, _ in rows],
            "expiry": [day_of(expiry) for _, _, expiry, _ in rows],
            "strike": [strike for _, _, _, strike in rows],
        },
    )
    return cast("DataFrame[OptionChains]", frame)


@task(reads="now")
def find_options(
    universe: DataFrame[Universe],
    broker: Broker,
    run: Run,
    quotes: DataFrame[Quotes] | None = None,
    days: Annotated[int, Field(ge=0)] = 35,
    within: Annotated[float, Field(gt=0)] = 0.1,
    right: Literal["C", "P", "both"] = "both",
    exchange: str = "SMART",
) -> DataFrame[ContractDetails]:
    """The options on each underlying that expire soon and whose strike is near its price: a universe.

    Parameters
    ----------
    universe
        The underlyings; options among them are left out.
    broker
        The connection to ask: one question an expiry, which the broker answers at its leisure.
    run
        Its clock says which expiries are to come.
    quotes
        The underlyings' prices; without, every strike is taken.
    days
        How many days ahead an expiry may be, from today on.
    within
        How far a strike may be from the underlying's price, as a share of it.
    right
        Calls, puts, or both.
    exchange
        Where they are traded.

    Returns
    -------
    ContractDetails
        One row an option, sorted by con_id. What has no answer isn't in it, and a note says why.

    Raises
    ------
    Problem
        The first underlying's, where none has an answer.
    """
    today = np.datetime64(run.now().tz_convert(None).date(), "D")
    last = today + np.timedelta64(days, "D")
    prices = {} if quotes is None else dict(zip(quotes["con_id"], quotes["price"], strict=True))
    found: list[Details] = []
    for contract, chains in _chains(universe, broker).items():
        price = prices.get(contract.con_id, np.nan)
        if quotes is not None and not price > 0:
            note(f"No options are looked for on {contract}: it has no price.")
            continue
        expiries = {expiry for chain in chains if chain.exchange == exchange for expiry in chain.expiries}
        soon = sorted(expiry for expiry in expiries if today <= day_of(expiry) <= last)
        found += [
            details
            for expiry in soon
            for details in _listed(broker, contract, expiry, exchange, "" if right == "both" else right)
            if not price > 0 or abs(details.contract.strike - price) <= within * price
        ]
    return details_frame(found)


def _chains(universe: DataFrame[Universe], broker: Broker) -> dict[Contract, list[Chain]]:
    options = {"OPT", "FOP", "WAR", "BAG"}
    underlyings = [contract for contract in contracts_of(universe) if contract.security_type not in options]
    return answered(underlyings, broker.option_chains(underlyings), "option chain")


def _listed(broker: Broker, underlying: Contract, expiry: str, exchange: str, right: str) -> list[Details]:
    wanted = Contract(
        symbol=underlying.symbol,
        security_type=OPTION.get(underlying.security_type, "OPT"),
        currency=underlying.currency,
        exchange=exchange,
        expiry=expiry,
        right=right,
    )
    try:
        return broker.contract_details(wanted)
    except DataProblem as problem:
        note(f"No options on {underlying} that expire on {expiry}: {problem}")
        return []
