"""A source's batches: what is in them, how they end, and what becomes of bad news."""

from __future__ import annotations

import threading
import time
from typing import Any

import pandas as pd
import pytest

from schemas.accounts import AccountPnl
from tasks.account_frames import account_pnl
from tasks.connections.clock import ManualClock, WallClock
from tasks.connections.ib.rows.accounts import Pnl
from tasks.connections.ib.subscriptions import Subscription
from tasks.connections.problems import ConnectionProblem, DataProblem
from tasks.stream import Arrival, Stream

NOW = pd.Timestamp("2022-12-28T20:45Z")


def subscription(what: str = "P&L of DU1", limit: int = 100_000) -> Subscription:
    return Subscription("P&L", what, None, None, connection="gateway", limit=limit)


def read(arrivals: list[Arrival]) -> pd.DataFrame:
    latest = {key: row for key, _, row in arrivals}
    return account_pnl(latest, "", NOW)


def stream(subscriptions: dict[str, Any], **options: Any) -> Stream[Any]:
    return Stream(
        subscriptions, options.pop("read", read), AccountPnl, options.pop("clock", ManualClock(NOW)), **options
    )


def test_a_batch_holds_all_that_has_come_in_the_order_in_which_it_came() -> None:
    first, second = subscription("P&L of DU1"), subscription("P&L of DU2")
    seen: list[Any] = []

    def keep(arrivals: list[Arrival]) -> pd.DataFrame:
        seen.extend((arrival.key, arrival.row.daily) for arrival in arrivals)
        return read(arrivals)

    both = stream({"DU1": first, "DU2": second}, read=keep)
    first.add(Pnl(1.0, 0.0, 0.0), 10)
    second.add(Pnl(2.0, 0.0, 0.0), 5)
    first.add(Pnl(3.0, 0.0, 0.0), 10)
    second.add(Pnl(4.0, 0.0, 0.0), 20)
    batch = next(both)
    assert seen == [("DU2", 2.0), ("DU1", 1.0), ("DU1", 3.0), ("DU2", 4.0)]
    assert batch.rows[["account", "daily_pnl"]].values.tolist() == [["DU1", 3.0], ["DU2", 4.0]]
    assert (batch.sequence, batch.time) == (4, NOW)


def test_what_is_over_the_limit_is_in_the_next_batch() -> None:
    only = subscription()
    source = stream({"DU1": only}, limit=2)
    for value in range(5):
        only.add(Pnl(float(value), 0.0, 0.0), value)
    found = [next(source) for _ in range(3)]
    assert [batch.sequence for batch in found] == [2, 4, 5]
    assert [batch.rows["daily_pnl"].tolist() for batch in found] == [[1.0], [3.0], [4.0]]


def test_next_waits_for_a_row_and_close_ends_it() -> None:
    only = subscription()
    source = stream({"DU1": only})
    threading.Timer(0.1, only.add, (Pnl(7.0, 0.0, 0.0), 1)).start()
    assert next(source).rows["daily_pnl"].tolist() == [7.0]
    threading.Timer(0.1, source.close).start()
    assert list(source) == []
    assert only.done


def test_messages_that_tell_nothing_make_no_batch() -> None:
    only = subscription()
    source = stream({"DU1": only}, read=lambda arrivals: read([each for each in arrivals if each.row.daily > 0]))
    only.add(Pnl(-1.0, 0.0, 0.0), 1)
    threading.Timer(0.1, only.add, (Pnl(1.0, 0.0, 0.0), 2)).start()
    assert next(source).rows["daily_pnl"].tolist() == [1.0]


