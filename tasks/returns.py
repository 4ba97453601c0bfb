"""Daily returns from daily closes."""

from __future__ import annotations

from typing import Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandera.typing import DataFrame

from schemas.frame import strictly_increasing
from schemas.market import Prices, Returns
from tasks.connections.calendars import exchange_calendar
from tasks.connections.problems import DataProblem
from tasks.connections.scope import note
from tasks.declare import task
from tasks.wording import counted, listed

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

_DAY = 86_400_000_000_000
_NAMED = 5
"""How many gaps a sentence names before it only counts them."""


@task
def compute_returns(
    prices: DataFrame[Prices], kind: Literal["simple", "log"] = "simple", calendar: str = "XNYS"
) -> DataFrame[Returns]:
    """Return of each session over the one before, per contract.

    simple: r[t] = close[t] / close[t-1] - 1.  log: r[t] = ln(close[t] / close[t-1]).

    Simple returns add up across positions, log returns across sessions: a book's beta wants
    simple ones.

    Parameters
    ----------
    prices
        Adjusted closes, one row a contract and session, in any order.
    kind
        Which return.
    calendar
        The exchange calendar that says which session follows which, by its ISO 10383 code.

    Returns
    -------
    Returns
        A row for every price but each contract's first, sorted by con_id and session; a fraction
        (0.01 is 1 %), per session. Where the calendar has a session between two prices the return
        is null: a gap isn't bridged, and a note names it.

    Raises
    ------
    DataProblem
        The calendar is unknown, or doesn't hold one of the frame's sessions.
    """
    if not strictly_increasing(prices, ["con_id", "session"]):
        order = np.lexsort((prices["session"].to_numpy(), prices["con_id"].to_numpy()))
        prices = prices.iloc[order]
    contract = prices["con_id"].to_numpy()
    close = prices["close"].to_numpy()
    sessions, place = _places(prices, calendar)

    same = contract[1:] == contract[:-1]
    step = place[1:] - place[:-1]
    with np.errstate(all="ignore"):
        change = close[1:] / close[:-1]
        value = np.log(change) if kind == "log" else change - 1.0
    # An infinite close makes the ratio infinite, then zero: neither is a return.
    absurd = same & (step == 1) & ~(np.isfinite(change) & (change > 0))
    value[(step != 1) | absurd] = np.nan

    rows = np.flatnonzero(same) + 1
    gaps = np.flatnonzero(same & (step > 1)) + 1
    if len(gaps):
        note(_tell_gaps(prices, gaps, sessions, place))
    if absurd.any():
        note(f"{_names(prices, np.flatnonzero(absurd) + 1)}: closes with no finite ratio, which give no return.")
    symbol = prices["symbol"].array
    frame = pd.DataFrame(
        {
            "con_id": contract[rows],
            "symbol": symbol.take(rows),
            "session": prices["session"].to_numpy()[rows],
            "return": value[rows - 1],
        },
        copy=False,
    )
    return cast("DataFrame[Returns]", frame)


def _places(prices: pd.DataFrame, calendar: str) -> tuple[Integers, Integers]:
    """The calendar's sessions, in days since 1970, and the place of each row's among them."""
    moments = prices["session"].to_numpy().astype("datetime64[ns]", copy=False).view(np.int64)
    if not len(moments):
        return moments, moments
    days = moments // _DAY
    first, last = int(days.min()), int(days.max())
    sessions = session_days(calendar, first, last)
    # A table from day to place is one look-up a row: searching a million rows costs ten times that.
    table = np.full(last - first + 1, -1, dtype=np.int64)
    table[sessions - first] = np.arange(len(sessions))
    place = table[days - first]
    stray = (place < 0) | (moments != days * _DAY)
    if stray.any():
        wrong = np.unique(moments[stray]).astype("datetime64[ns]")
        raise DataProblem(
            f"{listed([str(moment)[:19].removesuffix('T00:00:00') for moment in wrong])} "
            f"in the prices of {_names(prices, np.flatnonzero(stray))} "
            f"{'is no session' if len(wrong) == 1 else 'are no sessions'} of the calendar {calendar}.",
            "Give the exchange's own by `calendar:`, or drop the rows.",
        )
    return sessions, place


def session_days(calendar: str, first: int, last: int) -> Integers:
    """Sessions of a calendar between two days, inclusive, as days since 1970, ascending.

    Raises `DataProblem` where there is no such calendar, or it doesn't reach so far.
    """
    start, end = (pd.Timestamp(day * _DAY) for day in (first, last))
    sessions = exchange_calendar(calendar, start, end).sessions
    days: Integers = sessions.to_numpy().astype("datetime64[ns]").view(np.int64) // _DAY
    return days[(first <= days) & (days <= last)]


def _tell_gaps(prices: pd.DataFrame, gaps: Integers, sessions: Integers, place: Integers) -> str:
    """Which contracts miss which sessions: the first by name, the rest by number."""
    seen = np.bincount(place, minlength=len(sessions)) > 0
    count = int((place[gaps] - place[gaps - 1] - 1).sum())
    contracts = len(np.unique(prices["con_id"].to_numpy()[gaps]))
    named = [
        f"{prices['symbol'].iloc[row]} {listed(_dates(sessions[place[row - 1] + 1 : place[row]]))}"
        for row in gaps[:_NAMED]
    ]
    more = len(gaps) - len(named)
    return (
        f"{counted(count, 'price is', 'prices are')} missing in {counted(contracts, 'contract')} "
        f"and not bridged: {'; '.join(named)}"
        + (f"; and {counted(more, 'more gap')}." if more else ".")
        + ("" if seen.all() else f" Nothing has a price on {listed(_dates(sessions[~seen]))}.")
    )


def _names(prices: pd.DataFrame, rows: Integers) -> str:
    return listed(list(dict.fromkeys(prices["symbol"].iloc[rows].astype(str))))


def _dates(days: Integers) -> list[str]:
    return [str(day) for day in days.astype("datetime64[D]")]
