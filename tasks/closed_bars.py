"""Bars of closed sessions by contract: what the store has, and what the broker is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.bars import market_of
from tasks.bars_store import NUMBERS, BarStore, Series, Sessions, lacking, present, within
from tasks.connections.calendars import exchange_calendar
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.bars import Bar, moments_of
from tasks.connections.problems import Problem
from tasks.incremental import TOLERANCE
from tasks.run import Run
from tasks.sessions import closed_sessions, moment_of
from tasks.stored_history import DailyBarReader, Kind, Puller, bars_as_known, running

if TYPE_CHECKING:
    from tasks.connections.ib.histories import Question

AT_ONCE = {"1 min": 1, **dict.fromkeys(("2 mins", "3 mins", "5 mins", "10 mins", "15 mins", "20 mins"), 2)}
"""Most sessions that the broker gives in one answer, by the size of the bars; more than that for longer ones."""
MANY = 20


class ClosedBars:
    """Whom to ask, and where what was asked is kept."""

    def __init__(self, broker: Broker, store: BarStore, run: Run, calendar: str) -> None:
        self._broker, self._store, self._run, self._calendar = broker, store, run, calendar
        self._moment = moment_of(run, calendar)
        self._market = market_of(broker)

    def sessions(self, count: int) -> Sessions:
        """The latest sessions that are over."""
        return closed_sessions(self._calendar, self._moment, count)

    def said(self, rows: int, size: str) -> dict[str, list[Any]]:
        """Columns that are the same for all."""
        return {"size": [size] * rows, "complete": [True] * rows, "market_data": [self._market] * rows}

    def daily(
        self, contracts: Sequence[Contract], wanted: Sessions, what: str | None, *, refresh: bool = False
    ) -> dict[int, pd.DataFrame | Problem]:
        """Daily bars by contract id; `what` of None: of trades, or what the type of contract has in their place."""
        from tasks.connections.ib.histories import Question, daily, duration

        def shown(contract: Contract) -> str:
            return what or daily(contract, 1, adjusted=False).what

        reader = DailyBarReader(self._calendar, wanted)
        kind = Kind(
            lambda contract, count: Question(contract, duration(count), what=shown(contract)),
            reader,
            lambda contract: Series(self._market, "1 day", shown(contract)),
            running(self._calendar, self._moment),
        )
        if self._run.past:
            pulled = bars_as_known(contracts, wanted, self._store, kind, self._run)
        else:
            pulled = Puller(self._broker, self._store, self._run, refresh=refresh).pull(contracts, wanted, kind)
        reader.tell()
        return {**pulled.bars, **pulled.refused}

    def known(
        self, contracts: Sequence[Contract], wanted: Sessions, size: str, what: str
    ) -> dict[int, pd.DataFrame | Problem]:
        """Bars that the store knew in the run's session."""
        series = Series(self._market, size, what)
        kind = Kind(_nobody, _nobody, lambda contract: series, 0)
        pulled = bars_as_known(contracts, wanted, self._store, kind, self._run)
        return {**pulled.bars, **pulled.refused}

    def fine(
        self, contracts: Sequence[Contract], wanted: Sessions, size: str, what: str
    ) -> dict[int, pd.DataFrame | Problem]:
        """Bars by contract id: stored ones, and the broker's for sessions that lack or have been adjusted."""
        series = Series(self._market, size, what)
        found: dict[int, pd.DataFrame | Problem] = {}
        windows: dict[int, list[Sessions]] = {}
        closes: dict[int, pd.Series[float]] = {}
        by_id = {contract.con_id: contract for contract in contracts}
        for con_id, days in self.daily(contracts, wanted, None).items():
            if isinstance(days, Problem):
                found[con_id] = days
                continue
            closes[con_id] = days.set_index("session")["close"]
            stored = self._store.read(series, con_id)
            true = _still_true(stored, closes[con_id])
            found[con_id] = within(present(true), wanted)
            # A session without a daily bar has no others either.
            traded = closes[con_id].index.to_numpy().astype("datetime64[D]")
            windows[con_id] = _windows(wanted, lacking(true, wanted) & np.isin(wanted, traded), AT_ONCE.get(size, MANY))
        lost: list[Problem] = []
        while questions := self._next(windows, by_id, size, what):
            for con_id, rows in self._broker.each_answer([question for question, _ in questions.values()]):
                asked = questions[con_id][1]
                if not isinstance(rows, Problem):
                    bars = self._placed(rows, asked, closes[con_id])
                    self._store.add(series, con_id, bars, self._run)
                    held = found[con_id]
                    if isinstance(held, pd.DataFrame):
                        found[con_id] = pd.concat([held, present(bars)]) if len(held) else present(bars)
                    continue
                if rows.retryable:
                    lost.append(rows)
                found[con_id] = rows
                windows[con_id].clear()
            if lost:
                raise lost[0]
        return {con_id: each if isinstance(each, Problem) else _ordered(each) for con_id, each in found.items()}

    def _next(
        self, windows: dict[int, list[Sessions]], by_id: Mapping[int, Contract], size: str, what: str
    ) -> dict[int, tuple[Question, Sessions]]:
        """The next question about each contract that some are left of."""
        from tasks.connections.ib.histories import Question

        questions: dict[int, tuple[Question, Sessions]] = {}
        for con_id, left in windows.items():
            if left:
                asked = left.pop(0)
                end = self._hours(asked).closes.iloc[-1].strftime("%Y%m%d-%H:%M:%S")
                questions[con_id] = Question(by_id[con_id], f"{len(asked)} D", size, what, end), asked
        return questions

    def _hours(self, asked: Sessions) -> Any:
        """The calendar's schedule from the first to the last of these sessions."""
        calendar = exchange_calendar(self._calendar, asked[0].astype(object), asked[-1].astype(object))
        return calendar.schedule.loc[str(asked[0]) : str(asked[-1])].rename(
            columns={"open": "opens", "close": "closes"}
        )

    def _placed(self, rows: Sequence[Bar], asked: Sessions, closes: pd.Series[float]) -> pd.DataFrame:
        """An answer's bars of these sessions, as they are stored: with the session's daily close at this time."""
        hours = self._hours(asked)
        times = pd.to_datetime(moments_of([row.date for row in rows]), utc=True).as_unit("ns")
        place = np.searchsorted(hours.opens.to_numpy(), times.to_numpy(), side="right") - 1
        inside = (place >= 0) & (times.to_numpy() < hours.closes.to_numpy()[np.maximum(place, 0)])
        sessions = hours.index.to_numpy().astype("datetime64[ns]")
        numbers = {name: np.array([getattr(row, name) for row in rows], dtype=np.float64) for name in NUMBERS}
        frame = pd.DataFrame({"session": sessions[np.maximum(place, 0)], "time": times, **numbers})[inside]
        frame = frame[np.isfinite(frame["close"])].drop_duplicates("time", keep="last")
        empty = ~np.isin(sessions, frame["session"].to_numpy())
        begun = pd.DatetimeIndex(hours.opens[empty]).as_unit("ns")
        none = pd.DataFrame({"session": sessions[empty], "time": begun, **dict.fromkeys(NUMBERS, np.nan)})
        frame = _ordered(pd.concat([part for part in (frame, none) if len(part)]))
        return frame.assign(run=self._run.id, day_close=closes.reindex(frame["session"]).to_numpy())


def _nobody(*_: Any) -> Any:
    raise AssertionError("a past session asks nobody")


def _still_true(stored: pd.DataFrame, closes: pd.Series[float]) -> pd.DataFrame:
    """Stored bars of sessions whose daily close still is what it was when they were pulled."""
    if stored.empty:
        return stored
    now = closes.reindex(stored["session"]).to_numpy()
    return stored[np.abs(stored["day_close"].to_numpy() - now) <= TOLERANCE * now]


def _windows(wanted: Sessions, lacks: NDArray[np.bool_], at_once: int) -> list[Sessions]:
    """Sessions that lack, in runs of neighbours of so many at most."""
    places = np.flatnonzero(lacks)
    runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    return [wanted[run[at : at + at_once]] for run in runs for at in range(0, len(run), at_once)]


def _ordered(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.sort_values("time", kind="stable", ignore_index=True)
