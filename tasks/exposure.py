"""What each position is worth, and how much of the benchmark it moves like."""

from __future__ import annotations

import math
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandera.typing import DataFrame

from schemas.book import Exposures, Positions
from schemas.market import Quotes
from schemas.risk import Betas
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
    contract = positions["con_id"].to_numpy()
    quantity = positions["quantity"].to_numpy()
    multiplier = positions["multiplier"].to_numpy()
    rate = _rates(positions, currency, rates or {})
    benchmark_id = _benchmark(betas, len(positions))

    quoted = pd.Index(quotes["con_id"]).get_indexer(contract)
    regressed = pd.Index(betas["con_id"]).get_indexer(contract)
    _match(positions, quotes, quoted)
    seen = _taken(quotes["price"].to_numpy(), quoted)
    worthless = (seen == 0) & positions["security_type"].isin(CAN_BE_WORTHLESS).to_numpy()
    price = np.where(np.isfinite(seen) & ((seen > 0) | worthless), seen, np.nan)
    beta = _taken(betas["beta"].to_numpy(), regressed)
    value = quantity * price * multiplier * rate
    covered = np.isfinite(value) & np.isfinite(beta)

    reason = np.full(len(contract), "", dtype=object)
    why = betas["reason"].to_numpy()
    for row in np.flatnonzero(~covered):
        lacks = []
        if not np.isfinite(value[row]):
            lacks.append(_price_reason(quoted[row], seen[row]))
        if not np.isfinite(beta[row]):
            lacks.append(f"no beta: {(why[regressed[row]] or 'unknown') if regressed[row] >= 0 else 'no history'}")
        reason[row] = "; ".join(lacks)
    frame = pd.DataFrame(
        {
            "account": positions["account"].array,
            "con_id": contract,
            "symbol": positions["symbol"].array,
            "security_type": positions["security_type"].array,
            "quantity": quantity,
            "multiplier": multiplier,
            "price": price,
            "contract_currency": positions["currency"].array,
            "currency": pd.Categorical([currency] * len(contract), categories=[currency]),
            "rate": rate,
            "value": value,
            "pnl": value - quantity * positions["average_cost"].to_numpy() * rate,
            "benchmark_id": np.full(len(contract), benchmark_id, dtype=np.int64),
            "beta": beta,
            "r_squared": _taken(betas["r_squared"].to_numpy(), regressed),
            "beta_exposure": beta * value,
            "covered": covered,
            "reason": reason,
        }
    )
    _tell(frame, positions, quotes, quoted)
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
    covered = exposure["covered"].to_numpy()
    gross = np.nan_to_num(np.abs(exposure["value"].to_numpy()))
    total = math.fsum(gross)
    by_count = float(covered.mean()) if len(covered) else 1.0
    return by_count, (min(1.0, math.fsum(gross[covered]) / total) if total > 0 else None)


def _taken(values: Floats, place: Integers) -> Floats:
    """The values at these places; NaN for place -1."""
    return np.append(values, np.nan)[place]


def _rates(positions: pd.DataFrame, currency: str, rates: dict[str, float]) -> Floats:
    """Each position's rate into the book's currency."""
    for name, rate in rates.items():
        if not (np.isfinite(rate) and rate > 0):
            raise DataProblem(f"The rate of {name} is {rate}.", "Give a positive number in `rates:`.")
    if rates.get(currency, 1.0) != 1.0:
        raise DataProblem(
            f"The rate of {currency}, the book's own currency, is given as {amount(rates[currency])}.",
            "Leave it out, or name the book's currency by `currency:`.",
        )
    held = positions["currency"].astype(str)
    table = {**rates, currency: 1.0}
    unknown = sorted(set(held) - set(table))
    if unknown:
        first = positions[held == unknown[0]]
        example = ", ".join(f"{name}: …" for name in unknown)
        raise DataProblem(
            f"{listed(dict.fromkeys(first['symbol'].astype(str)))} {'is' if len(first) == 1 else 'are'} in {unknown[0]}"
            f", the book is in {currency}, and {listed(unknown)} {'has' if len(unknown) == 1 else 'have'} no rate.",
            f"Give {currency} for one unit: `rates: {{{example}}}`.",
        )
    return np.array([table[name] for name in held], dtype=np.float64)


def _benchmark(betas: pd.DataFrame, positions: int) -> int:
    found = np.unique(betas["benchmark_id"].to_numpy())
    if len(found) > 1:
        raise DataProblem(
            f"The betas are to {len(found)} benchmarks: con_id {listed(found)}.", "Regress all on one benchmark."
        )
    if len(found) == 0 and positions:
        raise DataProblem(
            f"The book has {counted(positions, 'position')} and not one beta.", "Regress their returns on a benchmark."
        )
    return int(found[0]) if len(found) else 0


def _match(positions: pd.DataFrame, quotes: pd.DataFrame, quoted: Integers) -> None:
    """Refuse quotes that are not of the contract that is held: the value would be off by a factor."""
    rows = np.flatnonzero(quoted >= 0)
    held, quote = positions.iloc[rows], quotes.iloc[quoted[rows]]
    for column, what in (("currency", "in"), ("multiplier", "of multiplier")):
        ours, theirs = (frame[column].astype(object).to_numpy() for frame in (held, quote))
        wrong = np.flatnonzero(ours != theirs)
        if len(wrong):
            at = wrong[0]
            raise DataProblem(
                f"{held['symbol'].iloc[at]} (con_id {held['con_id'].iloc[at]}) is held {what} {ours[at]} and quoted "
                f"{what} {theirs[at]}" + (f", and so are {len(wrong) - 1} more." if len(wrong) > 1 else "."),
                "Quote the very contracts that are held.",
            )


def _price_reason(place: int, price: float) -> str:
    if place < 0:
        return "no quote"
    if np.isnan(price):
        return "no price"
    return f"absurd price {amount(price)}"


def _tell(frame: pd.DataFrame, positions: pd.DataFrame, quotes: pd.DataFrame, quoted: Integers) -> None:
    if frame.empty:
        return
    by_count, by_value = coverage(frame)
    note(
        f"{int(frame['covered'].sum())} of {counted(len(frame), 'position')} covered, {by_count:.1%} by count"
        + (f" and {by_value:.1%} of the gross value that is known." if by_value is not None else ".")
    )
    without = frame[~frame["covered"]]
    if len(without):
        named = (f"{_named(row)} in {row.account} ({row.reason})" for row in without.itertuples())
        note(f"Not covered: {listed(named, _NAMED)}.")
    kind = np.append(quotes["price_kind"].astype(str).to_numpy(), "")[quoted]
    old = positions["symbol"][(kind == "close") & frame["price"].notna().to_numpy()]
    if len(old):
        note(f"Marked at the previous close, for want of a market: {listed(dict.fromkeys(old.astype(str)), _NAMED)}.")


def _named(row: Any) -> str:
    """A stock by its symbol; an option or a future carries its underlying's, so it is told apart."""
    return str(row.symbol) if row.security_type == "STK" else f"{row.symbol} {row.security_type} {row.con_id}"
