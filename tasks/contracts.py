"""From a universe to the broker's contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd

from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.problems import DataProblem, Problem
from tasks.connections.scope import note

A = TypeVar("A")


def contracts_of(universe: pd.DataFrame) -> list[Contract]:
    """Each contract of a universe once, by con_id; a book may hold one in several accounts."""
    columns = ["con_id", "symbol", "security_type", "currency", "exchange", "multiplier"]
    rows = universe[columns].drop_duplicates("con_id").sort_values("con_id").itertuples(index=False, name=None)
    return [
        Contract(
            con_id=int(con_id),
            symbol=str(symbol),
            security_type=str(security_type),
            currency=str(currency),
            exchange=str(exchange),
            multiplier="" if multiplier == 1 else f"{multiplier:.10g}",
        )
        for con_id, symbol, security_type, currency, exchange, multiplier in rows
    ]


def with_benchmark(contracts: list[Contract], broker: Broker, benchmark: str | None) -> tuple[list[Contract], int]:
    """(the contracts and the benchmark, by con_id; the benchmark's con_id, 0 for none).

    A benchmark is a US stock or fund, by its symbol. Raises `DataProblem` where the broker knows
    no such one, or several.
    """
    if benchmark is None:
        return contracts, 0
    advice = "Give the symbol of one US stock or fund, such as SPY."
    try:
        found = broker.contract_details(
            Contract(symbol=benchmark, security_type="STK", currency="USD", exchange="SMART")
        )
    except DataProblem as problem:
        raise DataProblem(f"The broker doesn't know the benchmark {benchmark!r}: {problem.reason}", advice) from problem
    unique = {details.contract.con_id: details.contract for details in found}
    if len(unique) != 1:
        names = ", ".join(f"{details.name} ({details.contract.con_id})" for details in found)
        raise DataProblem(f"The benchmark {benchmark!r} is ambiguous: {names}.", advice)
    ((con_id, contract),) = unique.items()
    known = {item.con_id: item for item in contracts}
    known.setdefault(con_id, contract)
    return [known[key] for key in sorted(known)], con_id


def universe_columns(contracts: Sequence[Contract]) -> dict[str, list[Any]]:
    """The columns of a universe, a row a contract."""
    return {
        "con_id": [contract.con_id for contract in contracts],
        "symbol": [contract.symbol for contract in contracts],
        "security_type": [contract.security_type for contract in contracts],
        "currency": [contract.currency for contract in contracts],
        "exchange": [contract.exchange for contract in contracts],
        "multiplier": [float(contract.multiplier or 1) for contract in contracts],
    }


def answered(contracts: Iterable[Contract], answers: Mapping[int, A | Problem], what: str) -> dict[Contract, A]:
    """The answers about contracts; those that have none are left out, and a note says why.

    Raises the first problem where no contract has an answer.
    """
    found: dict[Contract, A] = {}
    problems: dict[Contract, Problem] = {}
    for contract in contracts:
        answer = answers[contract.con_id]
        if isinstance(answer, Problem):
            problems[contract] = answer
        else:
            found[contract] = answer
    if problems and not found:
        raise next(iter(problems.values()))
    for contract, problem in problems.items():
        note(f"No {what} of {contract}, which is left out: {problem}")
    return found