def test_by_the_walls_clock_a_row_is_dated_when_it_came_and_by_a_simulated_one_when_that_was() -> None:
    times: list[int] = []

    def keep(arrivals: list[Arrival]) -> pd.DataFrame:
        times.extend(arrival.time for arrival in arrivals)
        return read(arrivals)

    only = subscription()
    wall = stream({"DU1": only}, read=keep, clock=WallClock())
    only.add(Pnl(1.0, 0.0, 0.0), 1_672_260_300_000_000_007)
    assert next(wall).time == pd.Timestamp("2022-12-28T20:45:00.000000007Z")
    simulated = stream({"DU1": only}, read=keep, clock=ManualClock("2020-01-02T15:00Z"))
    only.add(Pnl(1.0, 0.0, 0.0), 1_672_260_300_000_000_007)
    assert next(simulated).time == pd.Timestamp("2020-01-02T15:00Z")
    assert times == [1_672_260_300_000_000_007, pd.Timestamp("2020-01-02T15:00Z").value]


def test_one_that_is_refused_is_noted_and_the_others_go_on(notes: list[str]) -> None:
    good, bad = subscription("P&L of DU1"), subscription("P&L of DU2")
    told: list[Any] = []
    source = stream({"DU1": good, "DU2": bad}, refused=lambda key, problem: told.append((key, str(problem))))
    bad.complete(DataProblem("P&L of DU2: the broker says 321, no such account."))
    good.add(Pnl(1.0, 0.0, 0.0), 1)
    assert next(source).rows["account"].tolist() == ["DU1"]
    assert told == [("DU2", "P&L of DU2: the broker says 321, no such account.")]
    assert notes == ["Not covered: P&L of DU2: the broker says 321, no such account."]


def test_when_all_are_refused_the_problem_is_raised_after_what_had_come() -> None:
    first = subscription()
    source = stream({"DU1": first, "DU2": ConnectionProblem("P&L of DU2: too many at once.")})
    first.add(Pnl(1.0, 0.0, 0.0), 1)
    first.complete(DataProblem("P&L of DU1: the broker says 200."))
    assert next(source).rows["daily_pnl"].tolist() == [1.0]
    with pytest.raises((DataProblem, ConnectionProblem), match=r"DU2: too many|DU1: the broker says 200"):
        next(source)


def test_a_row_that_breaks_the_schema_is_left_out_and_counted(notes: list[str]) -> None:
    only = subscription()

    def twice(arrivals: list[Arrival]) -> pd.DataFrame:
        frame = read([*arrivals, Arrival("DU9", 0, arrivals[0].row)])
        return frame.iloc[[0, 0, 1]]

    source = stream({"DU1": only}, read=twice)
    only.add(Pnl(1.0, 0.0, 0.0), 1)
    assert next(source).rows["account"].tolist() == ["DU9"]
    assert source.bad == 2
    only.add(Pnl(1.0, 0.0, 0.0), 2)
    assert next(source).rows["account"].tolist() == ["DU9"]
    assert source.bad == 4
    (line,) = notes
    assert "its key fails unique_key" in line
    assert "DU1" in line


def test_with_a_wake_read_is_asked_although_nothing_came() -> None:
    asked: list[int] = []

    def count(arrivals: list[Arrival]) -> pd.DataFrame:
        asked.append(len(arrivals))
        return read([Arrival("DU1", 0, Pnl(9.0, 0.0, 0.0))] if len(asked) == 3 else [])

    source = stream({"DU1": subscription()}, read=count, wake=0.01)
    assert next(source).rows["daily_pnl"].tolist() == [9.0]
    assert asked == [0, 0, 0]


def test_what_was_dropped_and_what_is_stale_can_be_asked() -> None:
    only = subscription(limit=2)
    source = stream({"DU1": only})
    for value in range(5):
        only.add(Pnl(float(value), 0.0, 0.0), value)
    assert source.dropped == 3
    only.interrupt()
    assert source.stale
    only.add(Pnl(1.0, 0.0, 0.0), 9)
    assert not source.stale


def test_waiting_costs_nothing() -> None:
    only = subscription()
    source = stream({"DU1": only})
    only.add(Pnl(1.0, 0.0, 0.0), 1)
    next(source)
    threading.Timer(0.4, only.add, (Pnl(2.0, 0.0, 0.0), 2)).start()
    before = time.process_time()
    assert next(source).rows["daily_pnl"].tolist() == [2.0]
    assert time.process_time() - before < 0.2
