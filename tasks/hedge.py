"""The trade that brings the book's beta to where it should be."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, cast

import numpy as np
import pandas as pd
from pandera.typing import DataFrame
from pydantic import Field

from schemas.book import Exposures
from schemas.market import Quotes
from schemas.risk import Hedges
from tasks.arrays import arrays_of, constant, frame_from
from tasks.connections.durations import Duration
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.exposure import covered_shares
from tasks.run import Run
from tasks.wording import amount, counted, listed

NOT_HEDGES = ("OPT", "FOP", "WAR", "IND", "BAG")
"""Security types that no hedge is made of: an option's delta isn't 1, an index can't be traded."""

FIVE_MINUTES = timedelta(minutes=5)
AHEAD = pd.Timedelta(seconds=5)
"""How far a quote's time may be past the run's clock: two machines never agree exactly."""

ENOUGH = 1 / 3


@task
def size_hedge(
    exposure: DataFrame[Exposures],
    quotes: DataFrame[Quotes],
    run: Run,
    instrument: str,
    target_beta: Annotated[float, Field(allow_inf_nan=False)] = 0.0,
    band: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0,
    minimum_r_squared: Annotated[float, Field(ge=0, lt=1)] = ENOUGH,
    rounding: Literal["nearest", "toward_zero"] = "nearest",
    maximum_age: Duration = FIVE_MINUTES,
    maximum_move: Annotated[float, Field(gt=0)] = 0.5,
    at_close: bool = False,
) -> DataFrame[Hedges]:
    """How many contracts of the instrument bring the book's beta to its target.

    With V the sum of value over the priced positions and H the sum of beta · value over the covered
    positions whose R² is above `minimum_r_squared`::

        exact quantity = (target_beta · V - H) / (price · multiplier)

    and 0 where |H - target_beta · V| is at most band · |V|. The instrument's beta to the benchmark
    is 1 by definition; what the book already holds of it counts in H like any other position.

    Parameters
    ----------
    exposure
        The book, in one currency.
    quotes
        The market; holds the instrument.
    run
        Its clock tells how old the quote is.
    instrument
        Symbol of what to trade: a stock, a fund, a future … in the book's currency.
    target_beta
        Beta the book should have, as a fraction of its value; 0 hedges all.
    band
        How far from the target the book may be, as a fraction of its value.
    minimum_r_squared
        A position whose R² isn't strictly above it moves on its own: a hedge would add risk.
    rounding
        nearest: to whole contracts, halves away from zero.  toward_zero: never more than exact.
    maximum_age
        An older quote is refused.
    maximum_move
        A price further from the previous close than this fraction of it is refused as absurd.
    at_close
        Whether a close will do for the instrument's price: for a hedge that is sized without a market.

    Returns
    -------
    Hedges
        One row. Money is in the book's currency.

    Raises
    ------
    DataProblem
        The instrument isn't one contract of the quotes, is in another currency, or has no price that
        can be trusted; or the book holds positions and none is covered.
    """
    quote = _find(quotes, instrument)
    now = run.now()
    # The quotes of a past session are old by now, and nothing is traded at them.
    _trust(quote, instrument, now, timedelta.max if run.past else maximum_age, maximum_move, at_close)
    _same_currency(exposure, quote, instrument)
    book = arrays_of(exposure)
    covered, worth, weighted = book["covered"], book["value"], book["beta_exposure"]
    if len(exposure) and not covered.any():
        raise DataProblem(
            f"None of the {counted(len(exposure), 'position')} is covered: a hedge would be sized on nothing.",
            "See the reasons in the exposure's rows.",
        )
    explained = covered & (book["r_squared"] > minimum_r_squared)
    value = math.fsum(worth[~np.isnan(worth)].tolist())
    covered_value = math.fsum(worth[covered].tolist())
    beta_exposure = math.fsum(weighted[covered].tolist())
    hedged = math.fsum(weighted[explained].tolist())
    away = hedged - target_beta * value
    exact = -away / (quote["price"] * quote["multiplier"]) + 0.0
    inside = abs(away) <= band * abs(value)
    quantity = 0.0 if inside else _rounded(exact, rounding)
    by_count, by_value = covered_shares(covered, worth)

    if (alone := covered & ~explained).any():
        names = dict.fromkeys(book["symbol"][alone])
        note(f"Not hedged, with an R² of {minimum_r_squared:.4g} or less: {listed(map(str, names))}.")
    if inside and away != 0:
        allowed = round(band * abs(value), 2)
        note(f"Inside the band: {amount(round(away, 2))} from the target, {amount(allowed)} allowed.")
    if len(exposure) and (book["benchmark_id"] != quote["con_id"]).any():
        note(f"{instrument} isn't the benchmark of the betas: its own beta is taken to be 1.")
    price, multiplier = float(quote["price"]), float(quote["multiplier"])
    columns: dict[str, Any] = {
        "con_id": np.array([quote["con_id"]], dtype=np.int64),
        "symbol": constant(quote["symbol"], 1),
        "security_type": constant(quote["security_type"], 1),
        "currency": constant(quote["currency"], 1),
        "multiplier": multiplier,
        "portfolio_value": value,
        "portfolio_beta": beta_exposure / covered_value if covered_value else math.nan,
        "beta_exposure": beta_exposure,
        "hedged_exposure": hedged,
        "target_beta": float(target_beta),
        "band": float(band),
        "quantity": quantity,
        "exact_quantity": exact,
        "rounding": constant(rounding, 1),
        "price": price,
        "price_kind": constant(quote["price_kind"], 1),
        "market_data": constant(quote["market_data"], 1),
        "notional": quantity * price * multiplier,
        "positions": np.array([len(exposure)], dtype=np.int64),
        "covered_positions": np.array([covered.sum()], dtype=np.int64),
        "coverage_by_count": by_count,
        "coverage_by_value": math.nan if by_value is None else by_value,
        "time": pd.DatetimeIndex([now]).as_unit("ns"),
        "session": np.array([run.session], dtype="datetime64[ns]"),
    }
    # A number alone is a column of one row.
    made = {name: np.array([given]) if isinstance(given, float) else given for name, given in columns.items()}
    return cast("DataFrame[Hedges]", frame_from(made, 1))


