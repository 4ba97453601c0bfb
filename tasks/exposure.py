"""What each position is worth, and how much of the benchmark it moves like."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandera.typing import DataFrame

from schemas.book import Exposures, Positions
from schemas.market import Quotes
from schemas.risk import Betas
from tasks.arrays import arrays_of, constant, frame_from
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.wording import amount, counted, listed

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

CAN_BE_WORTHLESS = ("OPT", "FOP", "WAR")
"""Security types whose price may be 0. No price may be negative."""

_NAMED = 10


@task
def mark_exposure(
    positions: DataFrame[Positions],
    quotes: DataFrame[Quotes],
    betas: DataFrame[Betas],
    currency: str = "USD",
    rates: dict[str, float] | None = None,
) -> DataFrame[Exposures]:
    """Value, profit and beta-weighted exposure of each position.

    ::

        value          quantity · price · multiplier · rate
        pnl            value - quantity · average cost · rate
        beta_exposure  beta · value

    Frames are joined on con_id: an option carries its underlying's symbol.

    Parameters
    ----------
    positions
        One row an account and contract; the same contract in two accounts is valued in each.
    quotes
        Prices per unit, in the contract's own currency. A price that is negative, infinite, or
        zero (but for options and warrants, which may end worthless) counts as none.
    betas
        All to one benchmark.
    currency
        The book's currency: of value, pnl and beta_exposure.
    rates
        Units of the book's currency for one of each other currency in the book: `{EUR: 1.08}`. The
        pnl is at this rate: what the currency itself made since the purchase isn't in it.

    Returns
    -------
    Exposures
        A row a position, in their order. A position that lacks a price or a beta isn't covered:
        `reason` says what it lacks, and notes tell the coverage and list the uncovered.

    Raises
    ------
    DataProblem
        A currency has no rate, a quote is in another currency or of another multiplier than its
        position, or the betas are to no benchmark or several.
    """
    held, quote, beta_of = arrays_of(positions), arrays_of(quotes), arrays_of(betas)
    contract, quantity, multiplier = held["con_id"], held["quantity"], held["multiplier"]
    rows = len(contract)
    rate = _rates(positions, held["currency"], currency, rates or {})
    benchmark_id = _benchmark(beta_of["benchmark_id"], rows)

    quoted = pd.Index(quote["con_id"]).get_indexer(contract)
    regressed = pd.Index(beta_of["con_id"]).get_indexer(contract)
    _match(positions, held, quote, quoted)
    seen = _taken(quote["price"], quoted)
    worthless = (seen == 0) & _is_one_of(held["security_type"], CAN_BE_WORTHLESS)
    price = np.where(np.isfinite(seen) & ((seen > 0) | worthless), seen, np.nan)
    beta = _taken(beta_of["beta"], regressed)
    value = quantity * price * multiplier * rate
    covered = np.isfinite(value) & np.isfinite(beta)

    reason = np.full(rows, "", dtype=object)
    why = beta_of["reason"]
    for row in np.flatnonzero(~covered):
        lacks = []
        if not np.isfinite(value[row]):
            lacks.append(_price_reason(quoted[row], seen[row]))
        if not np.isfinite(beta[row]):
            lacks.append(f"no beta: {(why[regressed[row]] or 'unknown') if regressed[row] >= 0 else 'no history'}")
        reason[row] = "; ".join(lacks)
    columns = {
        "account": held["account"],
        "con_id": contract,
        "symbol": held["symbol"],
        "security_type": held["security_type"],
        "quantity": quantity,
        "multiplier": multiplier,
        "price": price,
        "contract_currency": held["currency"],
        "currency": constant(currency, rows),
        "rate": rate,
        "value": value,
        "pnl": value - quantity * held["average_cost"] * rate,
        "benchmark_id": np.full(rows, benchmark_id, dtype=np.int64),
        "beta": beta,
        "r_squared": _taken(beta_of["r_squared"], regressed),
        "beta_exposure": beta * value,
        "covered": covered,
        "reason": reason,
    }
    frame = frame_from(columns, rows)
    _tell(frame, columns, quote["price_kind"], quoted)
    return cast("DataFrame[Exposures]", frame)


def coverage(exposure: pd.DataFrame) -> tuple[float, float | None]:
    """The covered share of the positions, by count and by gross value.

    Parameters
    ----------
    exposure
        Exposures.

    Returns
    -------
    tuple of float and (float or None)
        Shares between 0 and 1. Of no positions all are covered. The share by value is
        Σ|value| of the covered over Σ|value| of the priced, and None where that sum is 0.
    """
    return covered_shares(exposure["covered"].to_numpy(), exposure["value"].to_numpy())


def covered_shares(covered: npt.NDArray[np.bool_], value: Floats) -> tuple[float, float | None]:
    """`coverage`, of columns."""
    gross = np.nan_to_num(np.abs(value))
    total = math.fsum(gross.tolist())
    by_count = float(covered.mean()) if len(covered) else 1.0
    return by_count, (min(1.0, math.fsum(gross[covered].tolist()) / total) if total > 0 else None)


def _is_one_of(column: pd.Categorical, names: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = np.append(column.categories.isin(names), False)[column.codes]
    return found


def _taken(values: Floats, place: Integers) -> Floats:
    """The values at these places; NaN for place -1."""
    return np.append(values, np.nan)[place]


def _rates(positions: pd.DataFrame, held: pd.Categorical, currency: str, rates: dict[str, float]) -> Floats:
    """Each position's rate into the book's currency."""
    for name, rate in rates.items():
        if not (np.isfinite(rate) and rate > 0):
            raise DataProblem(f"The rate of {name} is {rate}.", "Give a positive number in `rates:`.")
    if rates.get(currency, 1.0) != 1.0:
        raise DataProblem(
            f"The rate of {currency}, the book's own currency, is given as {amount(rates[currency])}.",
            "Leave it out, or name the book's currency by `currency:`.",
        )
    table = {**rates, currency: 1.0}
    if all(name in table for name in held.categories):
        return _looked_up(held, table)
    present = set(held.categories[np.unique(held.codes)])
    unknown = sorted(present - set(table))
    if unknown:
        first = positions[(positions["currency"] == unknown[0]).to_numpy()]
        example = ", ".join(f"{name}: …" for name in unknown)
        raise DataProblem(
            f"{listed(dict.fromkeys(first['symbol'].astype(str)))} {'is' if len(first) == 1 else 'are'} in {unknown[0]}"
            f", the book is in {currency}, and {listed(unknown)} {'has' if len(unknown) == 1 else 'have'} no rate.",
            f"Give {currency} for one unit: `rates: {{{example}}}`.",
        )
    return _looked_up(held, table)


def _looked_up(column: pd.Categorical, table: Mapping[str, float]) -> Floats:
    """Each row's value by its category; computed once a category."""
    values = np.array([*(table.get(name, np.nan) for name in column.categories), np.nan], dtype=np.float64)
    found: Floats = values[column.codes]
    return found


