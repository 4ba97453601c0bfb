"""Bars from the broker, asked for only where the store lacks them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.bars_store import (
    NUMBERS,
    BarStore,
    Series,
    Sessions,
    lacking,
    no_bars,
    present,
    same_frame,
    within,
)
from tasks.connections.calendars import exchange_calendar
from tasks.connections.ib.broker import Broker
from tasks.connections.ib.contracts import Contract
from tasks.connections.ib.rows.bars import Bar, days_of
from tasks.connections.problems import DataProblem, Problem
from tasks.connections.scope import note
from tasks.incremental import DOUBT, Answer, reach, taken
from tasks.run import Run
from tasks.wording import counted, listed

if TYPE_CHECKING:
    from tasks.connections.ib.histories import Question

Ask = Callable[[Contract, int], "Question"]
"""The question about a contract for its latest so many sessions, by its own exchange's count."""
Read = Callable[[Sequence[Bar]], tuple[pd.DataFrame, Sessions]]
"""An answer as a frame of the store's columns but `run`, unusable bars left out; and the days it is of, ascending."""

SPARE = 0.06
"""How many more sessions one exchange has than another has, at most."""


@dataclass(frozen=True)
class Kind:
    """What is asked for, how the answer is read, and where it is kept."""

    ask: Ask
    read: Read
    series: Callable[[Contract], Series]
    running: int
    """How many sessions the broker counts that aren't over."""


@dataclass
class Pulled:
    """What a pull came to."""

    bars: dict[int, pd.DataFrame] = field(default_factory=dict)
    """Of the wanted sessions, by contract id; without any where the broker has none."""
    refused: dict[int, DataProblem] = field(default_factory=dict)
    """Why there are none, by contract id."""


class Puller:
    """Pulls bars of many contracts, and keeps each contract's as they come.

    Parameters
    ----------
    broker
        Whom to ask; it waits where the desk has asked too much.
    store
        Where bars are kept; None: nowhere, and all are asked for.
    run
        Who pulls.
    refresh
        Whether to ask for all, whatever is stored.
    """

    def __init__(self, broker: Broker, store: BarStore | None, run: Run, *, refresh: bool = False) -> None:
        self._broker, self._store, self._run, self._refresh = broker, store, run, refresh
        self._changed: dict[str, list[Contract]] = {"corrected": [], "adjusted": []}

    def pull(self, contracts: Sequence[Contract], wanted: Sessions, kind: Kind) -> Pulled:
        """Bars of these sessions, which are over, ascending.

        Raises a problem that may pass, such as a lost connection, once all that has come is stored: the
        next pull asks for the rest.
        """
        pulled, open_ = Pulled(), list(contracts)
        lost: list[Problem] = []
        rounds = (
            (1, 0),
            (DOUBT, 0),  # what doesn't agree with what is stored is asked for further back,
            (len(wanted) + 1, 1),  # then whole,
            (len(wanted) + 1, 5 + int(len(wanted) * SPARE)),  # and where its exchange has more sessions, for longer
        )
        for overlap, spare in rounds:
            is_longest = (overlap, spare) == rounds[-1]
            questions: dict[int, tuple[Contract, int]] = {}
            for contract in open_:
                length = len(wanted)
                if not self._refresh:
                    stored = self._stored(kind, contract)
                    length = reach(stored, wanted, overlap)
                if length:
                    questions[contract.con_id] = contract, length
                else:
                    pulled.bars[contract.con_id] = within(present(stored), wanted)
            open_ = []
            counts = {
                con_id: length + kind.running + (max(1, spare) if length == len(wanted) else 0)
                for con_id, (_, length) in questions.items()
            }
            asked = [kind.ask(contract, counts[con_id]) for con_id, (contract, _) in questions.items()]
            for con_id, rows in self._broker.each_answer(asked) if asked else ():
                if isinstance(rows, DataProblem):
                    pulled.refused[con_id] = rows
                    continue
                if isinstance(rows, Problem):
                    lost.append(rows)
                    continue
                contract, length = questions[con_id]
                bars, days = kind.read(rows)
                # Fewer than asked for: it has no others.
                since = days[0] if len(days) and len(days) >= counts[con_id] else wanted[-length]
                answer = Answer(bars.assign(run=self._run.id), since)
                if not self._take(pulled, contract, kind, answer, wanted, length, is_longest=is_longest):
                    open_.append(contract)
            if lost:
                raise lost[0]
            if not open_:
                break
        self._tell()
        return pulled

    def _take(
        self,
        pulled: Pulled,
        contract: Contract,
        kind: Kind,
        answer: Answer,
        wanted: Sessions,
        asked: int,
        *,
        is_longest: bool,
    ) -> bool:
        """Store an answer; False where it takes a longer one."""
        stored = self._stored(kind, contract)  # again: another run may have stored more meanwhile
        found = taken(stored, answer, wanted, asked, is_longest=is_longest)
        if found.bars is None:
            return False
        if found.change:
            self._changed[found.change].append(contract)
        if self._store is not None and not same_frame(found.bars, stored):
            self._store.write(kind.series(contract), contract.con_id, found.bars, self._run)
        pulled.bars[contract.con_id] = within(present(found.bars), wanted)
        return True

    def _stored(self, kind: Kind, contract: Contract) -> pd.DataFrame:
        return no_bars() if self._store is None else self._store.read(kind.series(contract), contract.con_id)

    def _tell(self) -> None:
        if adjusted := self._changed["adjusted"]:
            note(
                f"Pulled whole: {listed(adjusted)}. What was stored isn't what the broker says now: a split or a "
                "dividend has adjusted it."
            )
        if corrected := self._changed["corrected"]:
            note(f"The last stored bar of {listed(corrected)} was corrected by the broker.")