def _find(quotes: pd.DataFrame, instrument: str) -> Mapping[str, Any]:
    """The instrument's row."""
    columns = arrays_of(quotes)
    symbols = columns["symbol"]
    (code,) = symbols.categories.get_indexer([instrument])
    places: list[int] = np.flatnonzero(symbols.codes == code).tolist() if code >= 0 else []
    fitting = [place for place in places if columns["security_type"][place] not in NOT_HEDGES]
    if len(fitting) == 1:
        return {name: values[fitting[0]] for name, values in columns.items()}
    named, fit = quotes.iloc[places], quotes.iloc[fitting]
    if len(fit) > 1:
        raise DataProblem(
            f"The hedge instrument {instrument} is {len(fit)} contracts in the quotes: con_id {listed(fit['con_id'])}.",
            "Quote only the one to trade.",
        )
    if len(named):
        raise DataProblem(
            f"{instrument} is quoted only as {listed(sorted(set(named['security_type'].astype(str))))}, "
            "which no hedge is made of.",
            "Name a stock, a fund or a future by `instrument:`, and quote it.",
        )
    close = difflib.get_close_matches(instrument, sorted(set(symbols.astype(str))), cutoff=0.5)
    raise DataProblem(
        f"The hedge instrument {instrument} has no quote.",
        f"Did you mean {' or '.join(close)}?" if close else "Quote it with the book.",
    )


def _trust(
    quote: Mapping[str, Any],
    instrument: str,
    now: pd.Timestamp,
    maximum_age: timedelta,
    maximum_move: float,
    at_close: bool,
) -> None:
    """Refuse a price that an order shouldn't be sized at."""
    price, close, time = float(quote["price"]), float(quote["close"]), quote["time"]
    no_market = quote["price_kind"] == "close" and not at_close
    if no_market or quote["price_kind"] == "none" or math.isnan(price):
        kind = "only its previous close" if quote["price_kind"] == "close" else "no price"
        raise DataProblem(f"{instrument} has {kind}: no hedge is sized at that.", "Try again while its market is open.")
    if not (math.isfinite(price) and price > 0):
        raise DataProblem(f"{instrument} is quoted at {amount(price)}, an absurd price.", "See it at the broker.")
    if pd.isna(time):
        raise DataProblem(f"The quote of {instrument} doesn't say when it was made.", "Quote it again.")
    age = now - time
    if age > maximum_age:
        raise DataProblem(
            f"The quote of {instrument} is of {time:%Y-%m-%d %H:%M:%S} UTC, {_span(age)} old; "
            f"at most {_span(maximum_age)} is allowed.",
            "Quote it again, or raise `maximum_age`.",
        )
    if age < -AHEAD:
        raise DataProblem(
            f"The quote of {instrument} is of {time:%Y-%m-%d %H:%M:%S} UTC, {_span(-age)} past the run's clock.",
            "Set this machine's clock right.",
        )
    if not (math.isfinite(close) and close > 0):
        note(f"{instrument} has no previous close to hold its price against.")
    elif abs(price / close - 1) > maximum_move:
        raise DataProblem(
            f"{instrument} is quoted at {amount(price)}, {price / close - 1:+.0%} from its previous close "
            f"of {amount(close)}; at most {maximum_move:.0%} is allowed.",
            "See its quote, or raise `maximum_move`.",
        )
    if quote["market_data"] != "live":
        note(f"{instrument}'s price is {quote['market_data'].replace('_', ' and ')}, not live.")


def _same_currency(exposure: pd.DataFrame, quote: Mapping[str, Any], instrument: str) -> None:
    currency = exposure["currency"].array
    book = sorted(set(currency.categories[np.unique(currency.codes)]) - {quote["currency"]})
    if book:
        raise DataProblem(
            f"{instrument} is in {quote['currency']}, the book's exposure in {listed(book)}.",
            f"Mark the exposure in {quote['currency']}, or hedge with something in {book[0]}.",
        )


def _rounded(exact: float, rounding: str) -> float:
    whole = float(math.trunc(exact))
    # Adding a half before the floor would round 0.49999999999999994 up: the remainder is exact.
    if rounding == "nearest" and abs(exact - whole) >= 0.5:
        whole += math.copysign(1.0, exact)
    return whole + 0.0


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.3g} h" if seconds < 172_800 else f"{seconds / 86_400:,.0f} days"