def _benchmark(benchmark_ids: Integers, positions: int) -> int:
    found = np.unique(benchmark_ids)
    if len(found) > 1:
        raise DataProblem(
            f"The betas are to {len(found)} benchmarks: con_id {listed(found)}.", "Regress all on one benchmark."
        )
    if len(found) == 0 and positions:
        raise DataProblem(
            f"The book has {counted(positions, 'position')} and not one beta.", "Regress their returns on a benchmark."
        )
    return int(found[0]) if len(found) else 0


def _match(positions: pd.DataFrame, held: Mapping[str, Any], quote: Mapping[str, Any], quoted: Integers) -> None:
    """Refuse quotes that are not of the contract that is held: the value would be off by a factor."""
    rows = np.flatnonzero(quoted >= 0)
    places = quoted[rows]
    ours, theirs = held["currency"], quote["currency"]
    # Codes of the same categories can be compared as they are; otherwise theirs in terms of ours.
    codes = np.append(ours.categories.get_indexer(theirs.categories), -2)[theirs.codes[places]]
    for column, what, wrong in (
        ("currency", "in", np.flatnonzero(ours.codes[rows] != codes)),
        ("multiplier", "of multiplier", np.flatnonzero(held["multiplier"][rows] != quote["multiplier"][places])),
    ):
        if len(wrong):
            at = wrong[0]
            row = positions.iloc[rows[at]]
            said = quote[column][places[at]]
            raise DataProblem(
                f"{row['symbol']} (con_id {row['con_id']}) is held {what} {row[column]} and quoted "
                f"{what} {said}" + (f", and so are {len(wrong) - 1} more." if len(wrong) > 1 else "."),
                "Quote the very contracts that are held.",
            )


def _price_reason(place: int, price: float) -> str:
    if place < 0:
        return "no quote"
    if np.isnan(price):
        return "no price"
    return f"absurd price {amount(price)}"


def _tell(frame: pd.DataFrame, columns: Mapping[str, Any], kinds: pd.Categorical, quoted: Integers) -> None:
    if frame.empty:
        return
    covered = columns["covered"]
    by_count, by_value = covered_shares(covered, columns["value"])
    note(
        f"{int(covered.sum())} of {counted(len(frame), 'position')} covered, {by_count:.1%} by count"
        + (f" and {by_value:.1%} of the gross value that is known." if by_value is not None else ".")
    )
    if not covered.all():
        without = frame[~covered]
        named = (f"{_named(row)} in {row.account} ({row.reason})" for row in without.itertuples())
        note(f"Not covered: {listed(named, _NAMED)}.")
    at_close = np.append(_is_one_of(kinds, ("close",)), False)[quoted] & ~np.isnan(columns["price"])
    if at_close.any():
        old = frame["symbol"][at_close].astype(str)
        note(f"Marked at the previous close, for want of a market: {listed(dict.fromkeys(old), _NAMED)}.")


def _named(row: Any) -> str:
    """A stock by its symbol; an option or a future carries its underlying's, so it is told apart."""
    return str(row.symbol) if row.security_type == "STK" else f"{row.symbol} {row.security_type} {row.con_id}"
