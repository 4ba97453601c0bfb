"""What has to be asked for, given what is stored, and what becomes of the two together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tasks.bars_store import COLUMNS, NUMBERS, Sessions, agreement, lacking, no_bars, present, times, within

TOLERANCE = 1e-6
"""Part of a close by which a stored one may differ from the same one asked for again, before it counts as another.

The broker's prices have at most eight digits, so that the same price comes as the same number; the smallest
dividends change what was before them by some 1e-4.
"""

DOUBT = 5
"""Sessions of overlap where one didn't agree: to tell a corrected last bar from an adjusted history."""


@dataclass(frozen=True)
class Answer:
    """What the broker said of one contract."""

    bars: pd.DataFrame
    """Of sessions, in order of time; columns as they are stored."""
    since: np.datetime64
    """The session from which on there are no other bars than these."""


@dataclass(frozen=True)
class Taken:
    """What an answer and the stored bars come to."""

    bars: pd.DataFrame | None
    """All that is known now; None where it takes a longer answer to tell."""
    change: Literal["", "corrected", "adjusted"] = ""
    """What the answer says of the stored bars: the last one was corrected, or all of them adjusted."""


def reach(stored: pd.DataFrame, wanted: Sessions, overlap: int) -> int:
    """How many of the latest wanted sessions have to be asked for; 0: none, all of them have been answered.

    From the first that lacks, and before it as many that have stored bars as `overlap` says; all, where there are
    too few of those.
    """
    lacks = lacking(stored, wanted)
    if not lacks.any():
        return 0
    has_bars = ~lacking(present(stored), wanted)
    before = np.flatnonzero(has_bars[: int(lacks.argmax())])
    return len(wanted) - int(before[-overlap]) if len(before) >= overlap else len(wanted)


def taken(stored: pd.DataFrame, answer: Answer, wanted: Sessions, asked: int, *, is_longest: bool) -> Taken:
    """Put an answer and what is stored together.

    Parameters
    ----------
    stored
        What is known so far.
    answer
        The broker's.
    wanted
        Sessions that are over, ascending; bars of others in the answer don't count.
    asked
        How many of the latest of them were asked for.
    is_longest
        Whether there is no longer answer to be had.
    """
    sessions = wanted[-asked:]
    bars = within(answer.bars, sessions)
    same = agreement(stored, bars, TOLERANCE)
    days = stored["session"].to_numpy().astype("datetime64[D]")
    others = stored[(days < sessions[0]) | (days > sessions[-1])]
    agrees = len(same) > 0 and bool(same.all())
    corrects = not agrees and _only_the_last(same)
    if not (agrees or corrects):
        if not is_longest and (asked < len(wanted) or answer.since > wanted[0]):
            return Taken(None)
        # Nothing is known of how others would be adjusted: earlier versions in the store have them.
        others = no_bars()
    vouched = sessions[sessions >= answer.since]
    joined = _joined(others, stored, bars, vouched)
    if agrees:
        return Taken(joined)
    if corrects:
        return Taken(joined, "corrected")
    return Taken(joined, "adjusted" if len(same) else "")


def _only_the_last(same: pd.Series[bool]) -> bool:
    """Whether bars of one session alone, the last, differ."""
    if not len(same):
        return False
    earlier = same[same.index < same.index[-1]]
    return len(earlier) > 0 and bool(earlier.all())


def _joined(others: pd.DataFrame, stored: pd.DataFrame, answer: pd.DataFrame, asked: Sessions) -> pd.DataFrame:
    """Bars of other sessions, and the answer's; sessions between that have none are marked so."""
    kept = _first_pulled(stored, answer)
    parts = [others, kept, _absences(answer, asked)]
    filled = [part for part in parts if len(part)]
    if not filled:
        return no_bars()
    joined = pd.concat(filled, ignore_index=True).sort_values("time", kind="stable", ignore_index=True)
    return joined[list(COLUMNS)]


def _first_pulled(stored: pd.DataFrame, answer: pd.DataFrame) -> pd.DataFrame:
    """The answer, in which bars that came just so before keep the run that pulled them."""
    runs = answer["run"].to_numpy(dtype=object, copy=True)
    _, mine, before = np.intersect1d(times(answer), times(stored), assume_unique=True, return_indices=True)
    same = answer["close"].to_numpy()[mine] == stored["close"].to_numpy()[before]
    runs[mine[same]] = stored["run"].to_numpy()[before[same]]
    return answer.assign(run=runs)


def _absences(answer: pd.DataFrame, asked: Sessions) -> pd.DataFrame:
    """A row for each session asked for that has no bar, up to the last that has one: later ones may come yet."""
    if answer.empty:
        return no_bars()
    last = answer["session"].max().to_datetime64().astype("datetime64[D]")
    days = asked[lacking(answer, asked) & (asked < last)].astype("datetime64[ns]")
    return pd.DataFrame(
        {
            "session": days,
            "time": pd.DatetimeIndex(days).tz_localize("UTC").as_unit("ns"),
            **{name: np.full(len(days), np.nan) for name in NUMBERS},
            "run": np.full(len(days), answer["run"].iloc[-1], dtype=object),
        }
    )
