"""A source that callbacks feed: the latest of each key, none lost, nothing made up."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest

from tasks.connections.clock import ManualClock
from tasks.pushed import Pushed


def rows(*keys: int) -> pd.DataFrame:
    return pd.DataFrame({"con_id": np.array(keys, dtype=np.int64), "price": np.zeros(len(keys))})


def given(batch) -> dict[int, float]:
    return dict(zip(batch.rows["con_id"].tolist(), batch.rows["price"].tolist(), strict=True))


def test_a_batch_holds_what_was_pushed_since_the_one_before_with_its_latest_number():
    pushed = Pushed(rows(3, 1, 2), "con_id", "price")
    pushed.put(1, 10.0, 1)
    pushed.put(2, 20.0, 2)
    pushed.put(1, 11.0, 3)
    first = next(pushed)
    assert (given(first), first.sequence) == ({1: 11.0, 2: 20.0}, 3)
    pushed.put(3, 30.0, 4)
    second = next(pushed)
    assert (given(second), second.sequence) == ({3: 30.0}, 4)


@pytest.mark.parametrize("keys", [(3, 1, 2), (3, 10**9, 2), (7,)], ids=["table", "search", "one"])
def test_many_at_once_are_the_same_as_one_by_one(keys):
    rng = np.random.default_rng(7)
    asked = rng.choice([*keys, 0, 5, 2 * 10**9], 1000).astype(np.int64)
    values = rng.random(1000)
    one, many = (Pushed(rows(*keys), "con_id", "price") for _ in range(2))
    for number, (key, value) in enumerate(zip(asked.tolist(), values.tolist(), strict=True), 1):
        one.put(key, value, number)
    many.put_many(asked, values, 1000)
    assert given(next(many)) == given(next(one))
    assert many.unknown == int((~np.isin(asked, keys)).sum())
    assert one.unknown == len(set(asked.tolist()) - set(keys))


def test_it_says_when_a_batch_was_made_where_it_is_asked_to():
    clock = ManualClock("2022-12-28T15:00Z")
    stamped = rows(1, 2).assign(time=pd.DatetimeIndex(["2020-01-01T00:00Z"] * 2).as_unit("ns"))
    pushed = Pushed(stamped, "con_id", "price", "time", clock)
    pushed.put_many(np.array([1, 2]), np.array([1.0, 2.0]), 1)
    batch = next(pushed)
    assert batch.rows["time"].tolist() == [clock.now()] * 2
    assert str(batch.rows["time"].dtype) == "datetime64[ns, UTC]"


def test_closing_ends_a_waiting_reader():
    pushed = Pushed(rows(1), "con_id", "price")
    ended = threading.Event()
    threading.Thread(target=lambda: (list(pushed), ended.set()), daemon=True).start()
    pushed.close()
    assert ended.wait(5)


def test_nothing_is_lost_while_it_is_read_from_another_thread():
    keys = list(range(1, 51))
    pushed = Pushed(rows(*keys), "con_id", "price")
    last: dict[int, float] = {}
    seen: list[int] = []
    total = 100_000

    def read() -> None:
        while not seen or seen[-1] < total:
            batch = next(pushed)
            last.update(given(batch))
            seen.append(batch.sequence)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    for number in range(1, total + 1):
        pushed.put(keys[number % 50], float(number), number)
    reader.join(20)
    assert not reader.is_alive()
    assert last == {keys[number % 50]: float(number) for number in range(total - 49, total + 1)}
    assert seen == sorted(seen)