class DailyBarReader:
    """Reads daily bars; those on other days than the calendar's sessions are of no use, and counted."""

    def __init__(self, calendar: str, sessions: Sessions) -> None:
        self._calendar, self._sessions = calendar, sessions
        self._strays = 0

    def __call__(self, bars: Sequence[Bar]) -> tuple[pd.DataFrame, Sessions]:
        """See `Read`."""
        days = days_of([bar.date for bar in bars])
        numbers = {name: np.array([getattr(bar, name) for bar in bars], dtype=np.float64) for name in NUMBERS}
        close = numbers["close"]
        over = (days >= self._sessions[0]) & (days <= self._sessions[-1])
        useful = over & np.isin(days, self._sessions) & np.isfinite(close) & (close > 0)
        self._strays += int((over & ~useful).sum())
        frame = daily_frame(days[useful], {name: values[useful] for name, values in numbers.items()})
        return frame, np.unique(days)

    def tell(self) -> None:
        """Note how many there were."""
        if self._strays:
            note(
                f"{counted(self._strays, 'bar')} left out: no close above zero, or on days that are no sessions of "
                f"{self._calendar}."
            )


def daily_frame(days: Sessions, numbers: dict[str, np.ndarray]) -> pd.DataFrame:
    """Daily bars as they are stored, each day once, in order."""
    sessions = days.astype("datetime64[ns]")
    frame = pd.DataFrame(
        {
            "session": sessions,
            "time": pd.DatetimeIndex(sessions).tz_localize("UTC").as_unit("ns"),
            **numbers,
        }
    )
    return frame.drop_duplicates("session", keep="last").sort_values("session", ignore_index=True)


def tell_pulled_before(frames: Iterable[pd.DataFrame], run: Run) -> None:
    """Note which runs pulled the bars that this one took from the store: their messages are what came over the wire."""
    runs = Counter[str]()
    for frame in frames:
        runs.update(frame["run"].to_numpy().tolist())
    del runs[run.id]
    if runs:
        said = listed((f"{name} ({count:,})" for name, count in runs.most_common()), shown=3)
        note(f"{counted(runs.total(), 'bar')} from the store, pulled by {'run' if len(runs) == 1 else 'runs'} {said}.")


def running(calendar: str, now: pd.Timestamp) -> int:
    """How many sessions have begun, or begin today, and aren't over: the broker counts such a one too."""
    day = pd.Timedelta(days=1)
    table = exchange_calendar(calendar, now - day, now + 3 * day)
    today = pd.Timestamp(now.tz_convert(table.tz).date())
    near = table.closes[(table.closes > now) & (table.closes.index <= today + 2 * day)]
    begun = (table.opens[near.index] <= now) | (near.index == today)
    return int(begun.sum())


def bars_as_known(contracts: Sequence[Contract], wanted: Sessions, store: BarStore, kind: Kind, run: Run) -> Pulled:
    """Bars of these sessions as the store knew them in the run's session; nobody is asked."""
    pulled = Pulled()
    later: list[Contract] = []
    short: list[str] = []
    for contract in contracts:
        bars, hindsight = store.read_as_of(kind.series(contract), contract.con_id, wanted, run)
        pulled.bars[contract.con_id] = present(bars)
        if not len(bars):
            pulled.refused[contract.con_id] = DataProblem(f"nothing is stored of its sessions up to {run.session}.")
            continue
        if missing := int(lacking(bars, wanted).sum()):
            short.append(f"{contract} lacks {missing} of {len(wanted)}")
        if hindsight:
            later.append(contract)
    if later:
        note(f"Pulled after {run.session}, and adjusted for what came since: {listed(later)}.")
    if short:
        note(f"Sessions that were never pulled: {listed(short)}.")
    return pulled
