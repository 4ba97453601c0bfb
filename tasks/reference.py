"""What contracts are, and finding those that are meant."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, cast

import numpy as np
from pandera.typing import DataFrame

from schemas.contracts import RIGHTS, ContractDetails, SymbolMatches
from schemas.market import Universe
from tasks.columns import frame_of
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.contracts import ContractDetails as Details
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.contracts import answered, contracts_of, universe_columns
from tasks.declare import task

SecurityType = Literal["STK", "OPT", "FUT", "FOP", "CASH", "IND", "CFD", "BOND", "FUND", "CMDTY", "WAR", "CRYPTO"]


@task(reads="now")
def read_contract_details(universe: DataFrame[Universe], broker: Broker) -> DataFrame[ContractDetails]:
    """Everything the broker says of each contract: names, expiry, strike, price steps, trading hours.

    Parameters
    ----------
    universe
        The contracts; each is asked for once.
    broker
        The connection to ask.

    Returns
    -------
    ContractDetails
        One row a contract, sorted by con_id. One that the broker doesn't know isn't in it, and a
        note says why.

    Raises
    ------
    Problem
        The first contract's, where the broker knows none.
    """
    contracts = contracts_of(universe)
    found = answered(contracts, broker.details_of(contracts), "details")
    return details_frame(row for rows in found.values() for row in rows)


@task(reads="now")
def find_contracts(
    symbols: list[str],
    broker: Broker,
    security_type: SecurityType = "STK",
    currency: str = "USD",
    exchange: str = "SMART",
) -> DataFrame[ContractDetails]:
    """Contracts by their symbols: the universe of a pipeline that starts from names.

    Parameters
    ----------
    symbols
        As the broker writes them, such as AAPL, or `BRK B`; of options and futures, the underlyings'.
    broker
        The connection to ask.
    security_type, currency, exchange
        Of all of them; `exchange` may be empty.

    Returns
    -------
    ContractDetails
        One row a contract, sorted by con_id; several where a symbol means several. A symbol that
        the broker doesn't know isn't in it, and a note says so.

    Raises
    ------
    DataProblem
        The broker knows none of them.
    """
    found: list[Details] = []
    problems: list[DataProblem] = []
    for symbol in dict.fromkeys(symbols):
        try:
            found += broker.contract_details(
                Contract(symbol=symbol, security_type=security_type, currency=currency, exchange=exchange)
            )
        except DataProblem as problem:
            problems.append(problem)
    if problems and not found:
        raise problems[0]
    for left_out in problems:
        note(f"Left out: {left_out}")
    return details_frame(found)


@task(reads="now")
def find_symbols(pattern: str, broker: Broker) -> DataFrame[SymbolMatches]:
    """Contracts whose symbol begins with a pattern, or whose name has it, for a person to choose from.

    Parameters
    ----------
    pattern
        The beginning of a symbol, or a word of a name. The broker gives sixteen at most.
    broker
        The connection to ask.

    Returns
    -------
    SymbolMatches
        The best first; empty where nothing matches.
    """
    rows = list({match.contract.con_id: match for match in broker.matching_symbols(pattern)}.values())
    frame = frame_of(
        SymbolMatches,
        {
            "con_id": [row.contract.con_id for row in rows],
            "symbol": [row.contract.symbol for row in rows],
            "security_type": [row.contract.security_type for row in rows],
            "currency": [row.contract.currency for row in rows],
            "exchange": [row.contract.exchange for row in rows],
            "name": [row.name for row in rows],
            "derivatives": [",".join(row.derivatives) for row in rows],
        },
    )
    return cast("DataFrame[SymbolMatches]", frame)


def details_frame(details: Iterable[Details]) -> DataFrame[ContractDetails]:
    """A row a contract, sorted by con_id."""
    unique = {row.contract.con_id: row for row in details}
    rows = [unique[con_id] for con_id in sorted(unique)]
    contracts = [row.contract for row in rows]
    frame = frame_of(
        ContractDetails,
        {
            **universe_columns(contracts),
            "exchange": [row.listing for row in rows],
            "name": [row.name for row in rows],
            "minimum_tick": [row.minimum_tick for row in rows],
            "time_zone": [row.time_zone for row in rows],
            "local_symbol": [contract.local_symbol for contract in contracts],
            "trading_class": [contract.trading_class for contract in contracts],
            "market_name": [row.market_name for row in rows],
            "expiry": [day_of(row.expiry or row.contract.expiry) for row in rows],
            "strike": [contract.strike or math.nan for contract in contracts],
            "right": [contract.right[:1] if contract.right[:1] in RIGHTS else "" for contract in contracts],
            "underlying_id": [max(row.underlying, 0) for row in rows],
            "underlying_symbol": [row.underlying_symbol for row in rows],
            "underlying_type": [row.underlying_type for row in rows],
            "stock_type": [row.stock_type for row in rows],
            "industry": [row.industry for row in rows],
            "category": [row.category for row in rows],
            "subcategory": [row.subcategory for row in rows],
            "exchanges": [row.exchanges for row in rows],
            "order_types": [row.order_types for row in rows],
            "market_rules": [row.market_rules for row in rows],
            "price_magnifier": [max(row.price_magnifier, 1) for row in rows],
            "trading_hours": [row.trading_hours for row in rows],
            "liquid_hours": [row.liquid_hours for row in rows],
            "isin": [dict(row.identifiers).get("ISIN", "") for row in rows],
        },
    )
    return cast("DataFrame[ContractDetails]", frame)


def day_of(text: str) -> np.datetime64:
    """A day out of `yyyymmdd`, whatever follows it; null where there is none."""
    digits = text[:8]
    if len(digits) < 8 or not digits.isdigit():
        return np.datetime64("NaT")
    return np.datetime64(f"{digits[:4]}-{digits[4:6]}-{digits[6:]}")
